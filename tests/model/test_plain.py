"""Tests of batches that are padded."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from stages.model.encoder_decoder import EncoderDecoderPath
from stages.model.plain import CPU_PASS, GPU_PASS, PlainPath
from stages.model.text import TokenRow


def row(prompt: int, answer: int = 0) -> TokenRow:
    return TokenRow([7] * (prompt + answer), prompt, 0)


def path(kind: type[PlainPath], device: str = "cpu", *, alone: bool = False) -> PlainPath:
    config = SimpleNamespace(decoder_start_token_id=0)
    model: Any = SimpleNamespace(device=torch.device(device), config=config)
    return kind(model, pad_id=0, alone=alone)


ROWS = [row(length) for length in (40, 400, 38, 42, 390, 41)]


def test_long_rows_are_not_padded_to_with_short_ones() -> None:
    assert path(PlainPath).split(ROWS, 4096) == [[1, 4], [3, 5, 0, 2]]


def test_a_pass_costs_more_than_a_little_padding() -> None:
    assert path(PlainPath).split([ROWS[0], ROWS[2], ROWS[3]], 4096) == [[2, 0, 1]]
    assert GPU_PASS > 5 * 400
    assert path(PlainPath, "cuda").split(ROWS, 4096) == [[1, 4, 3, 5, 0, 2]]


def test_a_batch_has_at_most_so_many_tokens_unless_a_row_is_longer() -> None:
    batches = path(PlainPath, "cuda").split(ROWS, 125)
    assert batches == [[1], [4], [3, 5], [0, 2]]
    assert [path(PlainPath).length([ROWS[i] for i in batch]) for batch in batches[2:]] == [84, 80]


def test_rows_that_cannot_be_padded_are_alone() -> None:
    assert path(PlainPath, alone=True).split(ROWS, 4096) == [[1], [4], [3], [5], [0], [2]]


@pytest.mark.parametrize("tokens", [1, 100, 1000, 100000])
@pytest.mark.parametrize("kind", [PlainPath, EncoderDecoderPath])
def test_every_row_is_in_one_batch(kind: type[PlainPath], tokens: int) -> None:
    rows = [row(1 + 37 * n % 101, 1 + n % 9) for n in range(60)]
    batches = path(kind).split(rows, tokens)
    assert sorted(i for batch in batches for i in batch) == list(range(60))
    for batch in batches:
        assert len(batch) == 1 or path(kind).length([rows[i] for i in batch]) <= tokens


def test_prompts_and_answers_are_padded_apart() -> None:
    """One long answer widens the answers of its batch, and no prompt."""
    rows = [row(100, 2), row(100, 2), row(99, 300), row(98, 2)]
    encoder_decoder = path(EncoderDecoderPath)
    assert encoder_decoder.length(rows) == 4 * (100 + 300)
    assert encoder_decoder.split(rows, 4096) == [[0, 1], [2], [3]]
    assert CPU_PASS < 300
