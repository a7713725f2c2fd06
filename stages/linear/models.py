"""Linear models of answers: logistic regression of labels, ridge regression of numbers.

Their features are the TF-IDF of an input's words, pairs of words, and characters within words.
Every label has a logistic regression of its own, in which both classes count alike however rare the
label is (``balanced``): most of the ranked units are macro F1.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class Answer(NamedTuple):
    """An answer, in closed sub-tasks with the probability of each candidate."""

    text: str
    probabilities: Mapping[str, float] | None = None


class Answerer(Protocol):
    """What has been fitted to the training questions of a sub-task."""

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """Answers questions, given by their inputs."""


class Constant:
    """The same answer to every question."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """Answers questions."""
        return [self._answer for _ in inputs]


class Labels:
    """The most probable of a few answers."""

    def __init__(
        self,
        inputs: Sequence[str],
        outputs: Sequence[str],
        candidates: Sequence[str],
        regularization: float,
    ) -> None:
        """Fits a logistic regression to each label.

        Args:
            inputs: of the training questions.
            outputs: the answers to them, of two kinds at least.
            candidates: what may be answered; those without a training question have probability 0.
            regularization: its strength, 1 / C.
        """
        self._candidates = candidates
        self._model = classifier(regularization).fit(inputs, outputs)

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """Answers questions."""
        answers = []
        for row in self._model.predict_proba(inputs):
            known = dict(zip(self._model.classes_, row.tolist(), strict=True))
            probabilities = {c: round(known.get(c, 0.0), 6) for c in self._candidates}
            best = max(self._candidates, key=lambda c: probabilities[c])
            answers.append(Answer(best, probabilities))
        return answers


class Words:
    """Every word, of a few, that is more probable than not; if none is, the most probable."""

    def __init__(
        self, inputs: Sequence[str], outputs: Sequence[str], regularization: float
    ) -> None:
        """Fits a logistic regression to each word.

        Args:
            inputs: of the training questions.
            outputs: the answers to them: sorted words.
            regularization: its strength, 1 / C.
        """
        sets = [set(output.split()) for output in outputs]
        words = sorted(set().union(*sets))
        self._always = [word for word in words if all(word in each for each in sets)]
        self._words = [word for word in words if word not in self._always]
        has = np.array([[word in each for word in self._words] for each in sets], dtype=int)
        self._model = classifier(regularization).fit(inputs, has)

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """Answers questions."""
        answers = []
        for both in self._model.predict_proba(inputs):
            row = both[-len(self._words) :]  # of one word alone there is its absence too
            threshold = min(0.5, row.max())
            chosen = [w for w, p in zip(self._words, row, strict=True) if p >= threshold]
            answers.append(Answer(" ".join(sorted([*chosen, *self._always]))))
        return answers


class Numbers:
    """Numbers in a frame of words: the frame by logistic, the numbers by ridge regression."""

    def __init__(
        self, inputs: Sequence[str], outputs: Sequence[str], regularization: float
    ) -> None:
        """Fits a ridge regression to each number.

        Args:
            inputs: of the training questions.
            outputs: the answers to them, all with equally many numbers.
            regularization: its strength, 1 / C and alpha.
        """
        found = [NUMBER.findall(output) for output in outputs]
        self._decimals = max(len(n.partition(".")[2]) for row in found for n in row)
        values = np.array(found, dtype=float)
        self._low, self._high = values.min(0), values.max(0)
        self._ridge = make_pipeline(features(), Ridge(regularization)).fit(inputs, values)
        frames = [frame(output) for output in outputs]
        known = sorted(set(frames))
        self._frames: Answerer = Constant(Answer(known[0]))
        if len(known) > 1:
            self._frames = Labels(inputs, frames, known, regularization)

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """Answers questions; no number is beyond those of the training questions."""
        predicted = self._ridge.predict(inputs).reshape(len(inputs), -1)
        rows = np.clip(predicted, self._low, self._high)
        frames = self._frames.answer(inputs)
        return [Answer(self._fill(f.text, row)) for f, row in zip(frames, rows, strict=True)]

    def _fill(self, words: str, row: NDArray[Any]) -> str:
        values = iter(row)
        return NUMBER.sub(lambda _: f"{next(values):.{self._decimals}f}", words)


def frame(answer: str) -> str:
    """An answer with every number replaced by 0."""
    return NUMBER.sub("0", answer)


def classifier(regularization: float) -> Pipeline:
    """A logistic regression for each label."""
    logistic = LogisticRegression(
        C=1 / regularization, class_weight="balanced", solver="liblinear", random_state=0
    )
    return make_pipeline(features(), OneVsRestClassifier(logistic))


def features() -> Any:
    """TF-IDF of words and pairs of them, and of 2 to 5 characters within words."""
    words = {"analyzer": "word", "token_pattern": r"\S+", "ngram_range": (1, 2)}
    characters = {"analyzer": "char_wb", "ngram_range": (2, 5)}
    return make_union(*(TfidfVectorizer(sublinear_tf=True, **kind) for kind in (words, characters)))
