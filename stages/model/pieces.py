"""Whether a tokenizer can write the pieces of its own vocabulary.

A conversion, from GGUF for one, may keep a vocabulary and lose the scores or merges by which texts
are cut into its pieces. Such a tokenizer gives back every text as it was, of other pieces than
those that the base has learnt from, and the base understands little of it.
"""

from typing import Any

from stages.common.command import InputError

PIECES = 500  # that are tried
LETTERS = 3  # a piece has at least so many; shorter ones say little
LEAST = 0.25  # share to be written as themselves: 0.6 to 1 of tokenizers in order, 0 of broken ones
BEFORE = ("", " ", "(")  # what a piece may need before it


def check_pieces(tokenizer: Any, place: str) -> None:
    """Makes sure that a tokenizer writes enough of its longer pieces as themselves.

    Args:
        tokenizer: as transformers loads it.
        place: for the message.

    Raises:
        InputError: if it does not.
    """
    special = set(tokenizer.all_special_ids)
    tried, failed = 0, []
    for token in range(0, len(tokenizer), max(1, len(tokenizer) // (4 * PIECES))):
        text = tokenizer.decode([token]).strip()
        if token in special or len(text) < LETTERS or not text.isalpha():
            continue
        tried += 1
        if not any(token in _encode(tokenizer, before + text) for before in BEFORE):
            failed.append(token)
        if tried == PIECES:
            break
    if tried - len(failed) < LEAST * tried:
        piece = tokenizer.convert_ids_to_tokens(failed[0])
        found = tokenizer.convert_ids_to_tokens(_encode(tokenizer, tokenizer.decode([failed[0]])))
        raise InputError(
            f"the tokenizer {place!r} writes {tried - len(failed)} of {tried} pieces of its own"
            f" vocabulary as themselves, {piece!r} as {found}, for one; expected most: it is"
            " not what the base has learnt with (a conversion may have lost its merges or scores)"
        )


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
