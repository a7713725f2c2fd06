"""Plots: DVC's page of plots, with the scripts that draw them beside it: it needs no network.

Takes the arguments of `dvc plots show`, or those of `dvc plots diff` after the word diff.

    python -m analysis.plots
    python -m analysis.plots diff grid-1 grid-3
"""

import subprocess
import sys
from pathlib import Path

from analysis.integrity import warn_of_others
from stages.common.command import argument_parser, run
from stages.common.files import write_text

PAGE = Path("dvc_plots")


def main() -> None:
    """Writes the page and its scripts."""
    from vl_convert import javascript_bundle

    _, arguments = argument_parser(__doc__).parse_known_args()
    if arguments[:1] != ["diff"]:
        arguments = ["show", *arguments]
    warn_of_others("metrics")
    write_text(PAGE / "vega.js", javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    command = [sys.executable, "-m", "dvc", "plots", *arguments, "--out", str(PAGE)]
    sys.exit(subprocess.run(command, check=False).returncode)  # noqa: S603


if __name__ == "__main__":
    run(main)
