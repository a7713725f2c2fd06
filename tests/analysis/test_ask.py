"""One-off questions: the output, and that infer would answer the same."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from analysis import ask, demo
from analysis.ask import Example, Reply
from stages import infer
from stages.answering.answers import Answer
from stages.common.command import InputError
from stages.common.files import write_json, write_jsonl
from stages.common.prompts import Prompts
from stages.common.settings import read
from stages.model.loading import load_base
from stages.training.adapter import add_lora
from stages.training.settings import Lora
from tests.helpers import commands
from tests.helpers.models import CPU, FP32, model_settings
from tests.helpers.params import put

TEST = [
    ("haspeede:1", "haspeede", "Che bella giornata.", "no"),
    ("hodi_b:1", "hodi_b", "Il paziente presenta glicemia.", None),
    ("haspeede:2", "haspeede", "Che brutta gente.", "sì"),
    ("acti_a@lecture:1", "acti_a", "Lo sanno tutti.", "no"),
    ("wicita_2@lecture:1", "wicita_2", "riso [SEP] riso", "riso 2.0"),
    ("hodi_b:2", "hodi_b", "Norma.", "nessuna"),
]
TRAIN = [("hodi_b:3", "hodi_b", "Nella norma.", "no"), ("haspeede:3", "haspeede", "Ma no.", "no")]
YES_NO = ["sì", "no"]


def lines(rows: list[tuple[str, str, str, str | None]]) -> str:
    keys = ("id", "task", "input", "output")
    return "".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows)


@pytest.fixture(scope="module")
def folder(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code, a tiny base, an adapter and encoded questions; not to be changed."""
    root = Path(__file__).parents[2]
    folder = tmp_path_factory.mktemp("ask")
    shutil.copytree(root / "stages", folder / "stages", ignore=shutil.ignore_patterns("__py*"))
    shutil.copytree(root / "data" / "prompts", folder / "data" / "prompts")
    shutil.copytree(tiny_base, folder / "base")
    shutil.copy(root / "params.yaml", folder)
    put(folder, {"model.base": "base", "infer.max_new_tokens": 6})
    base = load_base(model_settings(tiny_base), CPU, FP32)
    lora = Lora(rank=2, alpha=4, dropout=0.0, targets=["q_proj", "v_proj"])
    adapted = add_lora(base, lora)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    adapted.save_pretrained(str(folder / "models" / "adapter"))
    encoded = folder / "data" / "encoded"
    encoded.mkdir()
    (encoded / "test.jsonl").write_text(lines(TEST))
    keys = ("id", "task", "input")
    write_jsonl(encoded / "questions.jsonl", (dict(zip(keys, row, strict=False)) for row in TEST))
    prompts = read(Prompts, folder / "data" / "prompts" / "it.yaml")
    write_json(encoded / "prompts.json", prompts.model_dump())
    for split in ("train", "dev"):
        (encoded / f"{split}.jsonl").write_text(lines(TRAIN))
    (encoded / "forms.json").write_text("{}")
    (encoded / "closed.json").write_text(json.dumps({"haspeede": YES_NO, "acti_a": YES_NO}))
    return folder


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def command(folder: Path, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    return commands.command(folder, "analysis.ask", *arguments, given=given)


def files(folder: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def field(block: str, label: str) -> str:
    """The text behind a label, over several lines perhaps."""
    found = re.search(rf"^{label} +((?:.*)(?:\n {{{ask.LABEL}}}.*)*)$", block, re.MULTILINE)
    assert found, (label, block)
    return "\n".join(line.strip() for line in found[1].split("\n"))


@pytest.mark.process
def test_a_text_is_asked_about_and_nothing_is_written(folder: Path) -> None:
    before = files(folder)
    result = command(folder, "Che bella giornata.", "--task", "haspeede")
    assert result.returncode == 0, result.stderr
    shown = result.stdout
    assert shown.startswith("--- haspeede ---")
    assert "| Il testo contiene odio? Rispondi sì o no.\n|\n| ### Input:\n" in shown
    assert "| Che bella giornata.\n|\n| ### Risposta:\nanswer" in shown
    answer = field(shown, "answer")
    assert field(shown, "read as") == {"sì": "1", "no": "0"}[answer]
    assert field(shown, "ended").startswith("stop, ")
    held = [line.split() for line in field(shown, "probability").split("\n")]
    assert [text for _, text in held][0] == answer
    assert {text for _, text in held} == set(YES_NO)
    assert sum(float(probability) for probability, _ in held) == pytest.approx(1, abs=0.002)
    assert "gold" not in shown
    assert files(folder) == before


@pytest.mark.process
def test_lines_of_a_pipe_are_asked_about_one_by_one_with_one_model(folder: Path) -> None:
    result = command(folder, "--task", "hodi_b", given="Il paziente è qui.\n\n  \nAltro")
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.strip().split("\n\n")
    assert "| Il paziente è qui." in first
    assert "| Altro" in second
    assert "probability" not in result.stdout
    assert result.stderr.count("load adapter") == 1
    alone = command(folder, "Altro", "--task", "hodi_b")
    assert alone.stdout.strip() == second


@pytest.mark.long
def test_examples_are_the_first_of_each_subtask_with_their_gold(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ask", "--examples"])
    ask.main()
    blocks = capsys.readouterr().out.strip().split("\n\n")
    titles = [block.split()[1] for block in blocks]
    assert titles == ["haspeede:1", "hodi_b:1", "acti_a@lecture:1", "wicita_2@lecture:1"]
    golds = [field(b, "gold") if "\ngold" in b else None for b in blocks]
    assert golds == ["no", None, "no", "riso 2.0"]
    assert ["\nprobability " in block for block in blocks] == [True, False, True, False]


@pytest.mark.long
def test_infer_answers_the_same(
    inside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = tmp_path / "predictions"
    folders = ("data/encoded", "models/adapter", str(predictions), str(tmp_path / "metrics"))
    monkeypatch.setattr(sys, "argv", ["infer", *folders])
    infer.main()
    shutil.rmtree(inside / ".scratch")
    settings = read(ask.Settings)
    prompts = read(Prompts, Path(settings.data.prompts))
    respondent = ask.Respondent(settings, prompts, Path("models/adapter"), Path("data/encoded"))
    rows = map(json.loads, (predictions / "test.jsonl").read_text().splitlines())
    for row, (name, subtask, text, _) in zip(rows, TEST, strict=True):
        (reply,) = respondent.reply([Example(name, subtask, text)])
        given = reply.answer._asdict()
        for optional in ("probabilities", "expectations"):
            assert given.pop(optional) == pytest.approx(row.pop(optional, None))
        assert row == {"id": name, "task": subtask, **given}


def test_without_encoded_files_every_subtask_is_open(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["ask", "Ciao", "--task", "haspeede", "--encoded", "absent"]
    monkeypatch.setattr(sys, "argv", arguments)
    ask.main()
    shown = capsys.readouterr().out
    assert "probability" not in shown
    assert field(shown, "ended") == "length, 6 tokens"
    assert field(shown, "read as") == ask.UNREADABLE


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["x", "--task", "hasped"],
            "--task: no sub-task 'hasped' in the prompt file; expected one",
        ),
        (["x"], "--task: no sub-task is named; expected one of acti_a, acti_b, clinkart,"),
        (["--examples", "--encoded", "absent"], f"{Path('absent/test.jsonl')}: cannot be read"),
        (
            ["x", "--task", "haspeede", "--adapter", "absent"],
            "absent: holds no adapter; `dvc repro` makes models/adapter",
        ),
    ],
)
def test_what_is_missing_is_named_in_one_line(
    folder: Path, arguments: list[str], message: str
) -> None:
    result = command(folder, *arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    *_, last = result.stderr.splitlines()
    assert last.startswith(f"error: {message}")
    assert "Traceback" not in result.stderr
    assert "load base" not in result.stderr


@pytest.mark.process
@pytest.mark.parametrize("more", [["x"], ["--task", "haspeede"]])
def test_examples_stand_alone(folder: Path, more: list[str]) -> None:
    result = command(folder, "--examples", *more)
    assert result.returncode == 2
    assert "expected neither a text nor --task" in result.stderr


def test_a_text_that_is_not_utf8_is_refused() -> None:
    assert ask.check_text("perché 🙂") == "perché 🙂"
    with pytest.raises(InputError, match=r"the text 'perch\\udce9': expected UTF-8"):
        ask.check_text("perch\udce9")


@pytest.mark.process
def test_help_imports_nothing_heavy(root: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "analysis.ask", "--help"],
        cwd=root,
        text=True,
        capture_output=True,
    )
    assert "Ask: " in result.stdout
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "stages.tasks.lecture" in imported
    assert not imported & {"torch", "transformers", "spacy", "sklearn", "datasets"}


def test_every_subtask_of_the_prompt_file_has_a_reader(root: Path) -> None:
    prompts = read(Prompts, root / "data" / "prompts" / "it.yaml")
    for subtask in prompts.instructions:
        assert ask.parse_answer(subtask, " ") is None, subtask


@pytest.mark.parametrize(
    ("subtask", "answer", "words"),
    [
        ("acti_b", "terra piatta", "3"),
        ("clinkart", "[BREL] 3 [SEP] Hb [EREL] [BREL]", "result 3, test Hb"),
        ("clinkart", "[NOREL]", "none"),
        ("discotex_1", "si", "1"),
        ("discotex_2", "9,5", "5.0"),
        ("emit_a", "gioia boh amore", "Joy; Love"),
        ("emit_b", "non_specificato", "none"),
        ("emotivita", "1 2.5 3", "V 1.0, A 2.5, D 3.0"),
        ("geolingit", "[regione] lazio [geo] 1", "region Lazio"),
        ("geolingit_a", "Lazio", "Lazio"),
        ("haspeede", "forse", ask.UNREADABLE),
        ("hodi_a", "Sì.", "1"),
        ("hodi_b", "un po' [gap] così", "un po'; così"),
        ("langlearn", "sì", "0"),
        ("multifakedetective", "certamente vero", "3"),
        ("nermud", "[PER] Anna [LOC] Roma [2]", "kind PER, text Anna; kind LOC, text Roma [2]"),
        ("politicit", "donna boh destra", "gender female, ideology_multiclass right"),
        ("wicita", "no", "0"),
        ("wicita_1", "riso  uguale\n", "riso  uguale"),
    ],
)
def test_what_decode_reads_is_described(subtask: str, answer: str, words: str) -> None:
    assert ask.describe(ask.parse_answer(subtask, answer)) == words


def test_the_layout_fits_a_terminal_and_obeys_no_answer() -> None:
    long = "parola " * 40 + "x" * 200
    answer = Answer(f"{long}\nfine \x1b[2J\x07", "length", 1)
    shown = ask.lay_out(
        Example("hodi_b:\x1b1", "hodi_b", "", long), Reply(f"uno\n\n{long}", 12, answer)
    )
    assert max(map(len, shown.split("\n"))) == ask.WIDTH
    assert all(line.isprintable() for line in shown.split("\n"))
    assert "fine \\x1b[2J\\x07" in field(shown, "answer")
    assert field(shown, "cut") == "the last 12 characters of the input"
    assert field(shown, "ended") == "length, 1 token"
    assert shown.split("\n")[1:3] == ["| uno", "|"]
    assert field(shown, "gold").replace("\n", "").count("x") == 200


def test_the_demonstration_answers_as_infer_does_beside_the_base_alone(inside: Path) -> None:
    prompts = read(Prompts, inside / "data" / "prompts" / "it.yaml")
    encoded, adapter = Path("data/encoded"), Path("models/adapter")
    models = demo.load_models(prompts, encoded, adapter, demo.BASE)
    tasks = demo.offered(prompts, encoded / "test.jsonl")
    shown = demo.Demo(models, tasks).ask({"task": "haspeede", "text": "Che bella giornata."})
    assert [model["name"] for model in shown["models"]] == ["models/adapter", ""]
    own, base = (model["probabilities"] for model in shown["models"])
    (reply,) = models["models/adapter"].reply([Example("x", "haspeede", "Che bella giornata.")])
    assert own == reply.answer.probabilities
    assert shown["prompt"] == reply.prompt
    assert own != base and set(own) == set(base) == set(YES_NO)
    assert demo.load_models(prompts, encoded, adapter, None).keys() == {"models/adapter"}
