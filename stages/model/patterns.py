"""Compares an adapter's regular expressions with names, in a process that can be stopped.

Reads a JSON list of two lists from standard input, patterns and names. Says nothing if all have
been compared.

    echo '[[".*_proj"], ["q_proj"]]' | python -m stages.model.patterns
"""

import json
import re
import sys
from collections.abc import Iterable

from stages.common.command import InputError, argument_parser, run

WAYS = ("{}", r"(.*\.)?({})$", r"(?:^|.*?\.){}\.(\d+)\.", r"(^|.*\.){}($|\..*)")
"""Expressions that peft makes of patterns of modules, ranks, layers, and modules to save."""


def compare(patterns: Iterable[str], names: Iterable[str]) -> None:
    """Compares each pattern with each name, in the ways of peft.

    Raises:
        InputError: if a pattern is no regular expression.
    """
    for pattern in patterns:
        for way in WAYS:
            try:
                compiled = re.compile(way.replace("{}", pattern))
            except re.error as error:
                raise InputError(f"{pattern[:60]!r} is no regular expression: {error}") from error
            for name in names:
                compiled.match(name)
                compiled.fullmatch(name)


def main() -> None:
    """Runs the command."""
    argument_parser(__doc__).parse_args()
    compare(*json.load(sys.stdin))


if __name__ == "__main__":
    run(main)
