"""Which examples finetune learns from."""

import json
from pathlib import Path

import pytest
from datasets import Dataset

from stages.common.command import InputError
from stages.finetune import capped, encode_split
from stages.model.text import TokenRow, TooLong


def split(order: list[int]) -> Dataset:
    """Thirty examples of sub-task a, four of b."""
    tasks = ["a"] * 30 + ["b"] * 4
    return Dataset.from_dict(
        {"id": [f"{tasks[i]}:{i}" for i in order], "task": [tasks[i] for i in order]}
    )


def test_a_cap_keeps_so_many_of_each_subtask_whatever_their_order() -> None:
    one = capped(split(list(range(34))), 10, seed=1)
    assert list(one["task"]) == ["a"] * 10 + ["b"] * 4
    assert set(capped(split(list(range(34))[::-1]), 10, seed=1)["id"]) == set(one["id"])
    assert set(capped(split(list(range(34))), 10, seed=2)["id"]) != set(one["id"])
    assert set(capped(split(list(range(34))), 12, seed=1)["id"]) > set(one["id"])


def test_no_cap_keeps_all() -> None:
    assert len(capped(split(list(range(34))), None, seed=1)) == 34


class Encoder:
    """Two tokens a question and one an answer letter; answers of more than three do not fit."""

    def training(self, task: str, text: str, answer: str) -> TokenRow:
        if len(answer) > 3:
            raise TooLong("too long")
        return TokenRow([1, 5, *([6] * len(answer))], 2, 0)


def examples(folder: Path, *answers: str | None) -> Path:
    path = folder / "train.jsonl"
    rows = [{"id": f"a:{i}", "task": "a", "input": "x", "output": o} for i, o in enumerate(answers)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_what_cannot_be_learnt_is_left_out_and_counted(tmp_path: Path) -> None:
    path = examples(tmp_path, "no", None, "very long", "sì")
    rows, tasks, counts = encode_split(path, Encoder())
    assert [len(row.ids) for row in rows] == [4, 4]
    assert tasks == ["a", "a"]
    assert (counts["examples"], counts["too_long"], counts["label_tokens"]) == (2, 1, 4)


def test_a_cutoff_too_small_for_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl: model\.cutoff .* all of 2 examples"):
        encode_split(examples(tmp_path, "long answer", "another"), Encoder())
