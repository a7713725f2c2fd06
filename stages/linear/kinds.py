"""Kinds of answers: which linear model suits a sub-task follows from the form of its answers."""

import logging
from collections import Counter
from collections.abc import Sequence

from stages.forms.forms import Fields, Form, Pairs, Spans, Words
from stages.linear import models
from stages.linear.gazetteer import Gazetteer
from stages.linear.models import Answer, Answerer, Constant

log = logging.getLogger(__name__)


def fit(
    subtask: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    form: Form | None,
    candidates: Sequence[str],
    regularization: float,
) -> Answerer:
    """Fits the model that suits a sub-task.

    Args:
        subtask: its name, for the log.
        inputs: of the training questions.
        outputs: the answers to them; those of another form are not learnt from.
        form: of the sub-task's answers; None where it has none.
        candidates: of a closed sub-task; none if it is open.
        regularization: strength of the regularization.
    """
    model: Answerer
    if not candidates and isinstance(form, Fields | Words):
        known = [n for n, output in enumerate(outputs) if form.parse(output) is not None]
        inputs, outputs = [inputs[n] for n in known], [outputs[n] for n in known]
    if len(set(outputs)) < 2 or not any(text.strip() for text in inputs):
        kind, model = "most frequent answer", most_frequent(outputs, candidates)
    elif candidates:
        kind, model = "labels", models.Labels(inputs, outputs, candidates, regularization)
    elif isinstance(form, Spans | Pairs):
        kind, model = "gazetteer", Gazetteer(inputs, outputs)
    elif isinstance(form, Fields) and form.numbers:
        kind, model = "numbers", models.Numbers(inputs, outputs, regularization)
    elif isinstance(form, Words):
        kind, model = "words", models.Words(inputs, outputs, regularization)
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
