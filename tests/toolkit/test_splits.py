"""Held-out splits depend on the group and the seed alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stages.toolkit.splits import HoldOut


def splits(hold_out: HoldOut, has_dev: bool = False, has_test: bool = False) -> Counter[str]:
    groups = map(str, range(20_000))
    return Counter(hold_out.split_of("t", g, has_dev=has_dev, has_test=has_test) for g in groups)


def test_shares_are_as_stated() -> None:
    counts = splits(HoldOut(seed=1, dev=0.1, test=0.2))
    assert 1_850 < counts["dev"] < 2_150
    assert 3_800 < counts["test"] < 4_200


def test_nothing_is_held_out_for_a_split_that_has_a_file() -> None:
    hold_out = HoldOut(seed=1, dev=0.1, test=0.2)
    assert set(splits(hold_out, has_dev=True, has_test=True)) == {"train"}
    assert set(splits(hold_out, has_test=True)) == {"train", "dev"}
    assert set(splits(hold_out, has_dev=True)) == {"train", "test"}


@given(st.text(), st.integers(0, 99))
def test_a_groups_side_is_always_the_same(group: str, seed: int) -> None:
    group = group.encode("utf-8", "replace").decode()
    one = HoldOut(seed=seed, dev=0.3, test=0.3).split_of("t", group, has_dev=False, has_test=False)
    other = HoldOut(seed=seed, dev=0.3, test=0.3).split_of(
        "t", group, has_dev=False, has_test=False
    )
    assert one == other


def test_seeds_and_tasks_split_differently() -> None:
    groups = [str(i) for i in range(200)]

    def split(seed: int, task: str) -> list[str]:
        hold_out = HoldOut(seed=seed, dev=0.5, test=0.0)
        return [hold_out.split_of(task, g, has_dev=False, has_test=False) for g in groups]

    assert split(1, "a") != split(2, "a")
    assert split(1, "a") != split(1, "b")
