"""How much of anything a task takes. Whatever is larger is a defect of its file, or not parsed.

Real files stay far below: the longest text of the tasks at hand has 9,000 characters, the largest
file 4 MB, a document of CLinkaRT at most 44 relations.
"""

CELL = 100_000
"""Characters of a cell, a document, or a string of a JSON object."""

TEXT = 20_000
"""Characters of a text in which mentions are located: of HODI, CLinkaRT and NERMuD."""

MENTIONS = 200
"""Mentions, or pairs of them, that the gold of a text may have, and that decode locates of an
answer; those after them count as not found."""


def too_large(characters: int, mentions: int) -> str:
    """Says what is too large of a text in which mentions are located.

    Args:
        characters: of the text.
        mentions: of its gold.

    Returns:
        A message about a defect; empty if there is none.
    """
    for count, limit, what in ((characters, TEXT, "characters"), (mentions, MENTIONS, "mentions")):
        if count > limit:
            return f"a text with {count} {what}, expected at most {limit}"
    return ""
