"""Kinds of answers: which model suits a sub-task is seen in its training answers."""

import logging
from collections import Counter
from collections.abc import Sequence

from stages.linear.gazetteer import Gazetteer, are_copied
from stages.linear.models import NUMBER, Answer, Answerer, Constant, Labels, Numbers, Words, frame

log = logging.getLogger(__name__)

FEW = 25  # frames of numbers, or words, that count as a few (labels of closed sub-tasks: as many)


def fit(
    subtask: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    candidates: Sequence[str],
    regularization: float,
) -> Answerer:
    """Fits the model that suits a sub-task.

    Args:
        subtask: its name, for the log.
        inputs: of the training questions.
        outputs: the answers to them.
        candidates: of a closed sub-task; none if it is open.
        regularization: strength of the regularization.
    """
    model: Answerer
    if len(set(outputs)) < 2 or not any(text.strip() for text in inputs):
        kind, model = "most frequent answer", most_frequent(outputs, candidates)
    elif candidates:
        kind, model = "labels", Labels(inputs, outputs, candidates, regularization)
    elif are_copied(inputs, outputs):
        kind, model = "gazetteer", Gazetteer(inputs, outputs)
    elif are_numbers(outputs):
        kind, model = "numbers", Numbers(inputs, outputs, regularization)
    elif are_few_words(outputs):
        kind, model = "words", Words(inputs, outputs, regularization)
    else:
        kind, model = "most frequent answer", most_frequent(outputs, candidates)
    log.info("%s: %s, fitted to %d training questions", subtask, kind, len(outputs))
    return model


def most_frequent(outputs: Sequence[str], candidates: Sequence[str]) -> Constant:
    """The most frequent answer; where there is none, the first candidate or nothing.

    The probabilities of candidates are their shares of the training answers.
    """
    if not outputs:
        outputs = candidates or [""]
    shares = Counter(outputs)
    probabilities = {c: round(shares[c] / len(outputs), 6) for c in candidates}
    return Constant(Answer(shares.most_common(1)[0][0], probabilities or None))


def are_numbers(outputs: Sequence[str]) -> bool:
    """Whether all answers are equally many numbers in one of a few frames of words."""
    numbers = {len(NUMBER.findall(output)) for output in outputs}
    return len(numbers) == 1 and numbers != {0} and len({frame(o) for o in outputs}) <= FEW


def are_few_words(outputs: Sequence[str]) -> bool:
    """Whether all answers consist of a few words, in alphabetical order."""
    words = {word for output in outputs for word in output.split()}
    return len(words) <= FEW and all(o == " ".join(sorted({*o.split()})) for o in outputs)
