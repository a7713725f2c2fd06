"""Calibration: are answers that have a probability of 0.9 right nine times in ten?

The model gives each candidate answer to a question of a closed sub-task a probability. The figures
compare these with the gold answers: the expected calibration error takes the probability of the
answer that was given as a statement of how likely it is to be right; the Brier score judges the
probabilities of all candidates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.command import InputError
from stages.common.files import Defects
from stages.toolkit.records import Array
from stages.toolkit.tables import flag, number, read_table, text

COLUMNS = {
    "id": text,
    "subtask": text,
    "answer": text,
    "probability": number(0, 1),
    "answered": flag,
}
BINS = 10  # of equal width, from 0 to 1
POOLED = "all"  # the name under which all closed sub-tasks stand together


class Forecast(NamedTuple):
    """What the model said about a question.

    Attributes:
        id: of the question.
        subtask: that asks it.
        answer: that was given.
        probabilities: of each candidate.
    """

    id: str
    subtask: str
    answer: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class Bin:
    """Questions whose answers had similar probabilities.

    Attributes:
        low: from which probability; from it on, a question is in the bin.
        high: to which probability; with it, it is in the next bin, if there is one.
        probability: mean probability of the answers.
        correct: share of them that were right.
        count: how many there were.
    """

    low: float
    high: float
    probability: float
    correct: float
    count: int


@dataclass(frozen=True)
class Calibration:
    """How probabilities and gold compare for some questions.

    Attributes:
        bins: those that hold questions, from low to high.
        brier: Brier score.
    """

    bins: tuple[Bin, ...]
    brier: float

    @property
    def n(self) -> int:
        """How many questions there are."""
        return sum(bin_.count for bin_ in self.bins)

    @property
    def ece(self) -> float:
        """Expected calibration error.

        The mean over questions of how far the share of right answers in a bin is from their mean
        probability (Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3;
        Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015).
        """
        gaps = (bin_.count * abs(bin_.correct - bin_.probability) for bin_ in self.bins)
        return sum(gaps) / self.n


def read_forecasts(path: Path) -> list[Forecast]:
    """Reads the probabilities that decode wrote; none if the file is not there.

    Raises:
        InputError: with file and line of every defect.
    """
    if not path.is_file():
        return []
    defects = Defects(path)
    forecasts = []
    candidates: dict[str, list[str]] = {}
    for (identifier, subtask), group in groupby(
        read_table(path, COLUMNS), key=lambda row: (row["id"], row["subtask"])
    ):
        rows = list(group)
        line, answers = rows[0].line, [row["answer"] for row in rows]
        given = [row["answer"] for row in rows if row["answered"]]
        if len(set(answers)) < len(answers):
            defects.add(line, f"{identifier}: a candidate stands there twice")
        elif len(given) != 1:
            defects.add(line, f"{identifier}: {len(given)} candidates were answered, expected one")
        elif set(candidates.setdefault(subtask, answers)) != set(answers):
            expected = ", ".join(candidates[subtask])
            defects.add(line, f"{identifier}: expected the candidates of {subtask}: {expected}")
        else:
            of_candidates = {row["answer"]: row["probability"] for row in rows}
            forecasts.append(Forecast(identifier, subtask, given[0], of_candidates))
    defects.check()
    return forecasts


def calibrations(
    forecasts: Iterable[Forecast], gold: Mapping[str, str | None]
) -> dict[str, Calibration]:
    """Compares probabilities with gold.

    Args:
        forecasts: of test questions.
        gold: the answer to every test question by id, None where it is unknown.

    Returns:
        The calibration of each sub-task with gold, after that of all of them together.

    Raises:
        InputError: if there is no such question, or no such candidate.
    """
    known: dict[str, list[tuple[Forecast, str]]] = {}
    for forecast in forecasts:
        if forecast.id not in gold:
            raise InputError(
                f"probabilities of the answers to {forecast.id}, which is no test question: encode,"
                " infer, decode and evaluate must run on the same files"
            )
        if (answer := gold[forecast.id]) is None:
            continue
        if answer not in forecast.probabilities:
            candidates = ", ".join(forecast.probabilities)
            raise InputError(
                f"{forecast.id}: the gold is {answer}, but the candidates are {candidates}"
            )
        known.setdefault(forecast.subtask, []).append((forecast, answer))
    if not known:
        return {}
    by_subtask, everything = {}, []
    for subtask, pairs in known.items():
        confidence = np.array([f.probabilities[f.answer] for f, _ in pairs])
        right = np.array([f.answer == answer for f, answer in pairs], dtype=float)
        everything.append((confidence, right))
        by_subtask[subtask] = Calibration(bins(confidence, right), brier(pairs))
    # The Brier score is a mean over questions, so that of all of them is the weighted mean.
    pooled = np.average(
        [c.brier for c in by_subtask.values()], weights=[c.n for c in by_subtask.values()]
    )
    confidence, right = (np.concatenate(arrays) for arrays in zip(*everything, strict=True))
    return {POOLED: Calibration(bins(confidence, right), float(pooled)), **by_subtask}


def bins(confidence: Array, right: Array) -> tuple[Bin, ...]:
    """Groups questions by the probability of their answers; empty bins are left out.

    Args:
        confidence: probability of the answer to each question.
        right: 1 where it is right, 0 where it is not.
    """
    from scipy.stats import binned_statistic

    edges = np.arange(BINS + 1) / BINS
    means, _, numbers = binned_statistic(confidence, [confidence, right], "mean", bins=edges)
    sizes = np.bincount(numbers - 1, minlength=BINS)
    rows = zip(edges[:-1], edges[1:], *means, sizes, strict=True)
    return tuple(
        Bin(float(low), float(high), float(probability), float(correct), int(count))
        for low, high, probability, correct, count in rows
        if count
    )


def brier(pairs: Iterable[tuple[Forecast, str]]) -> float:
    """The Brier score of a sub-task, from 0, perfect, to 1.

    Half the squared differences between the probabilities and 1 for the gold answer, 0 for the
    others, summed over candidates and averaged over questions (Brier, Verification of Forecasts
    Expressed in Terms of Probability, 1950, who does not halve). With two candidates it is the mean
    of (1 - p)², p being the probability of the gold answer.

    Args:
        pairs: forecasts with the same candidates, and gold answers.
    """
    from sklearn.metrics import brier_score_loss

    forecasts, gold = zip(*pairs, strict=True)
    candidates = list(forecasts[0].probabilities)
    table = np.array([[f.probabilities[c] for c in candidates] for f in forecasts])
    return float(
        brier_score_loss(
            [candidates.index(answer) for answer in gold],
            table / table.sum(1, keepdims=True),  # they were rounded
            labels=list(range(len(candidates))),
            scale_by_half=True,
        )
    )


# --- Figures and table ----------------------------------------------------------------------------


def report(calibrated: Mapping[str, Calibration]) -> dict[str, dict[str, float]]:
    """The figures of evaluate.json by sub-task; six decimals, for equal bytes."""
    return {
        name: {"n": each.n, "ece": round(each.ece, 6), "brier": round(each.brier, 6)}
        for name, each in calibrated.items()
    }


def table(calibrated: Mapping[str, Calibration]) -> tuple[list[str], list[list[object]]]:
    """Header and rows of a reliability diagram: the bins of each sub-task."""
    rows: list[list[object]] = [
        [name, *astuple(bin_)] for name, each in calibrated.items() for bin_ in each.bins
    ]
    return ["subtask", *(field.name for field in fields(Bin))], rows
