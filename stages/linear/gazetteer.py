"""A gazetteer: what training answers copied from their inputs is looked up in other inputs.

An answer consists of entries. Of ``[PER] Ada [LOC] Roma`` each marker begins one; where all answers
begin with the same marker, it alone does: ``[BREL] 3 [SEP] Hb [EREL]`` is one entry, which has two
copied phrases. Where answers begin with no marker, markers separate entries: ``one [gap] two``.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from stages.linear.models import Answer

MARKER = r"\[[^\[\]\s]+\]"
TOKEN = re.compile(r"\w+|[^\w\s]")

Phrase = tuple[str, ...]
"""Tokens: a word, or one character that is neither a letter nor a digit."""


class Entry(NamedTuple):
    """A part of an answer, and the phrases in it that are copied from the input."""

    text: str
    phrases: tuple[Phrase, ...]


class Gazetteer:
    """Answers with every entry whose phrases stand in the input.

    Entries that in training inputs stood more often without being answered than with it are left
    out. Of entries that overlap the first and longest is taken, and of those of one phrase the most
    frequent, then the first in training. Where there is none, the most
    frequent answer without an entry is given.
    """

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Collects the entries of training answers.

        Args:
            inputs: of the training questions.
            outputs: the answers to them.
        """
        self._openers = {m[0] for output in outputs if (m := re.match(MARKER, output))}
        marks = [] if self._openers else re.findall(MARKER, " ".join(outputs))
        self._separator = f" {Counter(marks).most_common(1)[0][0]} " if marks else " "
        answers = [self._entries(output) for output in outputs]
        self._longest = max(len(p) for entries in answers for e in entries for p in e.phrases)
        answered: Counter[Entry] = Counter()
        without: Counter[str] = Counter()
        for text, output, entries in zip(inputs, outputs, answers, strict=True):
            grams = self._grams(text)
            standing_here = (e for e in entries if all(phrase in grams for phrase in e.phrases))
            found = dict.fromkeys(standing_here)  # in their order, which decides among equals
            answered.update(found.keys())
            without.update([] if found else [output])
        self._nothing = (without or Counter(outputs)).most_common(1)[0][0]
        self._known: dict[Phrase, list[Entry]] = defaultdict(list)
        for entry, _ in answered.most_common():
            self._known[entry.phrases[0]].append(entry)
        standing = Counter(e for text in inputs for e in {entry for *_, entry in self._all(text)})
        for phrase, entries in self._known.items():
            self._known[phrase] = [e for e in entries if 2 * answered[e] >= standing[e]]

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """Answers questions."""
        answers = []
        for text in inputs:
            chosen, end = [], 0
            for start, length, entry in self._all(text):
                if start >= end:
                    chosen.append(entry.text)
                    end = start + length
            answers.append(Answer(self._separator.join(chosen) or self._nothing))
        return answers

    def _entries(self, answer: str) -> list[Entry]:
        cut = rf"\s+(?=(?:{'|'.join(map(re.escape, sorted(self._openers)))})\s)"
        parts = re.split(cut if self._openers else rf"\s*{MARKER}\s*", answer)
        entries = [Entry(part, tuple(phrases(part))) for part in parts]
        return [entry for entry in entries if entry.phrases]

    def _grams(self, text: str) -> dict[Phrase, list[int]]:
        """All phrases of a text, no longer than any entry's, with the places where they begin."""
        tokens = TOKEN.findall(text)
        grams = defaultdict(list)
        for start in range(len(tokens)):
            for end in range(start + 1, min(start + self._longest, len(tokens)) + 1):
                grams[tuple(tokens[start:end])].append(start)
        return grams

    def _all(self, text: str) -> list[tuple[int, int, Entry]]:
        """Entries that stand in a text: first token, number of tokens, entry; the best first."""
        grams = self._grams(text)
        found = [
            (start, len(phrase), entry)
            for phrase in self._known.keys() & grams.keys()
            for entry in self._known[phrase]
            if all(other in grams for other in entry.phrases)
            for start in grams[phrase]
        ]
        return sorted(found, key=lambda place: (place[0], -place[1]))


def phrases(answer: str) -> Iterator[Phrase]:
    """The parts of an answer that are no markers, as tokens."""
    for part in re.split(MARKER, answer):
        if tokens := TOKEN.findall(part):
            yield tuple(tokens)
