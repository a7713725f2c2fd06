"""Expectations: the mean of a number as the model foretells its digits, exact over all numbers.

The numbers of a form, with its decimals, are texts; their tokens form a tree, whichever way the
tokenizer cuts digits. Where it forks, the model's logits give each branch its share, so a number's
probability is a product of shares, and the expectation is a sum over the tree: no sampling. A
branch whose numbers lie closer together than the form's resolution counts as their mean.

Of several numbers each is foretold after the ones before it. The first is replaced by its
expectation for the second one's sake, and so on: for a model whose second mean depends linearly on
the first number that is the mean over all pairs.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stages.answering.candidates import Fork, softmax
from stages.answering.engine import Engine
from stages.common.command import InputError
from stages.forms.forms import Fields
from stages.model.text import TextEncoder


class Leaf(NamedTuple):
    """Numbers that are not told apart; value is their mean."""

    value: float


class Branches(NamedTuple):
    """A fork of the tree: its number among the forks, and what its tokens lead to."""

    fork: int
    children: "tuple[Leaf | Branches, ...]"


class NumberTree:
    """The numbers of a range as a tree of tokens.

    Attributes:
        forks: where it forks.
        depth: number of tokens of the longest number.
        probe: a number's tokens, by which the tree can be tried on another text before it.
    """

    def __init__(self, values: Mapping[tuple[int, ...], float], resolution: float) -> None:
        """Builds the tree.

        Args:
            values: each number's value by its tokens.
            resolution: numbers no further apart are one leaf.
        """
        self.forks: list[Fork] = []
        self.depth = max(map(len, values))
        self.probe = next(iter(values))
        self._root = self._grow(sorted(values.items()), 0, resolution)

    def _grow(
        self, rows: Sequence[tuple[tuple[int, ...], float]], depth: int, resolution: float
    ) -> Leaf | Branches:
        numbers = [value for _, value in rows]
        close = max(numbers) - min(numbers) <= resolution * (1 + 1e-9)
        if close or len(rows) == 1:
            return Leaf(math.fsum(numbers) / len(numbers))
        by_token: dict[int, list[tuple[tuple[int, ...], float]]] = {}
        for ids, value in rows:
            by_token.setdefault(ids[depth], []).append((ids, value))
        if len(by_token) == 1:
            return self._grow(rows, depth + 1, resolution)
        own = len(self.forks)
        self.forks.append(Fork(rows[0][0][:depth], tuple(by_token)))
        children = [self._grow(members, depth + 1, resolution) for members in by_token.values()]
        return Branches(own, tuple(children))

    def expectation(self, logits: Sequence[Sequence[float]]) -> float:
        """Returns the mean number.

        Args:
            logits: for each fork those of its tokens, up to a constant.
        """

        def mean(node: Leaf | Branches) -> float:
            if isinstance(node, Leaf):
                return node.value
            shares = softmax(logits[node.fork])
            return math.fsum(
                share * mean(child) for share, child in zip(shares, node.children, strict=True)
            )

        return mean(self._root)


class Expectations:
    """Computes the expectations of the numbers in answers of a form."""

    def __init__(self, engine: Engine, encoder: TextEncoder, form: Fields) -> None:
        """Takes an engine and a form.

        Args:
            engine: computes logits.
            encoder: knows the tokenizer.
            form: of the answers.
        """
        self._engine, self._encoder, self._form = engine, encoder, form
        self._trees: dict[int, NumberTree] = {}

    def compute(
        self, prompts: Sequence[list[int]], answers: Sequence[str]
    ) -> list[tuple[float, ...] | None]:
        """Computes the expectation of each number.

        Args:
            prompts: token ids of each question.
            answers: what the model answered; what stands before the numbers is taken from it.

        Returns:
            The expectations for each question, the last of them NaN where the model computes no
            finite number; None where the answer has no place for numbers.
        """
        before = [self._form.before(answer) for answer in answers]
        found: list[list[float] | None] = [None if text is None else [] for text in before]
        texts = [text or "" for text in before]
        for which, number in enumerate(self._form.numbers.values()):
            alive = {n: v for n, v in enumerate(found) if v is not None and not math.isnan(sum(v))}
            for n, value in self._one(which, {n: (prompts[n], texts[n]) for n in alive}):
                if math.isfinite(value):
                    alive[n].append(number.clip(value))
                    texts[n] += number.write(alive[n][-1]) + " "
                else:
                    alive[n].append(math.nan)
        return [None if values is None else tuple(values) for values in found]

    def _one(
        self, which: int, rows: Mapping[int, tuple[list[int], str]]
    ) -> Iterator[tuple[int, float]]:
        """Computes the expectation of one number of each row, given its prompt and text before."""
        by_tree: dict[int, tuple[NumberTree, list[int], list[list[int]], list[int]]] = {}
        for n, (prompt, text) in rows.items():
            head, tree = self._tree(which, text)
            _, numbers, texts, begun = by_tree.setdefault(id(tree), (tree, [], [], []))
            numbers.append(n)
            texts.append([*prompt, *head])
            begun.append(len(head))
        for tree, numbers, texts, begun in by_tree.values():
            for i, logits in self._engine.score(texts, tree, begun):
                yield numbers[i], tree.expectation(logits)

    def _tree(self, which: int, text: str) -> tuple[list[int], NumberTree]:
        """The tokens of a text, its last blank aside, and the tree of the number after it.

        The blank may be a part of the number's first token. The tree is that of the first text if
        the tokenizer cuts a number after this one alike.
        """
        head = self._encoder.encode_text(text.rstrip(" "))
        known = self._trees.get(which)
        number = list(self._form.numbers.values())[which]
        first, _ = next(number.all())
        if known and self._encoder.encode_text(text + first) == [*head, *known.probe]:
            return head, known
        values: dict[tuple[int, ...], float] = {}
        for written, value in number.all():
            ids = self._encoder.encode_text(text + written)
            if ids[: len(head)] != head or tuple(ids[len(head) :]) in values:
                raise InputError(
                    f"infer.expectations: the tokenizer has no tokens of their own for numbers such"
                    f" as {written} after {text!r}; expected false"
                )
            values[tuple(ids[len(head) :])] = value
        tree = NumberTree(values, self._form.resolution)
        self._trees.setdefault(which, tree)
        return head, tree
