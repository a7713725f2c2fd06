"""Sentences of Italian and Spanish texts, by spaCy's rules and without a downloaded model."""

import re
import sys
from functools import cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple

Language = Literal["it", "es"]

SUFFIX = 16  # characters; spaCy's longest for these languages has 8
URL = 1_000  # characters; spaCy's pattern of addresses takes quadratic time

# "C.d. risulta", "bil. tot. da", "Kg. 20": what follows shows that the sentence goes on.
_GOES_ON = re.compile(r"[a-zà-ÿ0-9,;:)\]%]")


class Sentence(NamedTuple):
    """A sentence: character offsets (end exclusive) and its number of tokens."""

    start: int
    end: int
    tokens: int


@cache
def _splitter(language: Language) -> Any:
    """SpaCy's pipeline for a language, with its rules alone."""
    # spaCy's machinery imports torch if it is there, which the rules never use: a second saved.
    without_torch = "torch" not in sys.modules
    if without_torch:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import spacy
    finally:
        if without_torch:
            del sys.modules["torch"]

    splitter = spacy.blank(language)
    splitter.add_pipe("sentencizer")
    # spaCy takes one punctuation mark after the other from the ends of a word, and looks for each
    # in the whole of the word. Looking at its ends alone finds the same in linear time.
    tokenizer = splitter.tokenizer
    prefixes, suffixes = tokenizer.prefix_search.__self__, tokenizer.suffix_search.__self__
    is_url = tokenizer.url_match
    tokenizer.prefix_search = prefixes.match  # each begins with ^
    tokenizer.suffix_search = lambda word: suffixes.search(word, _end(word))
    tokenizer.url_match = lambda word: is_url(word) if len(word) <= URL else None
    return splitter


def _end(word: str) -> int:
    """Where the last characters of a word begin, among which its suffix is."""
    return max(0, len(word.rstrip(".")) - SUFFIX)  # full stops are one suffix, however many


def sentences(text: str, language: Language = "it") -> list[Sentence]:
    """Splits a text into sentences that cover all but the white space between them.

    A full stop does not end a sentence when a small letter or a digit follows: in the 83 real
    documents of CLinkaRT spaCy's rule alone cuts 6 of 658 relations in two, this one none.
    """
    splitter = _splitter(language)
    splitter.max_length = max(splitter.max_length, len(text) + 1)
    joined: list[Sentence] = []
    doc = splitter(text)
    starts = [_with_opening_marks(doc, piece.start) for piece in doc.sents]
    for first, last in pairwise([*starts, len(doc)]):
        piece = doc[first:last]
        stripped = piece.text.strip()
        if not stripped:
            continue
        start = piece.start_char + piece.text.index(stripped)
        end = start + len(stripped)
        if joined and _GOES_ON.match(stripped):
            joined[-1] = Sentence(joined[-1].start, end, joined[-1].tokens + len(piece))
        else:
            joined.append(Sentence(start, end, len(piece)))
    return joined


def _with_opening_marks(doc: Any, start: int) -> int:
    """Where a sentence begins whose ``¿`` or ``¡`` spaCy counts to the sentence before it."""
    while start > 0 and doc[start - 1].text in ("¿", "¡"):
        start -= 1
    return start


def opening(text: str, limit: int, language: Language = "it") -> str:
    """Cuts a text at the end of a sentence so that it has at most `limit` tokens.

    The first sentence is cut within where it alone has more, so nothing but white space comes out
    empty. All white space becomes single blanks, which are no tokens.
    """
    # A word has a token at least, so what follows these words lies beyond the limit.
    words = " ".join(text.split(None, limit + 1)[: limit + 1])
    end = tokens = 0
    for sentence in sentences(words, language):
        tokens += sentence.tokens
        if tokens > limit:
            break
        end = sentence.end
    return words[:end] or _splitter(language).tokenizer(words)[:limit].text
