"""Baseline: linear models answer the test questions, for comparison.

Reads ENCODED/train.jsonl, questions.jsonl, closed.json and forms.json, and knows nothing about
tasks. The form of a sub-task's answers decides what answers it: a few labels a logistic regression
of each, numbers a ridge regression, both of TF-IDF features; spans of the input a gazetteer; else
there is the most frequent answer (stages/linear/kinds.py). Writes
PREDICTIONS/test.jsonl, as infer does.

    python -m stages.baseline data/encoded data/baseline/predictions
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stages.common.command import folders, run
from stages.common.files import QUESTION, read_closed, read_encoded, write_jsonl
from stages.common.outputs import check_sums, whole_folder
from stages.common.settings import StageSettings, read
from stages.forms.forms import Forms, read_forms
from stages.linear.settings import Baseline

log = logging.getLogger(__name__)

Rows = Sequence[Mapping[str, Any]]


class Settings(StageSettings):
    """What baseline reads of params.yaml."""

    baseline: Baseline


def predict(
    train: Rows,
    test: Rows,
    forms: Forms,
    candidates: Mapping[str, Sequence[str]],
    settings: Baseline,
) -> list[dict[str, Any]]:
    """Fits a model to each sub-task and answers its test questions.

    Args:
        train: the rows of the encoded training split.
        test: its questions.
        forms: of the answers to sub-tasks.
        candidates: candidate answers by closed sub-task.
        settings: how models are fitted.

    Returns:
        The rows of the predictions, in the order of the test split.
    """
    from stages.linear.kinds import fit
    from stages.linear.models import Answer

    answers: dict[str, Answer] = {}
    for subtask in tqdm(sorted({row["task"] for row in test}), desc="baseline", unit="sub-task"):
        known = [r for r in train if r["task"] == subtask and r["output"] is not None]
        questions = [row for row in test if row["task"] == subtask]
        model = fit(
            subtask,
            [row["input"] for row in known],
            [row["output"] for row in known],
            forms.get(subtask),
            candidates.get(subtask, ()),
            settings.regularization,
        )
        answered = model.answer([row["input"] for row in questions])
        answers |= {row["id"]: answer for row, answer in zip(questions, answered, strict=True)}
    return [prediction(row, *answers[row["id"]]) for row in test]


def prediction(
    question: Mapping[str, Any], answer: str, probabilities: Mapping[str, float] | None
) -> dict[str, Any]:
    """A line of the predictions; no token was generated for it."""
    line = {"id": question["id"], "task": question["task"], "answer": answer}
    line |= {"finish": "stop", "tokens": 0}
    return line | ({"probabilities": probabilities} if probabilities else {})


def run_baseline(encoded: Path, predictions: Path) -> None:
    """Fits linear models and writes their answers.

    Args:
        encoded: folder with train.jsonl, questions.jsonl, closed.json and forms.json.
        predictions: folder to write.

    Raises:
        InputError: if settings or files are defective.
    """
    check_sums(encoded, "train.jsonl", "questions.jsonl", "closed.json", "forms.json")
    train = read_encoded(encoded / "train.jsonl")
    test = read_encoded(encoded / "questions.jsonl", QUESTION)
    candidates = read_closed(encoded / "closed.json")
    forms = read_forms(encoded / "forms.json")
    rows = predict(train, test, forms, candidates, read(Settings).baseline)
    with whole_folder(predictions, sums=True) as folder:
        write_jsonl(folder / "test.jsonl", rows)


def main() -> None:
    """Runs the stage."""
    run_baseline(
        *folders(
            __doc__,
            encoded="folder with train.jsonl, questions.jsonl, closed.json and forms.json",
            predictions="folder to write",
        )
    )


if __name__ == "__main__":
    run(main)
