"""What leaves the repository: the card, the adapter in plain peft, the merged model, GGUF."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from analysis import card, export
from analysis.merge import ALLOWED, merge
from analysis.provenance import read_record
from analysis.push import TRAVEL
from stages.answering.answers import Answerer, Question
from stages.answering.engines import load_engine
from stages.common import settings
from stages.common.command import InputError
from stages.common.prompts import Prompts
from stages.infer import Settings
from stages.model.loading import load_tokenizer, settled
from stages.model.text import TextEncoder
from stages.tasks import names
from stages.training.provenance import FileHash, Place, RunRecord
from tests.helpers import adapters
from tests.helpers.commands import command
from tests.helpers.models import model_settings
from tests.helpers.params import put

TEXT = "Che bella giornata!"


@pytest.fixture(scope="module")
def exported(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of the reproduced project with its export, and what the command printed."""
    folder = tmp_path_factory.mktemp("exported") / "project"
    shutil.copytree(reproduced, folder)
    result = command(folder, "analysis.export", "export")
    assert result.returncode == 0, result.stderr
    return folder, result.stdout


def metadata(page: str) -> Any:
    return yaml.safe_load(page.split("---\n")[1])


def test_the_adapters_folder_holds_what_may_travel(exported: tuple[Path, str]) -> None:
    folder, _ = exported
    adapter = folder / "export" / "adapter"
    assert {path.name for path in adapter.iterdir()} == {*TRAVEL}
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (adapter / name).read_bytes() == (folder / "models/adapter" / name).read_bytes()
    assert read_record(adapter) == read_record(folder / "models" / "adapter")
    for path in adapter.iterdir():
        assert str(folder).encode() not in path.read_bytes(), path.name


def test_the_card_has_the_scores_where_people_and_the_hub_read_them(
    exported: tuple[Path, str],
) -> None:
    folder, _ = exported
    page = (folder / "export/adapter/README.md").read_text(encoding="utf-8")
    units = json.loads((folder / "metrics/evaluate.json").read_text())["units"]
    (model,) = metadata(page)["model-index"]
    assert len(model["results"]) == len(units) == 1
    ((name, unit),) = units.items()
    (metric,) = model["results"][0]["metrics"]
    assert (metric["type"], metric["value"]) == (unit["metric"], unit["value"])
    assert [metric["args"][key] for key in ("low", "high")] == [unit["low"], unit["high"]]
    row = rf"\| {name} +\| micro f1 +\| {unit['value']:.3f} +\| {unit['low']:.3f} to"
    assert re.search(row, page)
    assert "invented sample data" in page
    assert metadata(page)["license"] == "apache-2.0"
    assert "base_model" not in metadata(page)  # a folder's name would be taken for a hub id
    assert "{{" not in page and "{%" not in page


def answered_here(folder: Path, subtask: str) -> tuple[list[int], str]:
    """The ids of a prompt and the answer, as infer makes them; in the folder of a project."""
    own = settings.read(Settings)
    prompts = settings.read(Prompts, card.PROMPTS)
    model = settled(own.model)
    encoder = TextEncoder(model, load_tokenizer(model), prompts)
    ids = encoder.encode_question(subtask, TEXT, 10**6).ids
    engine = load_engine(own.model, own.infer, folder / "models" / "adapter", [ids])
    answerer = Answerer(engine, encoder, {}, {}, own.infer.max_new_tokens)
    ((_, answer),) = answerer.answer([Question("x", subtask, ids)])
    return ids, answer.answer


