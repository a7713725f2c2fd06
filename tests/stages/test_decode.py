"""Decode: probabilities of answers are checked and handed on."""

import contextlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from stages import decode, tasks
from stages.common.command import InputError
from tests.helpers.tasks import HOLD_OUT


def prediction(number: int, answer: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"a:{number}",
        "task": "a",
        "answer": answer,
        "finish": "stop",
        "tokens": 2,
    } | more


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_probabilities_become_a_table_in_the_order_of_the_predictions(tmp_path: Path) -> None:
    path = write(
        tmp_path / "test.jsonl",
        prediction(2, "no", probabilities={"sì": 0.25, "no": 0.75}),
        prediction(3, "3,5 4"),
        prediction(1, "sì", probabilities={"sì": 1, "no": 0.0}),
    )
    rows = decode.read_predictions(path)
    assert [row["answer"] for row in rows] == ["no", "3,5 4", "sì"]
    assert decode.probabilities_table(rows) == (
        ["id", "subtask", "answer", "probability", "answered"],
        [
            ["a:2", "a", "sì", 0.25, 0],
            ["a:2", "a", "no", 0.75, 1],
            ["a:1", "a", "sì", 1.0, 1],
            ["a:1", "a", "no", 0.0, 0],
        ],
    )


def test_without_probabilities_there_is_no_row(tmp_path: Path) -> None:
    rows = decode.read_predictions(write(tmp_path / "test.jsonl", prediction(1, "sì")))
    assert decode.probabilities_table(rows)[1] == []


@pytest.mark.parametrize("tolerated", [{"sì": 0.9996, "no": 0.0}, {"sì": 0.5, "no": 0.5004}])
def test_rounded_probabilities_are_accepted(tolerated: dict[str, float]) -> None:
    assert decode.probabilities(tolerated) == tolerated


@pytest.mark.parametrize(
    "bad",
    [
        {"sì": 0.9, "no": 0.09},
        {"sì": 1.2, "no": -0.2},
        {"sì": "1", "no": 0.0},
        {"sì": True, "no": 0.0},
        {"sì": float("nan"), "no": 1.0},
        {"sì": None},
        {},
        [0.5, 0.5],
        "1.0",
        1.0,
        None,
    ],
)
def test_what_are_no_probabilities_is_told_by_line(tmp_path: Path, bad: Any) -> None:
    good = {"sì": 0.5, "no": 0.5}
    path = write(
        tmp_path / "test.jsonl",
        prediction(1, "sì", probabilities=good),
        prediction(2, "sì", probabilities=bad),
    )
    with pytest.raises(InputError, match=r"test\.jsonl:2: probabilities .*that sum to 1"):
        decode.read_predictions(path)


def test_an_answer_must_be_a_candidate(tmp_path: Path) -> None:
    path = write(
        tmp_path / "test.jsonl", prediction(1, "forse", probabilities={"sì": 0.5, "no": 0.5})
    )
    with pytest.raises(InputError, match=r"test\.jsonl:1: answer 'forse': .* sì, no"):
        decode.read_predictions(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (prediction(1, "no"), "id a:1 stands on line 1 too"),
        (prediction(2, "no", other=1), "unknown key 'other'; expected"),
        ({"id": "a:2", "answer": "no"}, "expected an object with the keys"),
    ],
)
def test_other_defects_are_told_by_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "test.jsonl", prediction(1, "sì"), row)
    with pytest.raises(InputError, match=rf"test\.jsonl:2: {message}"):
        decode.read_predictions(path)


def test_more_runs_than_the_organisers_read_are_refused(root: Path) -> None:
    settings = decode.Settings(
        tasks=["acti", "haspeede", "wicita"],
        encode=HOLD_OUT.model_dump(),
        decode={"team": "prova", "run": 4, "rule": "plain"},
    )
    with pytest.raises(InputError, match=r"decode\.run: 4 is more .*: haspeede 2, wicita 3$"):
        decode.decode(root / "data" / "sample", {}, settings)


