"""Files that DVC tracks one by one, compared with what it and git have noted."""

import subprocess
from pathlib import Path

import pytest

from stages.common.command import InputError
from stages.common.outputs import SUMS, md5
from stages.common.tracked import check_pointers

POINTER = """\
md5: 0123456789abcdef0123456789abcdef
frozen: true
deps:
- path: https://example.org/Development.csv
outs:
- md5: {md5}
  size: 2
{hash}  path: Development set.csv
"""


def test_files_that_dvc_tracks_are_compared_with_its_own(tmp_path: Path) -> None:
    """As `dvc add` and `dvc import-url` write FILE.dvc, also in a folder inside."""
    check_pointers(tmp_path)
    raw = tmp_path / "blind" / "Development set.csv"
    raw.parent.mkdir()
    raw.write_bytes(b"a\n")
    pointer = raw.with_name(f"{raw.name}.dvc")
    pointer.write_text(POINTER.format(md5=md5(raw), hash="  hash: md5\n"))
    check_pointers(tmp_path)
    raw.write_bytes(b"b\n")
    with pytest.raises(InputError, match=r"set\.csv: does not have the MD5 in .*set\.csv\.dvc\n"):
        check_pointers(tmp_path)
    raw.unlink()
    with pytest.raises(InputError, match=r"set\.csv: absent, but tracked in .*\ndvc checkout, or"):
        check_pointers(tmp_path)


@pytest.mark.parametrize("inside", ["acti", "acti/blind", "."])
def test_of_a_folder_that_dvc_tracks_as_a_whole_it_warns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, inside: str
) -> None:
    """raw.dvc, raw/acti.dvc or raw/acti/blind.dvc, whose hash is that of a list of files."""
    raw = tmp_path / "raw"
    folder = raw / inside
    (raw / "acti" / "blind").mkdir(parents=True)
    pointer = folder.with_name(f"{folder.name}.dvc")
    pointer.write_text(
        POINTER.format(md5="0" * 32 + ".dir", hash="  hash: md5\n").replace(
            "Development set.csv", folder.name
        )
    )
    check_pointers(raw / "acti")
    assert [text.partition(",")[0] for text in caplog.messages] == [f"{folder}: tracked as a whole"]
    (raw / "acti" / SUMS).touch()
    caplog.clear()
    check_pointers(raw / "acti")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("found", "how"),
    [("0" * 32, ""), ("", "  hash: md5\n")],
    ids=["of DVC 2, which hashed texts without their line ends", "not yet known"],
)
def test_other_files_of_dvc_say_nothing(tmp_path: Path, found: str, how: str) -> None:
    (tmp_path / "Development set.csv").write_bytes(b"a\n")
    (tmp_path / "x.dvc").write_text(POINTER.format(md5=found, hash=how))
    (tmp_path / ".dvc").mkdir()
    check_pointers(tmp_path)


def test_of_a_file_that_dvc_has_taken_anew_it_warns_until_that_is_committed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dvc repro rewrites FILE.dvc of a damaged file, and adds it to git's index."""
    monkeypatch.chdir(tmp_path)
    raw = Path("raw", "acti", "blind", "Development set.csv")
    raw.parent.mkdir(parents=True)

    def track(content: bytes, *then: str) -> None:
        raw.write_bytes(content)
        pointer = POINTER.format(md5=md5(raw), hash="  hash: md5\n")
        raw.with_name(f"{raw.name}.dvc").write_text(pointer)
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        for command in ("add .", *then):
            subprocess.run(["git", *identity, *command.split()], check=True, capture_output=True)
        check_pointers(Path("raw", "acti"))

    subprocess.run(["git", "init", "--quiet"], check=True)
    track(b"a\n", "commit -m raw")
    assert caplog.messages == []
    track(b"b\n")
    (message,) = caplog.messages
    assert message.startswith("raw/acti/blind/Development set.csv.dvc: not as committed: the file")
    caplog.clear()
    track(b"b\n", "commit -m new")
    assert caplog.messages == []
