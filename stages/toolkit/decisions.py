"""Decisions: rules, learnt on the dev split, by which probabilities and means become answers.

The likeliest answer makes accuracy best, if probabilities are right. Macro F1 wants thresholds that
do not follow the classes' shares in training, a correlation wants means and not modes, a distance a
point between. A task says by which figure its sub-tasks are judged, as the organisers do; on the
answers to dev questions, whose gold is known, the rule is chosen that makes the figure best:

    candidates    the candidate with the largest log p + offset is answered; an offset for each
    numbers       each number is its expectation, or one nearer to the dev questions' mean

Dev splits are small, and a rule that fits chance does harm. So a rule is taken only if it gains,
on dev questions that it was not learnt from (five folds), more than the standard error of the gain
(the one-standard-error rule: Breiman et al., Classification and Regression Trees, 1984, 3.4.3);
else answers stay as the model gave them.
"""

import hashlib
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from stages.forms.forms import Fields
from stages.toolkit.records import Array

FEWEST = 20  # dev answers from which a rule is learnt
FOLDS = 5
DRAWS = 200  # bootstrap resamples for the standard error of a gain
STEP, WIDEST = 0.25, 4.0  # of offsets, in nats
ROUNDS = 4  # passes over the candidates' offsets
SHRINKS = (1.0, 0.75, 0.5, 0.25, 0.0)  # shares of the distance to the mean that are kept


# --- Figures --------------------------------------------------------------------------------------


def whole(answer: str) -> tuple[AbstractSet[Hashable], ...]:
    """An answer as the only label that it stands for."""
    return (frozenset([answer]),)


@dataclass(frozen=True)
class F1:
    """F1 of labels, averaged; and over groups of labels if an answer has several parts.

    Attributes:
        average: of a group's labels: plain (macro), or weighted by their number in the gold.
        labels: an answer's labels, a set for each group.
    """

    average: Literal["macro", "weighted"] = "macro"
    labels: Callable[[str], tuple[AbstractSet[Hashable], ...]] = whole

    def over(self, candidates: Sequence[str]) -> Callable[[Array], float]:
        """Returns the figure as a function of counts of shape (gold, answered) of candidates."""
        groups = []
        for sets in zip(*map(self.labels, candidates), strict=True):
            names = sorted(frozenset().union(*sets), key=repr)
            groups.append(np.array([[name in held for name in names] for held in sets], float))

        def figure(counts: Array) -> float:
            return float(np.mean([self._group(counts, has) for has in groups]))

        return figure

    def _group(self, counts: Array, has: Array) -> float:
        from stages.toolkit.scores import average_f1

        right = np.einsum("gl,ga,al->l", has, counts, has)
        sums = np.concatenate([right, counts.sum(0) @ has, counts.sum(1) @ has])
        return float(average_f1(sums, self.average))


@dataclass(frozen=True)
class Accuracy:
    """The share of right answers."""

    def over(self, candidates: Sequence[str]) -> Callable[[Array], float]:
        """Returns the figure as a function of counts of shape (gold, answered) of candidates."""
        return lambda counts: float(np.trace(counts) / counts.sum())


@dataclass(frozen=True)
class Correlation:
    """Pearson's r, the mean of all numbers of an answer."""

    def of(self, gold: Array, values: Array) -> float:
        """Computes it from arrays of shape (questions, numbers); 0 where one does not vary."""
        x, y = gold - gold.mean(0), values - values.mean(0)
        root = np.sqrt((x * x).sum(0) * (y * y).sum(0))
        r = np.divide((x * y).sum(0), root, out=np.zeros_like(root), where=root > 1e-9)
        return float(r.mean())


@dataclass(frozen=True)
class Closeness:
    """The mean distance of points in km, negative: more is better."""

    def of(self, gold: Array, values: Array) -> float:
        """Computes it from latitudes and longitudes, of shape (questions, 2)."""
        from haversine import haversine_vector

        return -float(np.mean(haversine_vector(gold, values)))


Figure = F1 | Accuracy | Correlation | Closeness


# --- Rules ----------------------------------------------------------------------------------------


