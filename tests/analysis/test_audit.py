"""What the audit says of licences and advisories, whatever its tools print."""

import shutil
from pathlib import Path

import pytest

from analysis.audit import advisories, asked, audit, licences
from stages.common.command import InputError

SAYS = Path(__file__).parents[1] / "helpers" / "bin" / "says"


def tool(path: Path, out: str, err: str = "", status: int = 0) -> Path:
    """A program that prints something."""
    shutil.copy(SAYS, path)
    for ending, text in (("out", out), ("err", err), ("exit", str(status))):
        path.with_name(f"{path.name}.{ending}").write_text(text)
    return path


def test_licences_outside_the_list_are_named() -> None:
    packages = [
        {"Name": "one", "Version": "1", "License": "BSD-3-Clause; MIT License"},
        {"Name": "grandalf", "Version": "0.8", "License": "GPLv2"},
        {"Name": "other", "Version": "2.0", "License": "UNKNOWN"},
    ]
    (problem,) = licences(packages)
    assert problem == "other 2.0: the licence 'UNKNOWN' is not in the list of audit.py"


def test_vulnerabilities_and_what_could_not_be_looked_up_are_told() -> None:
    vulnerable = {"id": "PYSEC-1", "fix_versions": ["2.1"]}
    unmended = {"id": "GHSA-2", "fix_versions": []}
    found = [
        {"name": "one", "version": "1", "vulns": []},
        {"name": "two", "version": "2.0", "vulns": [vulnerable, unmended]},
        {"name": "three", "skip_reason": "Dependency not found on PyPI"},
    ]
    assert advisories(found) == [
        "two 2.0: PYSEC-1, mended in 2.1",
        "two 2.0: GHSA-2, mended in no version yet",
        "advisories of 1 of 3 packages could not be looked up: three: Dependency not found on PyPI",
    ]
    assert advisories(found[:1]) == []


@pytest.mark.process
def test_without_the_network_the_licences_are_told_all_the_same(tmp_path: Path) -> None:
    unknown = '[{"Name": "other", "Version": "2.0", "License": "GPL"}]'
    tool(tmp_path / "pip-licenses", unknown)
    tool(tmp_path / "pip-audit", "", "Traceback\nno route to host\n", status=1)
    assert audit(tmp_path) == [
        "other 2.0: the licence 'GPL' is not in the list of audit.py",
        "pip-audit has failed, and says: no route to host\n"
        "advisories are looked up on the network: is it within reach?",
    ]


@pytest.mark.process
def test_a_tool_that_prints_something_else_is_an_error(tmp_path: Path) -> None:
    assert asked(tool(tmp_path / "a", "[1]", status=1)) == [1]
    with pytest.raises(InputError, match=r"^b has failed, and says: nothing$"):
        asked(tool(tmp_path / "b", "no"))
