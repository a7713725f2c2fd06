"""The pretraining corpus: an endless, seeded stream of instruction items and plain texts.

The stream is cut into blocks; a block depends on the seed and its index alone, so that any number
of processes can make the blocks and the stream stays the same.
"""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recipes.base.comparing import COMPARING
from recipes.base.drafts import Draft
from recipes.base.families import FAMILIES
from recipes.base.texts import Writer

HEADER = (
    "Di seguito trovi un'istruzione che descrive un compito e un testo su cui svolgerlo. "
    "Scrivi la risposta che completa il compito."
)
_OTHER_HEADERS = (
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "Leggi l'istruzione e il testo, poi scrivi la risposta.",
    "Qui sotto ci sono un'istruzione e un testo.",
    "Svolgi il compito.",
    "Segue un compito; rispondi come richiesto.",
)
HEADER_SHARE = 0.3
"""Items with a long header; the others have another one or, mostly, none,
which saves a quarter of the tokens."""
PLAIN_SHARE = 0.10
LONGEST_INPUT = 1000
SHORT_INPUT = 220
SHORT_SHARE = 0.75
"""Most inputs are short: what is learnt from an answer costs the tokens of its input."""
SHORTEST_INPUTS = (90, 140)
"""Characters of the inputs of the two lessons before the whole mix."""
REPEATING, COMPARING_FIRST, EVERYTHING = 0, 1, 2
"""Lessons, in their order: short texts to repeat, short comparisons, the whole mix."""
REPEATED_SHARE = 0.1
"""Share of the second lesson that still repeats."""

_MARKERS = "BREL SEP EREL NOREL PER LOC ORG BT ET regione geo gap".split()
_MARKER = re.compile(
    r"[\[<{(|#*§«_=/]\s*(?:" + "|".join(_MARKERS) + r")\d?\s*[\]>})|#*§»_=]", re.IGNORECASE
)
LABELS = frozenset(
    "cospirazione cospirazioni cospirazionista complotto coerente incoerente odio "
    "omotransfobico omotransfobica omofobo direzione argomento direzione_argomento "
    "non_specificato sinistra destra centrodestra centrosinistra covid qanon russia "
    "corretto incorretto differente uguale certamente probabilmente uomo donna nessuna amore "
    "anticipazione disgusto fiducia gioia neutro paura rabbia sorpresa tristezza regione "
    "brel erel norel".split()
)
"""Answer words of the later tasks, which the corpus leaves out altogether ('sì', 'no', 'vero' and
'falso' are ordinary words and stay)."""
_WORDS = re.compile(r"[a-zà-ù_]{4,}")


@dataclass(frozen=True)
class Item:
    """A document of the corpus.

    Attributes:
        family: key of `FAMILIES`, or `plain` for a text without an instruction.
        prompt: the framed instruction and input up to the answer; empty for a plain text.
        answer: the answer, or the plain text.
        draft: the parts of an instruction item; None for a plain text.
    """

    family: str
    prompt: str
    answer: str
    draft: Draft | None = None


def forbidden(text: str) -> str | None:
    """Finds a marker or an answer word of the later tasks.

    Args:
        text: any text.

    Returns:
        The first one found, or None.
    """
    if match := _MARKER.search(text):
        return match.group()
    found = LABELS.intersection(_WORDS.findall(text.lower()))
    return min(found) if found else None


def frame(instruction: str, text: str, header: str = HEADER) -> str:
    """Puts an instruction and its input into the prompt that ends before the answer."""
    head = header + "\n\n" if header else ""
    return f"{head}### Istruzione:\n{instruction}\n\n### Input:\n{text}\n\n### Risposta:\n"


def draft(writer: Writer, family: str, longest: int = 0) -> Draft:
    """Draws items of a family until one suits and has nothing forbidden in it."""
    function = FAMILIES[family][0]
    if not longest:
        longest = SHORT_INPUT if writer.random() < SHORT_SHARE else LONGEST_INPUT
    while True:
        one = function(writer)
        if (
            one is not None
            and one.answer.strip()
            and len(one.input) <= longest
            and len(one.answer) <= 500
            and not forbidden(f"{one.instruction}\n{one.input}\n{one.answer}")
        ):
            return one


def plain(writer: Writer) -> str:
    """Draws a plain text with nothing forbidden in it."""
    while True:
        text = " ".join(writer.sentences())
        if not forbidden(text):
            return text


def _bag(families: Mapping[str, tuple[object, int]]) -> tuple[str, ...]:
    return tuple(name for name, (_, weight) in families.items() for _ in range(weight))


_BAG, _COMPARING_BAG = _bag(FAMILIES), _bag(COMPARING)


def framed(writer: Writer) -> str:
    """Draws an instruction and its input in their frame."""
    one = draft(writer, writer.pick(_BAG))
    return frame(one.instruction, one.input, writer.pick(_OTHER_HEADERS))


def item(writer: Writer) -> Item:
    """Draws one document of the corpus."""
    if writer.random() < PLAIN_SHARE:
        return Item("plain", "", plain(writer))
    family = writer.pick(_BAG)
    one = draft(writer, family)
    header = HEADER if writer.random() < HEADER_SHARE else writer.pick(_OTHER_HEADERS)
    return Item(family, frame(one.instruction, one.input, header), one.answer, one)


def short_item(writer: Writer, lesson: int) -> Item:
    """Draws a short item of one of the first lessons, without a header."""
    family = "repeat"
    if lesson == COMPARING_FIRST and writer.random() >= REPEATED_SHARE:
        family = writer.pick(_COMPARING_BAG)
    one = draft(writer, family, SHORTEST_INPUTS[lesson])
    return Item(family, frame(one.instruction, one.input, ""), one.answer, one)


def writer_for(seed: int, part: str, index: int = 0) -> Writer:
    """Returns the writer of one part of the stream, independent of every other part."""
    return Writer(random.Random(f"{seed}/{part}/{index}"))


def block(seed: int, index: int, size: int = 64, *, lesson: int = EVERYTHING) -> list[Item]:
    """Returns one block of the stream.

    Args:
        seed: seed of the whole stream.
        index: number of the block, from 0.
        size: documents in the block.
        lesson: which lesson the block belongs to.

    Returns:
        The documents, the same whoever asks.
    """
    writer = writer_for(seed, "train", index)
    if lesson < EVERYTHING:
        return [short_item(writer, lesson) for _ in range(size)]
    return [item(writer) for _ in range(size)]


def stream(seed: int) -> Iterator[Item]:
    """Yields the documents of all blocks in order, without end."""
    index = 0
    while True:
        yield from block(seed, index)
        index += 1


def held_out(seed: int, per_family: int) -> dict[str, list[Item]]:
    """Returns evaluation items of every family, from a part of the stream never trained on."""
    out: dict[str, list[Item]] = {}
    for family in FAMILIES:
        writer = writer_for(seed, "held-out/" + family)
        drafts = [draft(writer, family) for _ in range(per_family)]
        out[family] = [Item(family, frame(d.instruction, d.input), d.answer, d) for d in drafts]
    return out