class Answered(NamedTuple):
    """What the model answered to a question.

    Attributes:
        id: of the question.
        answer: its text.
        probabilities: of each candidate of a closed sub-task.
        expectations: of each number of an answer with numbers.
        gold: the right answer; of dev questions alone.
    """

    id: str
    answer: str
    probabilities: Mapping[str, float] | None = None
    expectations: Sequence[float] | None = None
    gold: str | None = None


@dataclass(frozen=True)
class Offsets:
    """Answers the candidate with the largest log probability and offset.

    Attributes:
        by_candidate: its offset, in nats.
    """

    by_candidate: Mapping[str, float]

    def answer(self, row: Answered) -> str:
        """The answer to a question."""
        if not row.probabilities or row.probabilities.keys() != self.by_candidate.keys():
            return row.answer
        return max(
            self.by_candidate,
            key=lambda c: math.log(max(row.probabilities[c], TINY)) + self.by_candidate[c],  # type: ignore[index]
        )


@dataclass(frozen=True)
class Means:
    """Answers the expectations of numbers, or numbers between these and a centre.

    Attributes:
        form: of the answers.
        centre: the mean of the dev questions' gold.
        shrink: the share of the distance from the centre that is kept.
    """

    form: Fields
    centre: Sequence[float]
    shrink: float

    def answer(self, row: Answered) -> str:
        """The answer to a question."""
        if row.expectations is None:
            return row.answer
        values = [
            number.clip(c + self.shrink * (value - c))
            for number, c, value in zip(
                self.form.numbers.values(), self.centre, row.expectations, strict=True
            )
        ]
        filled = self.form.fill(row.answer, values)
        return row.answer if filled is None else filled


@dataclass(frozen=True)
class Decision:
    """What was found out about a sub-task.

    Attributes:
        rule: by which answers are given; None: as the model gave them.
        n: number of dev answers.
        plain: the figure of these as the model gave them.
        ruled: that of the rule, on folds that it was not learnt from.
        error: standard error of the difference.
    """

    rule: Offsets | Means | None
    n: int
    plain: float = 0.0
    ruled: float = 0.0
    error: float = 0.0

    def describe(self) -> dict[str, Any]:
        """The decision as plain values."""
        described: dict[str, Any] = {"rule": "plain"}
        if isinstance(self.rule, Offsets):
            offsets = {c: round(o, 6) for c, o in self.rule.by_candidate.items()}
            described = {"rule": "offsets", "offsets": offsets}
        elif isinstance(self.rule, Means):
            described = {"rule": "expectations", "shrink": self.rule.shrink}
        figures = {"plain": self.plain, "ruled": self.ruled, "error": self.error}
        return described | {"n": self.n} | {k: round(v, 6) for k, v in figures.items()}


TINY = 1e-12  # a probability that was rounded to 0


def learn(rows: Sequence[Answered], figure: Figure, form: Fields | None) -> Decision:
    """Learns a sub-task's rule from the answers to its dev questions.

    Args:
        rows: the answers, with gold.
        figure: that is to be made best.
        form: of answers with numbers.
    """
    if isinstance(figure, F1 | Accuracy):
        usable = [r for r in rows if r.probabilities and r.gold in r.probabilities]
        if len(usable) < FEWEST:
            return Decision(None, len(rows))
        return _learn_offsets(usable, figure)
    usable = [r for r in rows if r.expectations is not None]
    if form is None or len(usable) < FEWEST:
        return Decision(None, len(rows))
    return _learn_means(usable, figure, form)


def folds(ids: Sequence[str]) -> Array:
    """The fold of each question, by the hash of its id."""
    return np.array([int(hashlib.sha256(i.encode()).hexdigest(), 16) % FOLDS for i in ids])


def standard_error(count: int, gain: Callable[[Array], float]) -> float:
    """The standard error of a gain, by the bootstrap.

    Args:
        count: number of questions.
        gain: of questions by their numbers.
    """
    random = np.random.default_rng(0)
    return float(np.std([gain(random.integers(count, size=count)) for _ in range(DRAWS)]))


# --- Candidates -----------------------------------------------------------------------------------


