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
from stages.model import processes
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
TIMES = 2.0  # two roundings between two ways to compute, one between one of them and fp32
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
    found: Sequence[Difference], allowed: float, own: Sequence[Difference] = ()
) -> float:
    """Returns the largest of some differences, as a multiple of what rounding explains.

    Some bases carry a rounding on until it is large at a few positions. Where a difference is more
    than allowed, it is held against how far the model's own forward is from the same in fp32. What
    rounds as much, in other places, is at the most twice as far from the model's own: at its
    largest, and in its mean, which something wrong would raise.

    Args:
        found: the differences.
        allowed: largest one of any base.
        own: those of the model's own forward from fp32, in the same order, if they were measured.
    """
    multiples = [each.largest / allowed for each in found]
    for number, rounded in enumerate(own):
        largest, mean = found[number]
        parts = largest / (TIMES * rounded.largest + TINY), mean / (TIMES * rounded.mean + TINY)
        multiples[number] = min(multiples[number], max(parts))
    return max(multiples)


# --- What it is compared with ---------------------------------------------------------------------


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

    def measure_in_fp32(
        self, work: Callable[[PlainPath], Result], rows: Sequence[TokenRow]
    ) -> Result | None:
        """Does a piece of work with a base that computes in fp32.

        Returns:
            None where that cannot be: 8-bit layers have one way to compute, a sharded base is not
            in this process alone, and memory may be short.
        """
        if getattr(self._base, "is_loaded_in_8bit", False) or processes.here().sharded:
            return None
        try:
            with in_fp32(self._base):
                return self.measure(work, rows)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            return None

    def as_path(self) -> PlainPath:
        """Returns a path that computes as this reference does."""
        self._set_attention("eager")
        return self._path

    def _set_attention(self, name: str) -> None:
        try:
            self._base.set_attn_implementation(name)
        except ValueError:  # some models have a single one
            log.debug("no attention %s", name)


@contextmanager
def in_fp32(base: Any) -> Iterator[None]:
    """Has a base of 16 bits compute in fp32 for a while; its values stay what they are.

    4-bit layers give their values in 16 bits, and compute with them in fp32.
    """
    halves = (torch.float16, torch.bfloat16)
    tensors = [(t, t.dtype) for t in (*base.parameters(), *base.buffers()) if t.dtype in halves]
    layers = [(m, m.compute_dtype) for m in base.modules() if hasattr(m, "compute_dtype")]
    try:
        for tensor, _ in tensors:
            tensor.data = tensor.data.float()
        for layer, _ in layers:
            layer.compute_dtype = torch.float32
        yield
    finally:
        for tensor, dtype in tensors:
            tensor.data = tensor.data.to(dtype)
        for layer, dtype in layers:
            layer.compute_dtype = dtype


# --- The choice -----------------------------------------------------------------------------------


def first_exact(
    ways: Mapping[str, Callable[[], Way]],
    measure: Callable[[Way], Sequence[Difference]],
    allowed: float,
    own: Callable[[], Sequence[Difference]],
    agree: Callable[[float], float] = lambda found: found,
) -> Way | None:
    """Returns the first way that agrees with the model's own forward; says why others do not.

    Args:
        ways: what makes each, by a name for log lines; each has a method `release`.
        measure: returns the differences of a way from the reference.
        allowed: largest one of any base.
        own: returns those of the model's own forward from fp32, in the same order, or none; called
            while no way is made.
        agree: returns the largest difference of several processes, which must choose the same.

    Returns:
        The way, or None if none agrees.
    """
    for name, make in ways.items():
        way, reason = None, ""
        try:
            way = make()
            differences = measure(way)
            found = beyond_rounding(differences, allowed)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a path meets in a base that it was not made for
            found, reason = math.inf, f"{type(error).__name__}: {error}"
        found = agree(found)
        if way is not None and 1 < found < math.inf:
            way.release()
            found = agree(beyond_rounding(differences, allowed, own()))
            way = make()
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
