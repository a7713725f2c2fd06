"""Which examples finetune learns from."""

from datasets import Dataset

from stages.finetune import capped


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