def test_the_organisers_limits_are_those_of_their_pages() -> None:
    limits = {name: tasks.load(name).SENDING.runs for name in tasks.names()}
    assert {name: runs for name, runs in limits.items() if runs < 5} == {
        "clinkart": 2,
        "emit": 2,
        "emotivita": 3,
        "geolingit": 3,
        "haspeede": 2,
        "hodi": 3,
        "wicita": 3,
    }


def test_gold_of_the_test_set_never_enters_a_decision(tmp_path: Path, root: Path) -> None:
    """Rules and submissions are the same, whatever the gold files say, or without them."""
    settings = tmp_path / "params.yaml"
    text = (root / "params.yaml").read_text(encoding="utf-8")
    head, _, rest = text.partition("tasks:")
    settings.write_text(f"{head}tasks: [acti]\n" + rest[rest.index("data:") :], encoding="utf-8")
    predictions = tmp_path / "predictions"
    predictions.mkdir()
    raw = tmp_path / "raw"
    shutil.copytree(root / "data" / "sample" / "acti", raw / "acti")
    encoded = tasks.load("acti").encode(raw / "acti", HOLD_OUT).splits["test"]
    draw, lines = random.Random(3), {"dev": [], "test": []}
    for n in range(60):
        gold = draw.choice(["sì", "no"])
        lines["dev"].append(skewed(f"acti_a:dev{n}", gold, draw) | {"gold": gold})
    for example in encoded:
        if example.task == "acti_a":
            lines["test"].append(skewed(example.id, "sì", draw))
        else:
            answer = {"id": example.id, "task": example.task, "answer": "Covid"}
            lines["test"].append(answer | {"finish": "stop", "tokens": 2})
    for split, rows in lines.items():
        write(predictions / f"{split}.jsonl", *rows)
    outcomes = []
    for change in ("as it is", "other gold", "no gold"):
        for path in (raw / "acti").glob("*gold*"):
            if change == "other gold":
                ids = path.read_text(encoding="utf-8").replace(",0", ",x").replace(",1", ",0")
                path.write_text(ids.replace(",x", ",1"), encoding="utf-8")
            elif change == "no gold":
                path.unlink()
        with contextlib.chdir(tmp_path):
            decode.run_decode(raw, predictions, Path("submissions"), Path("metrics"))
        files = sorted(p for p in tmp_path.glob("submissions/**/*") if p.is_file())
        decided = (tmp_path / "metrics" / "decode" / "decisions.json").read_text(encoding="utf-8")
        outcomes.append((decided, [path.read_bytes() for path in files]))
    assert '"rule": "offsets"' in outcomes[0][0]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    settings.write_text(settings.read_text().replace("rule: dev ", "rule: plain "))
    with contextlib.chdir(tmp_path):
        decode.run_decode(raw, predictions, Path("submissions"), Path("metrics"))
    files = sorted(p for p in tmp_path.glob("submissions/**/*") if p.is_file())
    assert [path.read_bytes() for path in files] != outcomes[0][1]


def skewed(name: str, gold: str, draw: random.Random) -> dict[str, Any]:
    """A prediction of a model to which everything is likely yes, but some things likelier."""
    yes = 0.6 + (0.3 if gold == "sì" else -0.05) * draw.random()
    shares = {"sì": yes, "no": 1 - yes}
    return prediction(0, "sì", probabilities=shares) | {"id": name, "task": "acti_a"}


@pytest.mark.parametrize("bad", [1.0, [None], ["1"], [True], [float("inf")], {}])
def test_what_are_no_expectations_is_told_by_line(tmp_path: Path, bad: Any) -> None:
    path = write(tmp_path / "test.jsonl", prediction(1, "3", expectations=bad))
    with pytest.raises(InputError, match=r"test\.jsonl:1: .*expected a list of numbers"):
        decode.read_predictions(path)


def test_dev_answers_of_other_tasks_or_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    row = prediction(1, "3.00", gold="2.00", expectations=[3.0, 1.0])
    write(path, row | {"id": "discotex_2:1", "task": "discotex_2"})
    dev = decode.read_predictions(path, "gold")
    with pytest.raises(InputError, match="discotex_2:1: this dev question belongs to no task"):
        decode.learn_rules(dev, ["acti"])
    with pytest.raises(InputError, match="discotex_2:1: 2 expectations, expected 1"):
        decode.learn_rules(dev, ["discotex"])
