"""The short form of `benchmarks.fuzz`: what is damaged is read, or refused by an InputError."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fuzz import Answers, Files, Texts, damaged
from tests.helpers.cases import cases

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("raw"))


@pytest.mark.long
@cases(3)
@given(SEEDS)
def test_any_answer_is_parsed_and_decoded(answers: Answers, seed: int) -> None:
    rng = random.Random(seed)
    answers([damaged(rng.choice(answers.seeds), rng) for _ in range(80)])


@cases(100)
@given(SEEDS)
def test_a_damaged_raw_file_is_read_or_refused(files: Files, seed: int) -> None:
    rng = random.Random(seed)
    path = rng.choice(files.names)
    files(path, damaged(path.read_bytes(), rng))


@cases(40)
@given(SEEDS, st.sampled_from(["params", "prompts", "predictions"]))
def test_damaged_settings_prompts_and_predictions_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str
) -> None:
    texts = Texts(tmp_path_factory.mktemp("text"))
    texts(kind, damaged(texts.seeds[kind], random.Random(seed)))
