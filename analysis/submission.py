"""Writes the last run's submissions as the organisers want them sent.

Reads data/submissions, which decode wrote, and params.yaml. Writes a folder with a folder for each
task: a zip where the organisers want one, with a text about the system where they want that too,
and the files as they are elsewhere. Prints where each is sent, as far as that is known (sources:
the pages of the tasks in docs/tasks), and which files are missing.

    python -m analysis.submission          # writes submission/
"""

import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages import decode
from stages.common import settings
from stages.common.command import InputError, argument_parser, run
from stages.common.outputs import check_sums, whole_folder
from stages.tasks import load
from stages.toolkit.records import Sending
from stages.toolkit.settings import Run

log = logging.getLogger(__name__)

SUBMISSIONS = Path("data/submissions")
DATE = (1980, 1, 1, 0, 0, 0)  # of all files in an archive, so that equal content is equal bytes


def description(params: Mapping[str, Any]) -> str:
    """A text about the system, from the settings of the run."""
    finetune, lora = params["finetune"], params["finetune"]["lora"]
    revision = params["model"]["revision"]
    named = lora["targets"]
    targets = f"{named} linear layers" if isinstance(named, str) else ", ".join(named)
    lines = (
        f"Team {params['decode']['team']}, run {params['decode']['run']}.",
        "One model for all tasks of EVALITA 2023, after ExtremITA: fine-tuned with LoRA, on all at"
        " once.",
        f"Base model: {params['model']['base']}{f' at {revision}' if revision else ''},"
        f" quantization {params['model']['quantization']}.",
        f"LoRA: rank {lora['rank']}, alpha {lora['alpha']}, dropout {lora['dropout']},"
        f" on {targets}.",
        f"Training: {finetune['epochs']} epochs, batches of {finetune['batch']}, learning rate"
        f" {finetune['learning_rate']} (an encoder's: {finetune.get('encoder_rate', 1.0)} of it),"
        f" seed {finetune['seed']}.",
        f"Training data: {', '.join(params['tasks'])}.",
    )
    return "\n".join(lines) + "\n"


def pack(
    files: Mapping[str, bytes], sending: Sending, names: Run, about: str, folder: Path
) -> None:
    """Writes a task's submission.

    Args:
        files: contents by name, as decode wrote them.
        sending: how the organisers want it.
        names: team and run.
        about: the text about the system.
        folder: where to write.
    """
    sent = {name.removesuffix(sending.suffix): content for name, content in files.items()}
    if sending.description:
        sent[sending.description] = about.encode("utf-8")
    if not sending.archive:
        for name, content in sent.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / names.file_name(sending.archive), "w") as archive:
        for name, content in sent.items():
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def main() -> None:
    """Writes the folder."""
    parser = argument_parser(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("submission"))
    target: Path = parser.parse_args().folder
    chosen = settings.read(decode.Settings)
    about = description(settings.load(settings.PARAMS))
    present = [name for name in chosen.tasks if (SUBMISSIONS / name).is_dir()]
    if not present:
        raise InputError(f"{SUBMISSIONS}: no submissions; `dvc repro` comes first")
    check_sums(SUBMISSIONS)
    with whole_folder(target) as folder:
        for name in present:
            sending = load(name).SENDING
            paths = sorted(p for p in (SUBMISSIONS / name).rglob("*") if p.is_file())
            files = {p.relative_to(SUBMISSIONS / name).as_posix(): p.read_bytes() for p in paths}
            pack(files, sending, chosen.decode, about, folder / name)
            log.info("%s: %s", name, sending.how)
            needed = map(chosen.decode.file_name, sending.needed)
            if missing := [file for file in needed if file not in files]:
                log.warning("%s: missing, but asked for: %s", name, ", ".join(missing))


if __name__ == "__main__":
    run(main)
