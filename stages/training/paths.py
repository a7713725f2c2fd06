"""Which path a training takes: the fast one if it is exact for base and adapter, else the plain."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch

from stages.common.command import InputError
from stages.model import processes
from stages.model.check import (
    Difference,
    Reference,
    allowed_difference,
    difference,
    first_exact,
    logits_by_row,
    sample,
)
from stages.model.encoder_decoder import plain_path
from stages.model.heads import exact_heads_path
from stages.model.packed import PackedPath
from stages.model.packing import to_device
from stages.model.path import ModelPath
from stages.model.text import TokenRow
from stages.training.passes import answer_loss

log = logging.getLogger(__name__)

TOKENS = 1024  # largest length of a batch in the check
SPREAD = 0.02  # standard deviation of the adapter's weights meanwhile


def choose_path(model: Any, rows: Sequence[TokenRow], pad_id: int, engine: str) -> ModelPath:
    """Prepares a model to be trained, by the fastest path that computes what its own forward does.

    Args:
        model: the base with a fresh adapter.
        rows: the training examples.
        pad_id: of the token that fills short rows.
        engine: torch, or plain for the plain path in any case.

    Raises:
        InputError: if transformers cannot run the base, or the plain path is to be sharded.
    """
    model.train()
    agree = partial(_largest, model.device)
    if hasattr(model, "heads"):
        with without_dropout(model):
            return exact_heads_path(model, rows, pad_id, agree)
    is_pair = model.get_base_model().config.is_encoder_decoder
    rows = sample(rows, apart=is_pair)
    reference = Reference(model, pad_id)
    measure = partial(_outcomes, model, rows)
    expected = reference.measure(measure, rows)

    def apart(outcomes: Sequence[torch.Tensor]) -> list[Difference]:
        return [difference(one, other) for one, other in zip(expected, outcomes, strict=True)]

    @cache
    def own() -> list[Difference]:
        in_fp32 = reference.measure_in_fp32(measure, rows)
        return [] if in_fp32 is None else apart(in_fp32)

    ways: dict[str, Callable[[], ModelPath]] = {}
    if engine != "plain" and not is_pair:
        ways["the fast path (packed rows)"] = partial(PackedPath, model)
    ways["the plain path (padded rows)"] = partial(plain_path, model, pad_id)
    path = first_exact(
        ways,
        lambda path: apart(measure(path)),
        allowed_difference(model.get_base_model()),
        own,
        agree,
    )
    if path is None:
        log.warning("rows are computed one by one, which is slow")
        path = reference.as_path()
    if processes.here().sharded and not isinstance(path, PackedPath):
        raise InputError("the plain path cannot be sharded (FSDP); expected a base that fits a GPU")
    return path


def _largest(device: torch.device, found: float) -> float:
    """The largest of the numbers that the processes have found."""
    return max(processes.here().gathered(found, device))


def _outcomes(model: Any, rows: Sequence[TokenRow], path: ModelPath) -> list[torch.Tensor]:
    """What a path computes: logits of the base and with an adapter, and the adapter's gradient.

    Returns:
        Matrices that can be compared; the gradient is a single row.
    """
    found = []
    with without_dropout(model):
        with torch.no_grad():
            found += logits_by_row(path, rows, TOKENS)
        with _filled_adapter(model):
            with torch.no_grad():
                found += logits_by_row(path, rows, TOKENS)
            short = [row for row in rows if len(row.ids) <= TOKENS // len(rows)]
            if short:
                found.append(_gradient(model, path, short)[None])
    return [values.float() for values in found]


def _gradient(model: Any, path: ModelPath, rows: Sequence[TokenRow]) -> torch.Tensor:
    """The gradient of the loss, of shape (weights,)."""
    weights = path.trained_weights()
    weights.gradient.zero_()
    for numbers in path.split(rows, TOKENS):
        batch = to_device(path.batch([rows[i] for i in numbers]), model.device)
        weights.backward(answer_loss(path, batch))
    by_parameter = weights.gradients()
    trained = [p for p in model.parameters() if p.requires_grad]
    gradient = torch.cat([by_parameter[id(p)].flatten() for p in trained])
    weights.gradient.zero_()
    return gradient


@contextmanager
def _filled_adapter(model: Any) -> Iterator[None]:
    """Gives the adapter weights by which it does something, for a while."""
    draw = torch.Generator().manual_seed(0)
    trained = [p for p in model.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in trained]
    with torch.no_grad():
        for parameter in trained:
            noise = torch.randn(parameter.shape, generator=draw)
            parameter.add_(noise.to(parameter.device), alpha=SPREAD)
    yield
    with torch.no_grad():
        for parameter, values in zip(trained, before, strict=True):
            parameter.copy_(values)


@contextmanager
def without_dropout(model: Any) -> Iterator[None]:
    """Switches dropout off for a while.

    The model stays in training mode: in evaluation mode bitsandbytes repacks 4-bit weights in place
    on CPUs with AVX512-BF16, and training afterwards would get no gradient through them.
    """
    dropouts = [m for m in model.modules() if isinstance(m, torch.nn.Dropout) and m.training]
    for dropout in dropouts:
        dropout.eval()
    yield
    for dropout in dropouts:
        dropout.train()
