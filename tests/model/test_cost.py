"""The record of what a run cost: its figures, and how energy is measured."""

import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from stages.model import cost
from stages.model.cost import Meter, Spent


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_record_has_speeds_sizes_and_energy() -> None:
    spent = Spent(seconds=4.0, energy_kwh=0.012345)
    record = cost.record(spent, "examples", 25, 900, {"adapter_mib": 3.0})
    expected = {
        "seconds": 4.0,
        "examples_per_second": 6.25,
        "tokens_per_second": 225.0,
        "adapter_mib": 3.0,
        "energy_kwh": 0.0123,
        "energy_kwh_per_thousand_examples": 0.494,
        "processes": 1,
    }
    assert {key: record[key] for key in expected} == expected
    assert set(record) == {*expected, "peak_memory_gib", "device", "versions"}
    assert set(record["versions"]) == set(cost.PACKAGES)


@pytest.mark.parametrize("count", [0, 30])
def test_without_a_meter_energy_is_unknown_not_nothing(count: int) -> None:
    record = cost.record(Spent(seconds=4.0), "questions", count, 900)
    assert record["energy_kwh"] is record["energy_kwh_per_thousand_questions"] is None


def test_what_was_spent_is_taken_up_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert asdict(Spent.load(tmp_path)) == {"seconds": 0.0, "energy_kwh": 0.0}
    Spent(seconds=4.5, energy_kwh=0.25).save(tmp_path)
    assert asdict(Spent.load(tmp_path)) == {"seconds": 4.5, "energy_kwh": 0.25}
    assert caplog.text == ""
    content = (tmp_path / cost.FILE).read_bytes()
    for damaged in (b"", content[:-1], content.replace(b"4.5", b"4.7")):
        (tmp_path / cost.FILE).write_bytes(damaged)
        assert asdict(Spent.load(tmp_path)) == {"seconds": 0.0, "energy_kwh": 0.0}
    assert caplog.text.count("spent.json is damaged") == 3


def test_energy_is_measured_without_files_or_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where the user's configuration of codecarbon asks for both; two runs side by side."""
    asked: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: asked.append(where))
    monkeypatch.setenv("CODECARBON_EMISSIONS_ENDPOINT", "http://localhost:9")
    monkeypatch.setenv("CODECARBON_ELECTRICITYMAPS_API_TOKEN", "token")
    monkeypatch.setenv("CODECARBON_OUTPUT_METHODS", "csv,api")
    monkeypatch.setenv("CODECARBON_ALLOW_MULTIPLE_RUNS", "false")
    with Meter() as one, Meter() as other:
        one.read()
        first = one.energy_kwh
        for _ in range(1000):  # codecarbon does not measure again at once
            sum(range(1_000_000))
            one.read()
            if one.energy_kwh > first:
                break
        other.read()
    assert 0 < first < one.energy_kwh
    assert other.energy_kwh > 0
    assert asked == []
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_failure_of_codecarbon_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("no such sensor")

    monkeypatch.setattr(Meter, "_codecarbon", broken)
    with Meter() as meter:
        meter.read()
    assert meter.energy_kwh == 0.0
    assert "energy is not measured: no such sensor" in caplog.text
