"""What every family of lessons uses: an instruction item, markers, answer words, quotations."""

from dataclasses import dataclass
from string import ascii_letters, ascii_lowercase, ascii_uppercase

from recipes.base import lexicon as lex
from recipes.base.texts import Writer

FIXED = 0.75
"""Share of the choices of two that are answered with sì and no, not with words drawn anew. A model
that must learn at once to compare and which word stands for what learns neither."""

_OPTION_WORDS = (
    "sì no vero falso zorro blip ok niente presente assente trovato manca positivo negativo alfa "
    "beta gamma delta uno due tre A B C X Y 0 1 2 3 4 5 rosso verde dentro fuori certo mai esatto "
    "errato stesso diverso yes not luna sole nord sud".split()
)
_BRACKETS = (
    ("[", "]"), ("[", "]"), ("[", "]"), ("[", "]"), ("[", "]"), ("<", ">"), ("{", "}"),
    ("(", ")"), ("<<", ">>"), ("[[", "]]"), ("#", "#"), ("*", "*"), ("|", "|"), ("§", "§"),
    ("«", "»"), ("_", "_"), ("=", "="),
)  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """An instruction, its input and its answer.

    Attributes:
        instruction: what to do, in Italian.
        input: the text to work on.
        answer: the one right answer.
        spans: parts of the answer that were copied from the input.
    """

    instruction: str
    input: str
    answer: str
    spans: tuple[str, ...] = ()


def marker(w: Writer, brackets: tuple[str, str]) -> str:
    """Returns a random marker between the given brackets."""
    x = w.random()
    if x < 0.75:
        alphabet = ascii_uppercase if w.random() < 0.6 else ascii_lowercase
        if w.random() < 0.12:
            alphabet = ascii_letters
        name = "".join([w.pick(alphabet) for _ in range(w.integer(2, 5))])
        if w.random() < 0.15:
            name += str(w.integer(0, 9))
    elif x < 0.9:
        name = w.pseudo()[: w.integer(2, 8)]
        if w.random() < 0.3:
            name = name.upper()
    else:
        name = w.noun()
        if w.random() < 0.3:
            name = name.upper()
    return brackets[0] + name + brackets[1]


def markers(w: Writer, count: int) -> list[str]:
    """Returns different random markers, mostly in the same brackets."""
    brackets = w.pick(_BRACKETS)
    out: list[str] = []
    while len(out) < count:
        one = marker(w, brackets if w.random() < 0.95 else w.pick(_BRACKETS))
        if one not in out:
            out.append(one)
    return out


def options(w: Writer, count: int) -> list[str]:
    """Returns different answer words, drawn anew unless they are sì and no."""
    if count == 2 and w.random() < FIXED:
        pair = ["sì", "no"]
        return pair if w.random() < 0.75 else pair[::-1]
    out: list[str] = []
    while len(out) < count:
        x = w.random()
        if x < 0.35:
            word = w.pick(_OPTION_WORDS)
        elif x < 0.65:
            word = w.pick(lex.COMMON)
        elif x < 0.75:
            word = w.pseudo()
        elif x < 0.8:
            word = w.noun() + ("_" if w.random() < 0.4 else " ") + w.adjective()
        elif x < 0.9:
            word = w.surname() if w.random() < 0.8 else w.surname() + " " + w.surname()
        else:
            word = w.noun()
        if word not in out:
            out.append(word)
    return out


def joined(w: Writer, genre: str | None = None, length: int = 0) -> str:
    """Returns one text."""
    return " ".join(w.sentences(genre, length))


def quoted(w: Writer, text: str) -> str:
    """Returns a string of the input as an instruction quotes it."""
    marks = w.pick(('"{}"', "«{}»", "'{}'", "{}"))
    return marks.format(text) if "{" not in text and "}" not in text else f'"{text}"'