def test_the_script_of_the_card_answers_as_infer_does(
    exported: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = exported
    monkeypatch.chdir(folder)
    page = (folder / "export/adapter/README.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert script.count("\n") <= 32
    assert script.count('ADAPTER = "."') == 1
    found: dict[str, Any] = {}
    exec(script.replace('ADAPTER = "."', 'ADAPTER = "export/adapter"'), found)
    ids, answer = answered_here(folder, "clinkart")
    assert (found["ids"], found["answer"]) == (ids, answer)

    merged = AutoModelForCausalLM.from_pretrained(folder / "export/merged", dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder / "export/merged")
    prompt = torch.tensor([ids])
    written = merged.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=60)
    alone = tokenizer.decode(written[0, len(ids) :], skip_special_tokens=True).strip()
    assert answer and alone[:10] == answer[:10]
    assert merged.generation_config.eos_token_id == [2]


def test_the_difference_of_the_merged_model_is_printed(exported: tuple[Path, str]) -> None:
    folder, printed = exported
    found = re.findall(r"^(the adapter on .*?)  +(\S+)$", printed, re.MULTILINE)
    assert [label for label, _ in found] == [
        "the adapter on the base's values",
        "the adapter on the base as it runs (none)",
    ]
    assert all(0 < float(difference) <= ALLOWED for _, difference in found)
    merged = {path.name for path in (folder / "export" / "merged").iterdir()}
    assert merged >= {"model.safetensors", "config.json", "tokenizer.json", "run.json"}


def test_scores_of_another_run_are_refused(
    exported: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, _ = exported
    shutil.copytree(folder, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    scores = Path("metrics/evaluate.json")
    scores.write_text(scores.read_text().replace('"headline": 0.', '"headline": 1.'))
    put(tmp_path / "project", {"infer.max_new_tokens": 59})
    with pytest.raises(InputError, match="changed in evaluate, infer: `dvc repro` comes first"):
        card.check_up_to_date()


# --- Merging --------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
@pytest.mark.filterwarnings("ignore:MatMul8bitLt")
def test_a_merged_model_is_base_and_adapter(
    tiny_base: Path, tmp_path: Path, quantization: str
) -> None:
    """Also beside a quantised base; int8 alone computes otherwise than with its values."""
    adapter = adapters.save(tiny_base, tmp_path / "adapter", "LoRA")
    base = model_settings(tiny_base, quantization=quantization)
    prompts = [[1, *range(10, 60)], [1, 7, 8]]
    found = merge(base, adapter, prompts, torch.float32, tmp_path / "merged")
    assert found.from_values <= ALLOWED < found.largest
    assert (found.from_base <= ALLOWED) == (quantization != "int8")
    config = json.loads((tmp_path / "merged/config.json").read_text())
    assert "quantization_config" not in config
    assert config["dtype"] == "float32"


def test_weights_in_16_bits_are_written_and_their_rounding_measured(
    tiny_base: Path, tmp_path: Path
) -> None:
    adapter = adapters.save(tiny_base, tmp_path / "adapter", "LoRA")
    prompts = [[1, *range(10, 60)]]
    found = merge(model_settings(tiny_base), adapter, prompts, torch.bfloat16, tmp_path / "merged")
    assert ALLOWED < found.from_values < found.largest
    assert json.loads((tmp_path / "merged/config.json").read_text())["dtype"] == "bfloat16"


def test_a_merged_model_that_differs_is_not_kept(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.merge.ALLOWED", 0.0)
    adapter = adapters.save(tiny_base, tmp_path / "adapter", "LoRA")
    with pytest.raises(InputError, match="logits of the merged model differ"):
        merge(model_settings(tiny_base), adapter, [[1, 7]], torch.float32, tmp_path / "merged")


def test_an_adapter_that_peft_cannot_merge_is_named(tiny_base: Path, tmp_path: Path) -> None:
    adapter = adapters.save(tiny_base, tmp_path / "adapter", "aLoRA")
    with pytest.raises(InputError, match="peft cannot merge this adapter"):
        merge(model_settings(tiny_base), adapter, [[1, 7]], torch.float32, tmp_path / "merged")


# --- GGUF -----------------------------------------------------------------------------------------


@pytest.fixture
def llama_cpp(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder, with a converter that stands in for its own."""
    folder = tmp_path / "llama.cpp"
    folder.mkdir()
    shutil.copy(root / "tests/helpers/converter.py", folder / "convert_hf_to_gguf.py")
    monkeypatch.setenv("LLAMA_CPP", str(folder))
    return folder


def test_the_converter_of_llama_cpp_is_used_where_it_is(
    llama_cpp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged, path = tmp_path / "merged", tmp_path / "merged.gguf"
    export.export_gguf(merged, path, "float16")
    assert path.read_text() == f"{merged} f16"
    path.unlink()
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    export.export_gguf(merged, path, "float16")
    assert not path.exists()


def test_a_converter_that_fails_leaves_nothing_of_an_earlier_model(
    llama_cpp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERTER_FAILS", "1")
    (tmp_path / "merged.gguf").write_text("before")
    with pytest.raises(InputError, match="cannot convert .*: BPE pre-tokenizer unknown"):
        export.export_gguf(tmp_path / "merged", tmp_path / "merged.gguf", "float32")
    assert not list(tmp_path.glob("*.gguf*"))
    assert not list(tmp_path.glob(".*.tmp"))


# --- Parts of the card ----------------------------------------------------------------------------


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
def test_the_card_of_real_data_and_a_base_of_a_hub(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantization: str
) -> None:
    """Without a token before the prompt, and with two that end an answer."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(root / "params.yaml", tmp_path)
    shutil.copytree(root / "docs" / "tasks", tmp_path / "docs" / "tasks")
    (tmp_path / "metrics").mkdir()
    shutil.copy(root / "metrics" / "evaluate.json", tmp_path / "metrics")
    put(
        tmp_path,
        {
            "tasks": ["nermud", "hodi"],
            "data.raw": "data/raw",
            "model.base": "gruppo/modello",
            "model.revision": "a" * 40,
            "model.bos_id": None,
            "model.eos_id": [7, 2],
            "model.quantization": quantization,
        },
    )
    own = settings.load(Path("params.yaml"))
    cost = {"device": "GPU", "seconds": 3.0, "energy_kwh": None, "co2e_kg": None}
    record = RunRecord(
        written="",
        experiment=None,
        adapter={"adapter_model.safetensors": FileHash(size=1, sha256="b" * 64)},
        code=None,
        base=Place(place="gruppo/modello", revision="a" * 40, files={}),
        tokenizer=None,
        inputs={},
        settings={"model": own["model"], "finetune": own["finetune"]},
        python="3",
        platform="x",
        cost=cost,
    )
    page = str(card.card(record, ["hodi_a", "nermud"]))
    assert metadata(page)["base_model"] == "gruppo/modello"
    assert metadata(page)["license"] == "other"
    assert re.search(r"\| hodi +\| .*organisers' repository.* \| CC BY-NC-SA 4.0", page)
    assert "invented" not in page and "kWh" not in page
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    compile(script, "script", "exec")
    assert f'revision="{"a" * 40}"' in script
    assert "ids = tokenizer(" in script and "eos_token_id=[7, 2]" in script
    assert ("BitsAndBytesConfig(load_in" in script) == (quantization != "none")


@pytest.mark.parametrize("task", names())
def test_every_task_says_where_its_data_are_and_under_which_licence(
    root: Path, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert card.task_row(task, "licence").strip()
    assert card.task_row(task, "where").strip()


def test_filled_prompts_are_those_of_the_pipeline(root: Path) -> None:
    prompts = settings.read(Prompts, root / "data/prompts/it.yaml")
    filled = card.filled_prompts(prompts, ["acti_b", "hodi_b"])
    assert filled.keys() == {"acti_b", "hodi_b"}
    for name, (before, after) in filled.items():
        assert before + TEXT + after == prompts.render(name, TEXT)
