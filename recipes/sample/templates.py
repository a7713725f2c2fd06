"""Sentences from templates, drawn by a seeded generator: what the samples' generators share."""

import random
import re
from collections.abc import Callable, Mapping, Sequence

from recipes.base.lexicon import NAMES

_ONSETS = "b br c d dr f g gl l m n p pr r s sp t tr v z".split()
_CODAS = ("", "", "l", "n", "r", "s")
_REPLIES = (
    " Risposta: {}", " Un altro scrive: {}", " Mi rispondono: {}", " Sotto si legge: {}",
    " C'è chi replica: {}",
)  # fmt: skip
_SLOT = re.compile(r"\{(\w+)\}")


class Filler:
    """Fills ``{slots}`` of templates with words drawn from lists; words may have slots too."""

    def __init__(self, rng: random.Random, slots: Mapping[str, Sequence[str]]) -> None:
        self.rng = rng
        self._slots = slots

    def fill(self, template: str) -> str:
        """Returns a template with every slot filled."""
        while _SLOT.search(template):
            template = _SLOT.sub(lambda m: self.rng.choice(self._slots[m[1]]), template)
        return template

    def one_of(self, templates: Sequence[str]) -> str:
        """Fills one of the templates."""
        return self.fill(self.rng.choice(templates))


def invented(rng: random.Random, known: set[str]) -> str:
    """Draws a proper name that nobody bears, of two or three syllables.

    Args:
        rng: the generator.
        known: names that must not come again; the new one is added.
    """
    while True:
        syllables = [rng.choice(_ONSETS) + rng.choice("aeiou") for _ in range(rng.choice((2, 3)))]
        name = rng.choice(_CODAS).join(syllables).capitalize()
        if name not in known:
            known.add(name)
            return name


def common_name(rng: random.Random, but: str = "") -> str:
    """Draws a proper name that nobody bears, of those that the small base has read often.

    Args:
        rng: the generator.
        but: a name that must not come.
    """
    while (name := rng.choice(NAMES)) == but:
        pass
    return name


def distinct(count: int, draw: Callable[[], str], seen: set[str]) -> list[str]:
    """Draws texts that differ from one another and from those seen before.

    Args:
        count: how many.
        draw: draws a text.
        seen: texts that must not come again; the new ones are added.

    Raises:
        ValueError: if the templates do not give so many different texts.
    """
    found: list[str] = []
    for _ in range(200 * count):
        if len(found) == count:
            return found
        if (text := draw()) not in seen:
            seen.add(text)
            found.append(text)
    raise ValueError(f"only {len(found)} of {count} different texts")


def answered(rng: random.Random, post: str, reply: str) -> str:
    """Returns a post and what somebody else answers; the answer says nothing about the post.

    Who counts words cannot tell which of them are whose.
    """
    post, reply = (
        text if text.rstrip()[-1] in ".!?…" else text.rstrip() + "." for text in (post, reply)
    )
    return post + rng.choice(_REPLIES).format(reply[0].upper() + reply[1:])
