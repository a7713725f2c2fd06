"""Export: the adapter as it leaves the repository, a merged model, and GGUF.

Reads what `dvc repro` has left of the last run (analysis/card.py). Writes FOLDER/adapter, which
plain peft loads: the adapter's own files, its card, the prompts of its sub-tasks and the record of
its run; FOLDER/merged, base and adapter as one model, with the difference of its logits printed;
and FOLDER/merged.gguf, if convert_hf_to_gguf.py of llama.cpp is on the path or in the folder that
LLAMA_CPP names. No data of a task is among it.

    python -m analysis.export export
    python -m analysis.export export --adapter-only
    python -m analysis.export export --dtype bfloat16   # of the merged model; float32 is exact
"""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

from analysis.card import (
    ADAPTER,
    PROMPTS,
    card,
    check_up_to_date,
    filled_prompts,
    trained_subtasks,
)
from analysis.provenance import EXPORTED, read_record
from stages.common.command import InputError, argument_parser, run
from stages.common.files import write_json, write_text
from stages.common.outputs import whole_folder
from stages.common.prompts import Prompts
from stages.common.settings import read
from stages.infer import Settings
from stages.training.provenance import RunRecord

log = logging.getLogger(__name__)

TEXT = "Che bella giornata!"  # what the merged model is compared on, after each instruction
CONVERTER = "convert_hf_to_gguf.py"
TYPES = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
"""Number types of weights, by the names of torch and of llama.cpp."""


def export_adapter(record: RunRecord, folder: Path) -> None:
    """Writes the adapter's folder.

    Args:
        record: of the adapter's run.
        folder: to write.
    """
    subtasks = trained_subtasks()
    prompts = read(Prompts, PROMPTS)
    page = str(card(record, subtasks))
    with whole_folder(folder) as temporary:
        for name in record.adapter:
            shutil.copy(ADAPTER / name, temporary)
        write_text(temporary / "README.md", page)
        write_json(temporary / "prompts.json", filled_prompts(prompts, subtasks))
        write_json(temporary / EXPORTED, record.model_dump())


def export_merged(record: RunRecord, folder: Path, dtype: str) -> None:
    """Writes base and adapter as one model, and prints how far it is from the two.

    Args:
        record: of the adapter's run, which goes with the model.
        folder: to write.
        dtype: number type of its weights.

    Raises:
        InputError: if it cannot be merged, or is not the same model.
    """
    import torch
    from tabulate import tabulate

    from analysis.merge import merge
    from stages.model.loading import load_config, load_tokenizer, settled
    from stages.model.text import TextEncoder, max_positions

    settings = read(Settings)
    given = settled(settings.model)
    tokenizer = load_tokenizer(given)
    encoder = TextEncoder(given, tokenizer, read(Prompts, PROMPTS))
    positions = max_positions(load_config(settings.model))
    ids = [encoder.encode_question(name, TEXT, positions).ids for name in trained_subtasks()]
    with whole_folder(folder) as temporary:
        found = merge(settings.model, ADAPTER, ids, getattr(torch, dtype), temporary)
        tokenizer.save_pretrained(str(temporary))
        write_json(temporary / EXPORTED, record.model_dump())
    quantization = settings.model.quantization
    rows = [
        ("the adapter on the base's values", f"{found.from_values:.1e}"),
        (f"the adapter on the base as it runs ({quantization})", f"{found.from_base:.1e}"),
        ("the largest logit", f"{found.largest:.1f}"),
    ]
    print(f"Largest difference of logits of {folder} ({dtype}), {len(ids)} prompts:")
    print(tabulate(rows, ("from", "difference"), "simple", disable_numparse=True))
    if quantization == "int8":
        print("Layers in int8 also round what goes into them; a merged model does not.")


def check_family() -> None:
    """Makes sure that the card, and a merged model, are for the base that was adapted.

    Raises:
        InputError: if it is not decoder-only.
    """
    from stages.model.loading import settled

    given = settled(read(Settings).model)
    if given.family != "decoder-only":
        raise InputError(
            f"model.base {given.base!r} is {given.family}; expected decoder-only, which the card of"
            f" an exported adapter is about. {ADAPTER} itself is what this pipeline answers with"
        )


def converter() -> Path | None:
    """Returns llama.cpp's converter, if it is there."""
    here = Path(os.environ.get("LLAMA_CPP", "."), CONVERTER)
    found = str(here) if here.is_file() else shutil.which(CONVERTER)
    return Path(found) if found else None


def export_gguf(merged: Path, path: Path, dtype: str) -> None:
    """Converts a merged model.

    Args:
        merged: its folder.
        path: file to write.
        dtype: number type of the weights.

    Raises:
        InputError: if llama.cpp's converter fails, as with a tokenizer that it does not know.
    """
    path.unlink(missing_ok=True)  # of an earlier model
    script = converter()
    if script is None:
        log.info("no %s on the path or in LLAMA_CPP: no GGUF", CONVERTER)
        return
    temporary = path.with_name(f".{path.name}.tmp")
    options = ["--outfile", str(temporary), "--outtype", TYPES[dtype]]
    command = [sys.executable, str(script), str(merged), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode or not temporary.is_file():
        temporary.unlink(missing_ok=True)
        message = done.stderr.strip().rpartition("\n")[2]
        raise InputError(f"{script} cannot convert {merged}: {message}")
    temporary.replace(path)
    log.info("wrote %s", path)


def main() -> None:
    """Exports."""
    parser = argument_parser(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("export"))
    parser.add_argument("--adapter-only", action="store_true", help="no merged model, no GGUF")
    parser.add_argument("--dtype", choices=TYPES, default="float32", help="of the merged model")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    record = read_record(ADAPTER)
    check_up_to_date()
    check_family()
    export_adapter(record, folder / "adapter")
    if not arguments.adapter_only:
        export_merged(record, folder / "merged", arguments.dtype)
        export_gguf(folder / "merged", folder / "merged.gguf", arguments.dtype)


if __name__ == "__main__":
    run(main)
