"""Audit: known vulnerabilities and licences of the pinned versions.

Licences are those of the installed packages, as they name them; advisories are looked up at PyPI
(pip-audit), which needs the network. Both are told, whatever the other one says. The exit status is
1 if a version has a vulnerability that is known, or a package a licence that is not in the list
here, or if either could not be found out.

    python -m analysis.audit .venv-audit/bin    (make audit)
"""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.common.command import InputError, argument_parser, run

log = logging.getLogger(__name__)

CONSTRAINTS = Path("constraints.txt")

LICENCES = (
    *("MIT", "BSD", "Apache", "ISC", "PSF", "Python Software Foundation", "MPL", "Mozilla"),
    *("LGPL", "Zope", "EPL-2.0", "GPLv2 with linking"),
)
"""What a package's licence must have in its name. DVC brings pygit2, under the GPL with an
exception for linking."""

OTHERS = ("grandalf",)
"""Packages under other licences that this project does not import; DVC brings this one (GPL)."""


def asked(tool: Path, *arguments: str) -> Any:
    """Runs a tool that prints JSON.

    Raises:
        InputError: with the last line of what it says if it prints something else.
    """
    command = [str(tool), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        return json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines() or ["nothing"]
        raise InputError(f"{tool.name} has failed, and says: {lines[-1]}") from None


def licences(packages: Sequence[Mapping[str, str]]) -> list[str]:
    """Names the packages whose licence is not in the list.

    Args:
        packages: objects of pip-licenses, with Name, Version and License.
    """
    return [
        f"{each['Name']} {each['Version']}: the licence {each['License']!r} is not in the list of"
        f" {Path(__file__).name}"
        for each in packages
        if each["Name"] not in OTHERS and not any(known in each["License"] for known in LICENCES)
    ]


def advisories(dependencies: Sequence[Mapping[str, Any]]) -> list[str]:
    """Says which versions have known vulnerabilities, and how many could not be looked up.

    Args:
        dependencies: objects of pip-audit, with name, version and vulns or skip_reason.
    """
    problems = [
        f"{each['name']} {each['version']}: {found['id']}, mended in"
        f" {', '.join(found['fix_versions']) or 'no version yet'}"
        for each in dependencies
        for found in each.get("vulns", ())
    ]
    if skipped := [each for each in dependencies if "skip_reason" in each]:
        problems.append(
            f"advisories of {len(skipped)} of {len(dependencies)} packages could not be looked up:"
            f" {skipped[0]['name']}: {skipped[0]['skip_reason']}"
        )
    return problems


def audit(tools: Path) -> list[str]:
    """Asks both tools, and says what is wrong; nothing if all is well.

    Args:
        tools: folder with pip-audit and pip-licenses.
    """
    problems = []
    try:
        packages = asked(tools / "pip-licenses", f"--python={sys.executable}", "--format=json")
        log.info("licences of %d packages", len(packages))
        problems += licences(packages)
    except InputError as error:
        problems.append(str(error))
    pinned = ("--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip", "--format=json")
    try:
        found = asked(tools / "pip-audit", *pinned, "--progress-spinner=off")["dependencies"]
        log.info("advisories about %d versions of %s", len(found), CONSTRAINTS)
        problems += advisories(found)
    except InputError as error:
        problems.append(f"{error}\nadvisories are looked up on the network: is it within reach?")
    return problems


def main() -> None:
    """Audits, and fails if something is wrong."""
    parser = argument_parser(__doc__)
    parser.add_argument("tools", type=Path, help="folder with pip-audit and pip-licenses")
    if problems := audit(parser.parse_args().tools):
        raise InputError("\n".join(problems))
    log.info("no known vulnerability, no unknown licence")


if __name__ == "__main__":
    run(main)
