"""What every command shares: arguments, log lines, and errors as a message and an exit code.

A command that cannot go on says why in a message without a traceback; ``--debug`` shows that too.
Its exit code is

    1      if its input, its settings or the machine (disk, permissions, memory) are the cause
    2      if its command line is wrong
    70     if an error came up that no part of the program expects (EX_SOFTWARE of sysexits.h)
    130    if it was interrupted (Ctrl-C): 128 and the signal's number, as shells count
    141    if nobody reads its output any more (a closed pipe), likewise
"""

import argparse
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from tqdm.contrib.logging import logging_redirect_tqdm

DEBUG = "--debug"
REFUSED, UNEXPECTED = 1, 70
INTERRUPTED, UNREAD = 128 + signal.SIGINT, 128 + 13  # 13 is SIGPIPE, which not every system has

RESUMED = "nothing is half-written, and finetune and infer go on here when they are started again"
MEMORY = "not enough memory; what was saved so far is kept"
OWN = ("stages", "analysis", "recipes", "benchmarks")  # the project's packages


class InputError(Exception):
    """A defect of the input; its text is a message to the user."""


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Makes the parser of a command line, with the option that all commands have.

    Args:
        description: the command's docstring; its first line is shown by ``--help``.
    """
    parser = argparse.ArgumentParser(
        description=(description or "").partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument(DEBUG, action="store_true", help="show the traceback of an error")
    return parser


def folders(description: str | None, *, optional: str = "", **names: str) -> list[Path]:
    """Parses a stage's command line, which consists of folders only.

    Args:
        description: the stage's docstring.
        optional: the name of the last folder, if it may be left out.
        **names: the folders in order, with one line of help each.

    Returns:
        The folders that were given, in the order of `names`.
    """
    parser = argument_parser(description)
    for name, meaning in names.items():
        count = "?" if name == optional else None
        parser.add_argument(name, type=Path, metavar=name.upper(), help=meaning, nargs=count)
    arguments = vars(parser.parse_args())
    return [arguments[name] for name in names if arguments[name]]


def run(main: Callable[[], None]) -> None:
    """Runs a command: log lines to stderr, and any error as a message and an exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("bitsandbytes", "datasets", "httpx", "huggingface_hub", "accelerate"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft)\..*")
    try:
        with logging_redirect_tqdm():
            main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        sys.exit(UNREAD)
    except (Exception, KeyboardInterrupt) as error:
        if DEBUG in sys.argv:
            traceback.print_exception(error)
        message, status = explain(error)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(status)


def explain(error: BaseException) -> tuple[str, int]:
    """Says in words why a command could not go on.

    Args:
        error: whatever ended it.

    Returns:
        A message to the user, and the exit code.
    """
    if isinstance(error, InputError):
        return str(error), REFUSED
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; {RESUMED}", INTERRUPTED
    # torch's errors are RuntimeErrors; on a CPU it has no type of its own for want of memory.
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return MEMORY, REFUSED
    if type(error).__name__ == "OutOfMemoryError":
        return f"{MEMORY} ({first_line(error)})", REFUSED
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}", REFUSED
    reason = f"{type(error).__name__}: {first_line(error)}"
    return f"{reason} (unexpected, {_place(error)}; {DEBUG} shows the traceback)", UNEXPECTED


def first_line(error: BaseException) -> str:
    """The first line of a message, which a library may have filled with advice; two, if need be."""
    first, _, rest = str(error).strip().partition("\n")
    return f"{first} {rest.strip().partition(chr(10))[0]}" if first.endswith(":") else first


def _place(error: BaseException) -> str:
    """The innermost line of the project that an error came through."""
    root = Path(__file__).parents[2]
    frames = traceback.extract_tb(error.__traceback__)
    paths = [Path(frame.filename) for frame in frames]
    own = [n for n, path in enumerate(paths) if any(path.is_relative_to(root / o) for o in OWN)]
    innermost = own[-1] if own else -1
    return f"{paths[innermost].name}, line {frames[innermost].lineno}"
