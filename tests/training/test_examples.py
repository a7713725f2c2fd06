"""Training examples: which are learnt from, and in which order."""

import json
from pathlib import Path

import pytest

from stages.common.command import InputError
from stages.model.text import TokenRow, TooLong
from stages.training.examples import Examples, capped, check_examples, read_examples
from stages.training.schedule import epoch_order


def kept(order: list[int], cap: int, seed: int) -> list[str]:
    """Question ids that a cap keeps of thirty examples of sub-task a and four of b."""
    subtasks = ["a"] * 30 + ["b"] * 4
    ids = [f"{subtasks[i]}:{i}" for i in order]
    return [ids[n] for n in capped(ids, [subtasks[i] for i in order], cap, seed)]


def test_a_cap_keeps_so_many_of_each_subtask_whatever_their_order() -> None:
    order = list(range(34))
    one = kept(order, 10, seed=1)
    assert [name[0] for name in one] == ["a"] * 10 + ["b"] * 4
    assert set(kept(order[::-1], 10, seed=1)) == set(one)
    assert set(kept(order, 10, seed=2)) != set(one)
    assert set(kept(order, 12, seed=1)) > set(one)


class Encoder:
    """Two tokens a question and one an answer letter; answers of more than three do not fit."""

    def encode_example(self, subtask: str, text: str, answer: str) -> TokenRow:
        if len(answer) > 3:
            raise TooLong("too long")
        return TokenRow([1, 5, *([6] * len(answer))], 2, 0)

    def there_and_back(self, text: str) -> str:
        return text.replace("ì", "i")


def write(folder: Path, *answers: str | None) -> Path:
    path = folder / "train.jsonl"
    rows = [{"id": f"a:{i}", "task": "a", "input": "x", "output": o} for i, o in enumerate(answers)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_what_cannot_be_learnt_is_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, "no", None, "very long", "sì")
    examples = read_examples(path, Encoder())
    assert [len(row.ids) for row in examples.rows] == [4, 4]
    assert examples.subtasks == ["a", "a"]
    counts = examples.counts
    assert (counts["examples"], counts["too_long"], counts["label_tokens"]) == (2, 1, 4)
    assert counts["changed_texts"] == 1
    assert "1 texts do not survive the tokenizer; in a:3, 'sì' becomes 'si'" in caplog.text


def test_a_cutoff_too_small_for_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl: model\.cutoff .* all of 2 examples"):
        read_examples(write(tmp_path, "long answer", "another"), Encoder())


@pytest.mark.parametrize("weights", [{"a": 0.0, "b": 0.0}, {"a": 0.01, "b": 0.1}])
def test_weights_that_leave_nothing_to_learn_are_an_error(weights: dict[str, float]) -> None:
    row = TokenRow([1, 5, 2], 1, 0)
    examples = Examples([row] * 7, ["a"] * 4 + ["b"] * 3)
    assert epoch_order(examples.subtasks, weights, seed=1, epoch=0) == []
    with pytest.raises(InputError, match=r"finetune\.weights: no example is left to learn from"):
        check_examples(examples, weights, Path("train.jsonl"))
    check_examples(examples, weights | {"b": 0.2}, Path("train.jsonl"))
    assert epoch_order(examples.subtasks, weights | {"b": 0.2}, seed=1, epoch=0)
