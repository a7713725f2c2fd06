"""Leaks: training and dev questions whose text stands in a test set too, of whichever sub-task.

Two files of the organisers may share texts: most posts of ACTI's sub-task B are posts of A, some of
its test set. Who learns from the one then knows answers to the other.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from stages.toolkit.records import Example
from stages.toolkit.splits import SPLITS, Split

RUN = 13
"""Words of a run that no two texts share by chance (Brown et al. 2020, GPT-3, appendix C)."""

OPENING = 40
"""Words by which the two texts of a pair are known, for they may be cut at different lengths."""

_SEPARATOR = re.compile(r"\[sep\]", re.IGNORECASE)
_ANONYMISED = re.compile(r"rt\s+@\w+|@\w+|https?://\S+|www\.\S+|\[(?:user|url|[be]t[12])\]")

Words = tuple[str, ...]


def words(text: str) -> Words:
    """The words by which texts are compared.

    What tells copies of a text apart does not count: compatibility forms (NFKC), case, white space,
    punctuation and symbols; the names of users and addresses, which every task replaces in a way of
    its own, and ``RT`` before a name; the markers of WiC-ITA's words. A text without any word is
    what stands between its blanks.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return tuple(re.findall(r"\w+", _ANONYMISED.sub(" ", plain))) or tuple(plain.split())


def find_leaks(by_split: Mapping[Split, Sequence[Example]]) -> dict[str, frozenset[str]]:
    """Finds the training and dev questions whose text stands in a test set.

    A text does if a test question has the same words; a text of 13 words or more also if every 13
    in a row stand in test questions, for documents and authors are cut into questions at various
    places. Of a pair of texts both must be those of one test question, in either order. The time
    taken is linear in the number of words.

    Args:
        by_split: the examples of each split.

    Returns:
        By question id, for those that leak, in whose test sets the text stands: names of sub-tasks,
        such as ``acti_a`` or ``acti_a@lecture``.
    """
    sets: dict[Words, set[str]] = {}  # sub-tasks by the keys of their test questions
    joined: dict[str, list[str]] = {}  # by sub-task, the words of its questions one after another
    for example in by_split["test"]:
        subtask, texts = subtask_of(example), _texts(example)
        for key in _keys(texts):
            sets.setdefault(key, set()).add(subtask)
        if len(texts) == 1:
            joined.setdefault(subtask, []).extend(texts[0])
    for subtask, all_words in joined.items():
        for key in _runs(all_words):
            sets.setdefault(key, set()).add(subtask)
    leaks = {}
    for split in SPLITS[:2]:
        for example in by_split[split]:
            keys = _keys(_texts(example))
            found = sets.get(next(keys), set[str]())
            while found and (another := next(keys, None)):
                found = found & sets.get(another, set())
            if found:
                leaks[example.id] = frozenset(found)
    return leaks


def count_leaks(
    by_split: Mapping[Split, Sequence[Example]], leaks: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, dict[str, int]]]:
    """Counts leaks by sub-tasks.

    Args:
        by_split: the examples of each split.
        leaks: as `find_leaks` finds them.

    Returns:
        By the sub-task in whose test set texts stand, and the sub-task in whose training or dev
        data: how many in each of the two. A text may stand in several test sets.
    """
    counts = Counter(
        (other, subtask_of(example), split)
        for split in SPLITS[:2]
        for example in by_split[split]
        for other in leaks.get(example.id, ())
    )
    nested: dict[str, dict[str, dict[str, int]]] = {}
    for (other, own, split), count in sorted(counts.items()):
        nested.setdefault(other, {}).setdefault(own, {})[split] = count
    return nested


def subtask_of(example: Example) -> str:
    """The sub-task of an example, with the task whose rows they are if it is another one's."""
    return example.id.partition(":")[0]


def _texts(example: Example) -> list[Words]:
    """The words of a question's text, or of both texts of a pair."""
    return [words(part) for part in _SEPARATOR.split(example.input)]


def _keys(texts: Sequence[Words]) -> Iterator[Words]:
    """Yields what a question is known by: its words, all runs of them, or both texts of a pair."""
    if len(texts) > 1:
        yield sum((("[sep]", *opening) for opening in sorted(t[:OPENING] for t in texts)), ())
    elif len(texts[0]) <= RUN:
        yield texts[0]
    else:
        yield from _runs(texts[0])


def _runs(sequence: Sequence[str]) -> Iterator[Words]:
    return (tuple(sequence[i : i + RUN]) for i in range(len(sequence) - RUN + 1))
