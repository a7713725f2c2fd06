"""What every command shares: arguments, log lines, and error messages without a traceback."""

import argparse
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from tqdm.contrib.logging import logging_redirect_tqdm


class InputError(Exception):
    """A defect of the input; its text is a message to the user."""


def folders(description: str | None, *, optional: str = "", **names: str) -> list[Path]:
    """Parses a stage's command line, which consists of folders only.

    Args:
        description: the stage's docstring; its first line is shown by ``--help``.
        optional: the name of the last folder, if it may be left out.
        **names: the folders in order, with one line of help each.

    Returns:
        The folders that were given, in the order of `names`.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    for name, meaning in names.items():
        count = "?" if name == optional else None
        parser.add_argument(name, type=Path, metavar=name.upper(), help=meaning, nargs=count)
    arguments = vars(parser.parse_args())
    return [arguments[name] for name in names if arguments[name]]


def run(main: Callable[[], None]) -> None:
    """Runs a command: log lines to stderr, exit status 1 and a message on bad input."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("bitsandbytes", "datasets", "httpx", "huggingface_hub", "accelerate"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft)\..*")
    try:
        with logging_redirect_tqdm():
            main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
