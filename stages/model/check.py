"""The check at load: does a path compute what the model's own forward does?

Which bases and adapters a path treats exactly is measured, not assumed from a name. A few of the
job's own rows, among them one as long as any can be, so that windows and switches show, go through
the model's own forward, one by one, and through the path as the job uses it. Their logits may
differ as rounding makes them.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch

from stages.common.command import InputError
from stages.model.encoder_decoder import plain_path
from stages.model.packed import base_of
from stages.model.packing import to_device
from stages.model.path import ModelPath
from stages.model.plain import PlainPath
from stages.model.text import TokenRow

log = logging.getLogger(__name__)

ROWS = 4  # rows that are tried
LOOKED_AT = 256  # positions at the end of the longest row whose logits are compared
EAGER = 4096  # tokens up to which attention is computed step by step, in memory that is quadratic
# Largest difference of logits, relative to them, of a model with one layer (docs/measurements.md).
ROUNDING = {torch.float32: 1e-5, torch.float16: 3e-3, torch.bfloat16: 4e-2}
TIMES = 2.0  # by which a difference may be larger than the model's own noise
TINY = 1e-12
INT8 = 0.3  # of 8-bit layers, whose outliers are those of all rows of a batch

Way = TypeVar("Way", bound=Any)
Result = TypeVar("Result")


# --- What is compared -----------------------------------------------------------------------------


def sample(rows: Sequence[TokenRow], *, apart: bool = False) -> list[TokenRow]:
    """Chooses rows: the longest, looked at for long, the shortest, and two with a common prefix.

    Args:
        rows: the job's.
        apart: whether answers are read apart from prompts, and rows stay as they are.
    """
    by_ids = sorted(range(len(rows)), key=lambda i: rows[i].ids)
    by_length = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    middle = len(by_ids) // 2
    chosen = dict.fromkeys([by_length[-1], by_length[0], *by_ids[middle : middle + ROWS - 2]])
    longest, *others = (rows[i] for i in chosen)
    return [longest if apart else with_answer(longest, LOOKED_AT), *others]


def with_answer(row: TokenRow, tokens: int) -> TokenRow:
    """Returns a row whose last tokens, as many as there may be, count as its answer."""
    return TokenRow(row.ids, max(1, min(row.prompt, len(row.ids) - tokens)), row.cut)


def logits_by_row(path: ModelPath, rows: Sequence[TokenRow], tokens: int) -> list[torch.Tensor]:
    """Computes the logits of rows, as a job does.

    Args:
        path: which computes.
        rows: the rows.
        tokens: largest length of a batch.

    Returns:
        Those of each row, of shape (predictions, vocabulary).
    """
    found: dict[int, torch.Tensor] = {}
    for numbers in path.split(rows, tokens):
        batch = path.batch([rows[i] for i in numbers])
        logits = path.logits(to_device(batch, path.model.device))
        counts = [max(1, len(rows[i].ids) - rows[i].prompt) for i in numbers]
        found |= zip(numbers, torch.split(logits, counts), strict=True)
    return [found[i] for i in range(len(rows))]


class Difference(NamedTuple):
    """The relative difference of some logits, over the positions that they belong to.

    Attributes:
        largest: at a position.
        mean: over all.
    """

    largest: float
    mean: float


def difference(expected: torch.Tensor, found: torch.Tensor) -> Difference:
    """Returns the relative difference of logits of shape (predictions, vocabulary).

    At each position: the norm of the difference, over that of the expected logits, both less their
    mean, which does not change a probability.
    """
    if expected.shape != found.shape:
        raise ValueError(f"logits of shape {list(found.shape)} for {list(expected.shape)}")
    expected, found = expected.float(), found.float()
    finite = expected.isfinite()
    apart = torch.where(expected == found, 0.0, found - expected)  # both may be minus infinity
    relative = _centred(apart, finite) / _centred(torch.where(finite, expected, 0.0), finite)
    relative = relative.nan_to_num(math.inf)
    return Difference(float(relative.max()), float(relative.mean()))


def _centred(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """The norm of values less the mean of those that count, of shape (predictions,)."""
    mean = torch.where(counted, values, 0.0).sum(-1) / counted.sum(-1)
    centred = torch.where(counted, values - mean[:, None], values)
    norm: torch.Tensor = torch.linalg.vector_norm(centred, dim=-1)
    return norm


def allowed_difference(base: Any) -> float:
    """Returns the largest difference that rounding explains."""
    if getattr(base, "is_loaded_in_8bit", False):
        return INT8
    dtype = base.dtype
    if any(_computes_in_bf16(module) for module in base.modules()):
        dtype = torch.bfloat16
    return ROUNDING[dtype] * math.sqrt(_depth(base.config))


def _depth(config: Any) -> int:
    """Layers that a number goes through; those of a decoder beside an encoder attend twice."""
    own = config.get_text_config()
    if not config.is_encoder_decoder:
        return getattr(own, "num_hidden_layers", 1)
    names = ("num_decoder_layers", "decoder_layers", "num_hidden_layers")
    decoder = next(getattr(own, name) for name in names if getattr(own, name, None))
    return int(getattr(config, "num_hidden_layers", decoder)) + 2 * int(decoder)


def _computes_in_bf16(module: Any) -> bool:
    """Whether a 4-bit layer does, as in evaluation on CPUs with AVX512-BF16."""
    is_able = getattr(module, "support_avx512bf16_for_cpu", False)
    return bool(is_able and module.weight.device.type == "cpu" and not module.training)


def beyond_rounding(
    found: Sequence[Difference], allowed: float, noise: Callable[[], Sequence[Difference]]
) -> float:
    """Returns the largest of some differences, as a multiple of what rounding explains.

    Some bases carry a rounding on until it is large at a few positions. Where a difference is more
    than allowed, it is held against what the model's own logits do when its embeddings are off by
    one rounding: there it may be twice as large, at its largest and in its mean, which something
    wrong would raise.

    Args:
        found: the differences.
        allowed: largest one of any base.
        noise: measures the model's own, in the same order.
    """
    multiples = [each.largest / allowed for each in found]
    if max(multiples) > 1 and math.isfinite(max(multiples)):
        for number, own in enumerate(noise()):
            largest, mean = found[number]
            parts = largest / (TIMES * own.largest + TINY), mean / (TIMES * own.mean + TINY)
            multiples[number] = min(multiples[number], max(parts))
    return max(multiples)


# --- What it is compared with ---------------------------------------------------------------------


@contextmanager
def one_rounding_off(base: Any) -> Iterator[None]:
    """Lets the embeddings of a base be off by one rounding, up or down, for a while."""
    draw = torch.Generator().manual_seed(0)

    def off(_: Any, __: Any, states: torch.Tensor) -> torch.Tensor:
        signs = torch.randint(-1, 2, states.shape, generator=draw).to(states.device)
        step = torch.finfo(states.dtype).eps
        return (states.float() * (1 + step * signs)).to(states.dtype)

    hook = base.get_input_embeddings().register_forward_hook(off)
    try:
        yield
    finally:
        hook.remove()


class Reference:
    """The model's own forward: nothing patched, one row at a time, attention step by step.

    Attention step by step is how a model defines it, with all of its peculiarities; PyTorch's fused
    one, which transformers takes by default, leaves out soft caps for one. It takes the place of
    the other for rows so long that the memory does not do.
    """

    def __init__(self, model: Any, pad_id: int) -> None:
        """Takes a model as it is loaded.

        Args:
            model: the base, or the base with its adapter.
            pad_id: of the token that fills short rows.
        """
        self._path = plain_path(model, pad_id, alone=True)
        self._base = base_of(model)
        self._own_attention = self._base.config._attn_implementation

    def measure(self, work: Callable[[PlainPath], Result], rows: Sequence[TokenRow]) -> Result:
        """Does a piece of work with this reference.

        Args:
            work: computes something with a path.
            rows: of which it does.

        Raises:
            InputError: if not even transformers can run the model.
        """
        if max(len(row.ids) for row in rows) <= EAGER:
            self._set_attention("eager")
        try:
            seen: list[torch.Tensor] = []
            self._path.generate([rows[0].ids], 2, observe=lambda _, logits: seen.append(logits))
            if seen[0].isnan().any():
                raise OverflowError(f"it leaves the range of {self._base.dtype}")
            return work(self._path)
        except torch.OutOfMemoryError:
            if self._base.config._attn_implementation == self._own_attention:
                raise
            self._set_attention(self._own_attention)
            torch.cuda.empty_cache()
            return work(self._path)
        except Exception as error:
            kind = type(self._base).__name__
            raise InputError(
                f"model.base: transformers cannot run this {kind} with its adapter:"
                f" {type(error).__name__}: {error}"
            ) from error
        finally:
            self._set_attention(self._own_attention)

    def measure_noisy(
        self, work: Callable[[PlainPath], Result], rows: Sequence[TokenRow]
    ) -> Result:
        """Does a piece of work with embeddings that are off by one rounding, up or down."""
        with one_rounding_off(self._base):
            return self.measure(work, rows)

    def as_path(self) -> PlainPath:
        """Returns a path that computes as this reference does."""
        self._set_attention("eager")
        return self._path

    def _set_attention(self, name: str) -> None:
        try:
            self._base.set_attn_implementation(name)
        except ValueError:  # some models have a single one
            log.debug("no attention %s", name)


# --- The choice -----------------------------------------------------------------------------------


def first_exact(
    ways: Mapping[str, Callable[[], Way]],
    measure: Callable[[Way], float],
    agree: Callable[[float], float] = lambda found: found,
) -> Way | None:
    """Returns the first way that agrees with the model's own forward; says why others do not.

    Args:
        ways: what makes each, by a name for log lines; each has a method `release`.
        measure: returns the difference of a way from the reference; 1 is what rounding explains.
        agree: returns the largest difference of several processes, which must choose the same.

    Returns:
        The way, or None if none agrees.
    """
    for name, make in ways.items():
        way, reason = None, ""
        try:
            way = make()
            found = measure(way)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a path meets in a base that it was not made for
            found, reason = math.inf, f"{type(error).__name__}: {error}"
        found = agree(found)
        log.info("%s: its difference from the model's own is %.2g of what may be", name, found)
        if way is not None and found <= 1:
            return way
        if way is not None:
            way.release()
        log.warning(
            "%s does not compute what this base and adapter do, and is not used: %s",
            name,
            reason or f"its logits differ by {found:.2g} times what rounding explains",
        )
    return None