def _learn_offsets(rows: Sequence[Answered], figure: F1 | Accuracy) -> Decision:
    candidates = list(rows[0].probabilities or ())
    table = np.array([[(r.probabilities or {}).get(c, 0.0) for c in candidates] for r in rows])
    scores = np.log(np.maximum(table, TINY))
    gold = np.array([candidates.index(str(r.gold)) for r in rows])
    own = np.array([candidates.index(r.answer) for r in rows])
    of_counts = figure.over(candidates)

    def judged(answers: Array, of: Array) -> float:
        pairs = of * len(candidates) + answers
        counts = np.bincount(pairs, minlength=len(candidates) ** 2)
        return of_counts(counts.reshape(len(candidates), -1).astype(float))

    def fitted(chosen: Array) -> Array:
        """Coordinate ascent; of offsets that are equally good the smallest."""
        offsets = np.zeros(len(candidates))
        grid = sorted(np.arange(-WIDEST, WIDEST + STEP, STEP), key=lambda o: (abs(o), o))
        best = judged((scores[chosen]).argmax(1), gold[chosen])
        for _ in range(ROUNDS):
            before = best
            for c in range(len(candidates) - (len(candidates) == 2)):
                for value in grid:
                    tried = offsets.copy()
                    tried[c] = value
                    found = judged((scores[chosen] + tried).argmax(1), gold[chosen])
                    if found > best + 1e-12:
                        best, offsets = found, tried
            if best == before:
                break
        return offsets

    fold = folds([r.id for r in rows])
    held_out = own.copy()
    for number in range(FOLDS):
        inside = fold == number
        if inside.any() and not inside.all():
            held_out[inside] = (scores[inside] + fitted(np.flatnonzero(~inside))).argmax(1)
    plain, ruled = judged(own, gold), judged(held_out, gold)
    error = standard_error(
        len(rows), lambda i: judged(held_out[i], gold[i]) - judged(own[i], gold[i])
    )
    rule = None
    if ruled - plain > error:
        offsets = fitted(np.arange(len(rows)))
        rule = Offsets(dict(zip(candidates, map(float, offsets), strict=True)))
    return Decision(rule, len(rows), plain, ruled, error)


# --- Numbers --------------------------------------------------------------------------------------


def _learn_means(
    rows: Sequence[Answered], figure: Correlation | Closeness, form: Fields
) -> Decision:
    stated = [numbers_in(str(r.gold), form) for r in rows]
    known = [n for n, numbers in enumerate(stated) if numbers is not None]
    if len(known) < FEWEST:
        return Decision(None, len(rows))
    gold = np.array([stated[n] for n in known])
    means = np.array([rows[n].expectations for n in known], dtype=float)
    centre = gold.mean(0)
    own = np.array([numbers_in(rows[n].answer, form) or centre for n in known], dtype=float)

    def moved(shrink: float, around: Array, which: Array) -> Array:
        return np.asarray(around + shrink * (means[which] - around))

    def best(which: Array) -> float:
        around = gold[which].mean(0)
        found = [figure.of(gold[which], moved(s, around, which)) for s in shrinks]
        return shrinks[max(range(len(shrinks)), key=lambda n: (round(found[n], 9), -n))]

    # A correlation does not change with it.
    shrinks = SHRINKS if isinstance(figure, Closeness) else SHRINKS[:1]
    fold = folds([rows[n].id for n in known])
    held_out = own.copy()
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if len(inside) and len(outside):
            held_out[inside] = moved(best(outside), gold[outside].mean(0), inside)
    if len(shrinks) == 1:
        held_out = means
    plain, ruled = figure.of(gold, own), figure.of(gold, held_out)
    error = standard_error(
        len(known), lambda i: figure.of(gold[i], held_out[i]) - figure.of(gold[i], own[i])
    )
    rule = None
    if ruled - plain > error:
        rule = Means(form, tuple(map(float, centre)), best(np.arange(len(known))))
    return Decision(rule, len(known), plain, ruled, error)


def numbers_in(answer: str, form: Fields) -> tuple[float, ...] | None:
    """The numbers that an answer of a form states; None if it does not have just these."""
    from stages.toolkit.answers import parse_numbers

    before = form.before(answer)
    if before is None:
        return None
    found = parse_numbers(answer[len(before.rstrip()) :], len(form.numbers))
    pairs = zip(form.numbers.values(), found or (), strict=False)
    return found and tuple(number.clip(value) for number, value in pairs)
