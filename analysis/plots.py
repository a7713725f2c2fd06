"""Plots: DVC's page of plots, with the scripts that draw them beside it: it needs no network.

Takes the arguments of `dvc plots show`, or those of `dvc plots diff` after the word diff.

    python -m analysis.plots
    python -m analysis.plots diff grid-1 grid-3
    python -m analysis.plots --svg    # instead of the page, a picture of each plot
"""

import logging
import re
import subprocess
import sys
from pathlib import Path

from analysis.integrity import warn_of_others
from analysis.report import dvc_plots, pictures
from stages.common.command import argument_parser, run
from stages.common.files import write_text

log = logging.getLogger(__name__)

PAGE = Path("dvc_plots")


def write_pictures() -> None:
    """Writes a picture of each plot of the last run."""
    for title, svg in pictures(dvc_plots()):
        path = PAGE / f"{re.sub(r'[^a-z0-9_]+', '-', title.lower())}.svg"
        write_text(path, svg)
        log.info("wrote %s", path)


def main() -> None:
    """Writes the page and its scripts, or pictures."""
    from vl_convert import javascript_bundle

    parser = argument_parser(__doc__)
    parser.add_argument("--svg", action="store_true", help="a picture of each plot, no page")
    given, arguments = parser.parse_known_args()
    warn_of_others("metrics")
    if given.svg:
        write_pictures()
        return
    if arguments[:1] != ["diff"]:
        arguments = ["show", *arguments]
    write_text(PAGE / "vega.js", javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    command = [sys.executable, "-m", "dvc", "plots", *arguments, "--out", str(PAGE)]
    sys.exit(subprocess.run(command, check=False).returncode)  # noqa: S603


if __name__ == "__main__":
    run(main)
