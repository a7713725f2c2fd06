"""Pushing: what is sent to a hub, and that nothing else is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis import push
from stages.common.command import InputError
from stages.common.files import write_json
from stages.model.identity import model_hashes
from stages.training.provenance import make_record
from tests.helpers.hub import Hub, hub
from tests.helpers.models import model_settings

# Raised inside huggingface_hub, not by our use of it.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NAME = "gruppo/adattatore"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    with hub() as running:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.url)
        yield running


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An exported adapter, beside it and in it what must not travel."""
    monkeypatch.chdir(tmp_path)
    folder = Path("export/adapter")
    folder.mkdir(parents=True)
    for name in push.TRAVEL:
        (folder / name).write_text(name)
    for path in ("train.jsonl", "it.yaml", "export/adapter/train.jsonl", "export/adapter/.env"):
        Path(path).write_text("private")
    settings = model_settings("gruppo/modello", revision="a" * 40)
    record = make_record(
        folder, settings, model_hashes(settings), [Path("train.jsonl"), Path("it.yaml")], {}, {}
    )
    write_json(folder / "run.json", record.model_dump())
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["push", NAME, *arguments])
    push.main()


def test_a_dry_run_shows_what_would_travel_and_sends_nothing(
    server: Hub, exported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    shown = capsys.readouterr().out
    lines = shown.split("\n\n")[0].splitlines()
    assert [line.split()[-1] for line in lines] == [*push.TRAVEL]
    assert "nothing was sent to gruppo/adattatore" in shown
    assert not (server.created or server.files or server.objects)


def test_the_named_files_travel_and_no_others(
    server: Hub, exported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--really")
    assert server.files == {name: (exported / name).read_bytes() for name in push.TRAVEL}
    created = server.created[0]
    assert created.get("visibility") == "private" or created["private"] is True
    assert f"{server.url}/{NAME}/commit/{'a' * 40}" in capsys.readouterr().out


def test_an_interrupted_upload_goes_on(
    server: Hub, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refused = 1
    with pytest.raises(InputError, match=f"{NAME}: cannot be uploaded; repeated, it goes on"):
        run(monkeypatch, "--really")
    assert (server.uploads, server.files) == (1, {})
    run(monkeypatch, "--really")
    assert server.uploads == 1
    assert server.files.keys() == {*push.TRAVEL}


def test_an_adapter_that_was_changed_after_its_export_is_refused(
    server: Hub, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (exported / "adapter_model.safetensors").write_text("flipped")
    with pytest.raises(InputError, match="record of another adapter"):
        run(monkeypatch, "--really")
    assert not server.created


def test_paths_of_this_machine_are_refused(
    server: Hub, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = model_settings(str(exported.absolute()))
    record = make_record(exported, settings, model_hashes(settings), [], {}, {})
    write_json(exported / "run.json", record.model_dump())
    with pytest.raises(InputError, match=f"outside the repository.*{exported}"):
        run(monkeypatch)


def test_a_file_that_is_not_there_is_named(
    server: Hub, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (exported / "prompts.json").unlink()
    with pytest.raises(InputError, match=r"prompts\.json: no such file; `make export`"):
        run(monkeypatch, "--really")
    assert not server.created
