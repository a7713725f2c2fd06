"""How much of anything a command reads. Larger files are refused by name before they are read.

An ordinary file stays far below: a raw file of the tasks at hand has at most 4 MB and 30,000 lines,
an encoded split with all tasks about 100 MB, a file of settings or prompts 7 kB.
"""

RAW = 50_000_000
"""Bytes of a raw file, a submission or predictions."""

ENCODED = 1_000_000_000
"""Bytes of an encoded split."""

LINES = 1_000_000
"""Lines of either."""

TEXT = 1_000_000
"""Characters of a text of an encoded split; a cell of a raw file has at most 100,000."""

YAML = 100_000
"""Bytes of a file of settings or prompts."""

DEPTH = 20
"""Levels of such a file."""

CONFIGURATION = 20_000_000
"""Bytes of a configuration of a base; an index of the weights of the largest has 10 MB."""

SHOWN = 60
"""Characters of a wrong value that a message repeats."""
