"""The record of what a training cost: its figures, and how energy is measured."""

import socket
from pathlib import Path
from typing import Any

import pytest

from stages.training import cost
from stages.training.cost import Meter
from stages.training.progress import Progress


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def progress(**changes: Any) -> Progress:
    known = {"examples": 30, "tokens": 900, "seconds": 4.0, "energy_kwh": 0.012345}
    return Progress(**known | changes)


def test_the_record_has_speeds_sizes_and_energy(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "weights").write_bytes(bytes(3 * 2**20))
    record = cost.record(progress(), 1234, tmp_path / "adapter")
    expected = {
        "seconds": 4.0,
        "examples_per_second": 7.5,
        "tokens_per_second": 225.0,
        "trainable_parameters": 1234,
        "adapter_mib": 3.0,
        "energy_kwh": 0.0123,
        "processes": 1,
    }
    assert {key: record[key] for key in expected} == expected
    assert set(record) == {*expected, "peak_memory_gib", "device", "versions"}
    assert set(record["versions"]) == set(cost.PACKAGES)


def test_without_a_meter_energy_is_unknown_not_nothing(tmp_path: Path) -> None:
    assert cost.record(progress(energy_kwh=0.0), 1, tmp_path)["energy_kwh"] is None


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
