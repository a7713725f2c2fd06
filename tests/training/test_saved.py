"""Saved states of a training: two generations, with checksums, as often as it costs little."""

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.model.scratch import checksum
from stages.training import saved
from stages.training.saved import SavingTimes, read_state, saved_states, write_state


def save(folder: Path, *updates: int) -> None:
    for update in updates:
        write_state(folder, update, {"update": update, "weights": torch.full((50,), update)})


def last(folder: Path) -> int | None:
    state = read_state(folder)
    return state and state["update"]


def test_the_last_two_states_are_kept(tmp_path: Path) -> None:
    assert last(tmp_path) is None
    save(tmp_path, 1, 9, 10, 100)
    assert [int(path.name.partition("-")[0]) for path in saved_states(tmp_path)] == [100, 10]
    assert last(tmp_path) == 100


def test_a_damaged_state_is_set_aside_and_the_one_before_it_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever a bit flips, and where the file was cut or emptied."""
    save(tmp_path, 1, 2)
    newest, oldest = saved_states(tmp_path)
    content = newest.read_bytes()
    flips = [
        content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
        for at in range(0, len(content), 50)
    ]
    for damaged in [*flips, b"", content[:-1], content[:100]]:
        newest.write_bytes(damaged)
        caplog.clear()
        assert last(tmp_path) == 1
        assert len(caplog.messages) == 1
        assert (tmp_path / f"{newest.name}.bad").read_bytes() == damaged
        assert not newest.exists()
    oldest.write_bytes(b"")
    assert last(tmp_path) is None
    save(tmp_path, 3)
    assert last(tmp_path) == 3


def test_a_full_disk_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    save(tmp_path, 1)
    monkeypatch.setattr(saved, "write_bytes", full)
    save(tmp_path, 2)
    (line,) = caplog.messages
    assert "cannot be saved" in line and line.endswith("No space left on device")
    assert last(tmp_path) == 1


def test_saving_is_due_soon_and_then_as_often_as_it_costs_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(saved.time, "monotonic", lambda: now[0])
    times = SavingTimes()
    due = []
    for seconds in (9, 2, 9, 2, 40, 11):  # two savings of 1 s, so that the next is due after 50 s
        now[0] += seconds
        due.append(times.due)
        if times.due:
            with times:
                now[0] += 1
    assert due == [False, True, False, False, True, False]


def test_a_state_of_other_origin_is_set_aside_although_it_has_its_checksum(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 1)
    content = b"no archive of torch"
    (tmp_path / f"{2:08d}-{checksum(content)}.pt").write_bytes(content)
    assert last(tmp_path) == 1
    (line,) = caplog.messages
    assert "is damaged and set aside" in line and "weights_only" not in line
