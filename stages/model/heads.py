"""Heads: what an encoder computes of an input, for each sub-task in the form of its answers.

All sub-tasks share the encoder and its adapter; each has a small head of its own, in fp32. A head
of labels, numbers or words reads the mean of the states of an input's tokens; one of spans, and of
pairs of spans, the state of the first token of each unit (stages/forms/forms.py). The loss of an
example is, in nats, the negative log-likelihood of its value: of its labels; of each word, present
or absent; of numbers with a standard deviation of 1 after standardisation; of the labels of units,
their mean. That of pairs adds the mean over the pairs that its spans can make up.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from stages.common.command import InputError
from stages.common.files import write_text
from stages.forms.forms import PATTERNS, Fields, Form, Forms, Pairs, Place, Spans, Words, read_forms
from stages.forms.mentions import Span
from stages.model.adapters import HEADS
from stages.model.check import (
    Difference,
    allowed_difference,
    difference,
    first_exact,
    in_fp32,
    sample,
)
from stages.model.checkpoints import check_finite
from stages.model.packed import base_of
from stages.model.packing import to_device
from stages.model.plain import PlainPath, pad
from stages.model.reading import reading
from stages.model.text import InputEncoder

log = logging.getLogger(__name__)

PREFIX = "heads."
TOKENS = 2048  # largest length of a batch in the check
PROJECTION = 64  # numbers by which the spans of a pair are compared
FAR = 16  # units from which on distances between the spans of a pair count alike


class Unit(NamedTuple):
    """A unit of an input: its place, and the token of the row that stands for it."""

    start: int
    end: int
    token: int


class HeadRow(NamedTuple):
    """An input with the value that a head should compute.

    Attributes:
        ids: its token ids, the beginning and the end token included.
        prompt: their number.
        cut: number of characters that were cut.
        subtask: chooses the head.
        value: in the sub-task's form (stages/forms/forms.py); None where it is unknown.
        units: those of the input, for heads of spans.
    """

    ids: list[int]
    prompt: int
    cut: int
    subtask: str
    value: Any = None
    units: tuple[Unit, ...] = ()

    @property
    def labels(self) -> int:
        """An example counts once, whatever its value is."""
        return 1


def units_of(text: str, form: Form, encoder: InputEncoder, tokens: int) -> tuple[Unit, ...]:
    """Finds the units of an input; none for forms without spans.

    Args:
        text: the input.
        form: of its sub-task.
        encoder: knows where tokens are.
        tokens: number of ids of the row; units that were cut are left out.
    """
    if not isinstance(form, Spans | Pairs):
        return ()
    offsets = encoder.offsets(text)
    units = []
    at = 0
    for match in re.finditer(PATTERNS[form.unit], text):
        while at < len(offsets) and offsets[at][1] <= match.start():
            at += 1
        token = at + encoder.before
        if at == len(offsets) or token >= tokens - 1:  # the last one is the end token
            break
        units.append(Unit(match.start(), match.end(), token))
    return tuple(units)


# --- Heads ----------------------------------------------------------------------------------------


class Head(Protocol):
    """A head of one sub-task; states have the shape (tokens, size), those of one row."""

    def loss(self, states: torch.Tensor, row: HeadRow) -> torch.Tensor:
        """Returns the loss of a row, a scalar."""

    def value(self, states: torch.Tensor, row: HeadRow) -> tuple[Any, dict[str, float] | None]:
        """Returns the likeliest value, and the probability of each label where that is all."""

    def fit(self, values: Sequence[Any]) -> None:
        """Takes from training values what is no matter of learning: the scale of numbers."""


class FieldsHead(torch.nn.Module):
    """Labels and numbers in the slots of a template."""

    mean: torch.Tensor
    deviation: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, form: Fields, size: int) -> None:
        super().__init__()
        self._form = form
        self._widths = [len(labels) for labels in form.labels.values()]
        self._names = list(form.numbers)
        self.out = torch.nn.Linear(size, sum(self._widths) + len(self._names))
        for name in ("mean", "deviation", "low", "high"):
            self.register_buffer(name, torch.zeros(len(self._names)))

    def fit(self, values: Sequence[Any]) -> None:
        """Takes the scale and the range of numbers from training values."""
        if self._names:
            numbers = torch.tensor([[value[n] for n in self._names] for value in values])
            self.mean, self.low, self.high = numbers.mean(0), numbers.amin(0), numbers.amax(0)
            spread = numbers.std(0, correction=0)
            self.deviation = torch.where(spread > 0, spread, 1.0)

    def loss(self, states: torch.Tensor, row: HeadRow) -> torch.Tensor:
        """Returns the loss of a row."""
        *labels, numbers = self._outputs(states)
        total = torch.zeros((), device=states.device)
        for logits, (name, known) in zip(labels, self._form.labels.items(), strict=True):
            target = torch.tensor(known.index(row.value[name]), device=states.device)
            total = total + cross_entropy(logits, target)
        gold = torch.tensor([row.value[name] for name in self._names], device=states.device)
        apart = numbers - (gold - self.mean) / self.deviation
        return total + apart.square().sum() / 2

    def value(self, states: torch.Tensor, row: HeadRow) -> tuple[Any, dict[str, float] | None]:
        """Returns the likeliest labels, and numbers within the range of training values."""
        *labels, numbers = self._outputs(states)
        found: dict[str, Any] = {}
        probabilities = None
        for logits, (name, known) in zip(labels, self._form.labels.items(), strict=True):
            shares = logits.double().softmax(-1).tolist()
            probabilities = dict(zip(known, shares, strict=True))
            found[name] = known[int(logits.argmax())]
        plain = torch.clamp(numbers * self.deviation + self.mean, self.low, self.high)
        found |= zip(self._names, plain.tolist(), strict=True)
        return found, probabilities if len(found) == 1 else None

    def _outputs(self, states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The logits of each slot with labels, and the standardised numbers."""
        return torch.split(self.out(states.mean(0)), [*self._widths, len(self._names)])


class WordsHead(torch.nn.Module):
    """A set of words, each present or absent."""

    def __init__(self, form: Words, size: int) -> None:
        super().__init__()
        self._form = form
        self.out = torch.nn.Linear(size, len(form.words))

    def fit(self, values: Sequence[Any]) -> None:
        """Takes nothing."""

    def loss(self, states: torch.Tensor, row: HeadRow) -> torch.Tensor:
        """Returns the loss of a row."""
        present = [float(word in row.value) for word in self._form.words]
        target = torch.tensor(present, device=states.device)
        logits = self.out(states.mean(0))
        return binary_cross_entropy_with_logits(logits, target, reduction="sum")

    def value(self, states: torch.Tensor, row: HeadRow) -> tuple[Any, dict[str, float] | None]:
        """Returns the words that are likelier present than absent."""
        logits = self.out(states.mean(0)).tolist()
        return [w for w, logit in zip(self._form.words, logits, strict=True) if logit > 0], None


class SpansHead(torch.nn.Module):
    """A label for each unit: outside, or beginning or inside a span."""

    def __init__(self, labels: Sequence[str], size: int) -> None:
        super().__init__()
        self._labels = list(labels)
        self.out = torch.nn.Linear(size, 1 + 2 * len(self._labels))

    def fit(self, values: Sequence[Any]) -> None:
        """Takes nothing."""

    def loss(self, states: torch.Tensor, row: HeadRow) -> torch.Tensor:
        """Returns the loss of a row; 0 where nothing of the input is a unit."""
        return self.loss_of(states, row.units, row.value)

    def loss_of(
        self, states: torch.Tensor, units: Sequence[Unit], places: Iterable[Place]
    ) -> torch.Tensor:
        """Returns the mean loss of the labels of units."""
        if not units:
            return states.sum() * 0
        target = torch.tensor(self.codes(units, places), device=states.device)
        return cross_entropy(self._logits(states, units), target)

    def value(self, states: torch.Tensor, row: HeadRow) -> tuple[Any, dict[str, float] | None]:
        """Returns the spans that the likeliest labels make up."""
        return self.places(states, row.units), None

    def places(self, states: torch.Tensor, units: Sequence[Unit]) -> list[Place]:
        """Returns the spans that the likeliest labels of units make up."""
        if not units:
            return []
        codes = self._logits(states, units).argmax(-1).tolist()
        found: list[Place] = []
        previous = 0
        for unit, code in zip(units, codes, strict=True):
            label = (code + 1) // 2
            if code and code % 2 == 0 and label == (previous + 1) // 2:  # inside goes on
                found[-1] = (found[-1][0], unit.end, found[-1][2])
            elif code:
                found.append((unit.start, unit.end, self._labels[label - 1]))
            previous = code
        return found

    def codes(self, units: Sequence[Unit], places: Iterable[Place]) -> list[int]:
        """Returns a number for each unit: 0 outside, 2 n - 1 beginning, 2 n inside of label n."""
        codes = [0] * len(units)
        for start, end, label in places:
            code = 2 * self._labels.index(label) + 1
            for i, unit in enumerate(units):
                if unit.start < end and start < unit.end:
                    codes[i] = code
                    code += code % 2
        return codes

    def _logits(self, states: torch.Tensor, units: Sequence[Unit]) -> torch.Tensor:
        logits: torch.Tensor = self.out(states[[unit.token for unit in units]])
        return logits


class PairsHead(torch.nn.Module):
    """Spans of two labels, and which of them belong together.

    A pair's score is the product of projections of its spans, with a bias for their distance. Every
    span of the first label goes with the best of the second, and with all that are likely.
    """

    def __init__(self, form: Pairs, size: int) -> None:
        super().__init__()
        self._form = form
        self.spans = SpansHead(form.labels, size)
        self.first = torch.nn.Linear(size, PROJECTION)
        self.second = torch.nn.Linear(size, PROJECTION)
        self.distance = torch.nn.Parameter(torch.zeros(2 * FAR + 1))

    def fit(self, values: Sequence[Any]) -> None:
        """Takes nothing."""

    def loss(self, states: torch.Tensor, row: HeadRow) -> torch.Tensor:
        """Returns the loss of a row: that of its spans, and that of their pairs."""
        pairs = [tuple(pair) for pair in row.value]
        sides = [sorted({pair[2 * s : 2 * s + 2] for pair in pairs}) for s in (0, 1)]
        places = [
            (*span, label)
            for label, spans in zip(self._form.labels, sides, strict=True)
            for span in spans
        ]
        total = self.spans.loss_of(states, row.units, places)
        scores = self._scores(states, row.units, *sides)
        if not scores.numel():
            return total
        belong = [[float((*a, *b) in pairs) for b in sides[1]] for a in sides[0]]
        target = torch.tensor(belong, device=states.device)
        return total + binary_cross_entropy_with_logits(scores, target)

    def value(self, states: torch.Tensor, row: HeadRow) -> tuple[Any, dict[str, float] | None]:
        """Returns the pairs of the spans that the likeliest labels make up."""
        places = self.spans.places(states, row.units)
        sides = [[p[:2] for p in places if p[2] == label] for label in self._form.labels]
        scores = self._scores(states, row.units, *sides)
        if not scores.numel():
            return [], None
        best = scores.argmax(-1).tolist()
        chosen = [
            (*sides[0][i], *sides[1][j])
            for i, values in enumerate(scores.tolist())
            for j, score in enumerate(values)
            if score > 0 or j == best[i]
        ]
        return sorted(chosen), None

    def _scores(
        self,
        states: torch.Tensor,
        units: Sequence[Unit],
        firsts: Sequence[tuple[int, int]],
        seconds: Sequence[tuple[int, int]],
    ) -> torch.Tensor:
        """The logits of pairs, of shape (firsts, seconds)."""
        sides = [[_units_in(units, *span) for span in spans] for spans in (firsts, seconds)]
        if not units or not all(side and all(side) for side in sides):
            return states.new_zeros(len(firsts) * 0)
        a, b = (
            torch.stack([states[[units[i].token for i in members]].mean(0) for members in side])
            for side in sides
        )
        products = self.first(a) @ self.second(b).T / PROJECTION**0.5
        apart = torch.tensor(
            [[max(-FAR, min(FAR, j[0] - i[0])) + FAR for j in sides[1]] for i in sides[0]],
            device=states.device,
        )
        scores: torch.Tensor = products + self.distance[apart]
        return scores


def _units_in(units: Sequence[Unit], start: int, end: int) -> list[int]:
    """The numbers of the units that a span overlaps."""
    span = Span(start, end)
    return [i for i, u in enumerate(units) if Span(u.start, u.end).overlaps(span)]


class Heads(torch.nn.ModuleDict):
    """The heads of all sub-tasks, by name.

    Attributes:
        forms: those of the sub-tasks.
    """

    def __init__(self, forms: Forms, size: int) -> None:
        """Makes fresh heads; draws from torch's global random numbers.

        Args:
            forms: of the sub-tasks.
            size: of the encoder's states.
        """
        super().__init__({name: _head(form, size) for name, form in sorted(forms.items())})
        self.forms = forms

    def of(self, subtask: str) -> Head:
        """Returns a sub-task's head.

        Raises:
            InputError: if it has none.
        """
        if subtask not in self:
            raise InputError(
                f"the adapter has no head for the sub-task {subtask}; it was trained on"
                f" {', '.join(self)}"
            )
        head: Any = self[subtask]
        return head  # type: ignore[no-any-return]


def _head(form: Form, size: int) -> torch.nn.Module:
    if isinstance(form, Fields):
        return FieldsHead(form, size)
    if isinstance(form, Words):
        return WordsHead(form, size)
    return PairsHead(form, size) if isinstance(form, Pairs) else SpansHead(form.labels, size)


# --- A model with heads ---------------------------------------------------------------------------


def add_heads(model: Any, rows: Sequence[Any], forms: Forms) -> None:
    """Gives an encoder with its adapter a fresh head for each sub-task of the training rows.

    Args:
        model: peft's; the heads become its attribute `heads`.
        rows: the training rows.
        forms: of the sub-tasks.
    """
    values: dict[str, list[Any]] = {}
    for row in rows:
        values.setdefault(row.subtask, []).append(row.value)
    heads = Heads({name: forms[name] for name in values}, _size(model))
    for name, known in values.items():
        heads.of(name).fit(known)
    model.heads = heads.to(model.device)


def save_heads(model: Any, folder: Path) -> None:
    """Writes a model's heads and their forms, if it has any."""
    heads = getattr(model, "heads", None)
    if heads is None:
        return
    forms = {name: form.model_dump() for name, form in sorted(heads.forms.items())}
    write_text(folder / HEADS[0], json.dumps(forms, ensure_ascii=False, indent=2) + "\n")
    state = {name: value.detach().cpu().contiguous() for name, value in heads.state_dict().items()}
    save_file(state, str(folder / HEADS[1]))


def load_heads(model: Any, folder: Path) -> None:
    """Gives an encoder with its adapter the heads that stand beside it.

    Raises:
        InputError: if they cannot be read, or are for another encoder.
    """
    path = folder / HEADS[1]
    if not path.is_file():
        raise InputError(
            f"{folder}: no {path.name}; an encoder answers by the heads of its adapter"
        )
    heads = Heads(read_forms(folder / HEADS[0]), _size(model))
    with reading(f"the heads {str(path)!r}"):
        heads.load_state_dict(load_file(str(path)))
    check_finite(str(path), heads.state_dict().items())
    model.heads = heads.to(model.device).requires_grad_(False)


def adapter_state(model: Any) -> dict[str, torch.Tensor]:
    """Returns the weights of an adapter by peft's names, and those of its heads."""
    state: dict[str, torch.Tensor] = get_peft_model_state_dict(model, save_embedding_layers=False)
    heads = getattr(model, "heads", None)
    more = heads.state_dict() if heads is not None else {}
    return state | {f"{PREFIX}{name}": value for name, value in more.items()}


def set_adapter_state(model: Any, state: Mapping[str, torch.Tensor]) -> None:
    """Takes over such weights."""
    of_heads = {n.removeprefix(PREFIX): v for n, v in state.items() if n.startswith(PREFIX)}
    set_peft_model_state_dict(model, {n: v for n, v in state.items() if not n.startswith(PREFIX)})
    if of_heads:
        model.heads.load_state_dict(of_heads)


def _size(model: Any) -> int:
    return int(base_of(model).config.hidden_size)


# --- The path -------------------------------------------------------------------------------------


class HeadBatch(NamedTuple):
    """Padded rows.

    Attributes:
        ids: token ids, of shape (rows, tokens).
        mask: 1 for tokens of a row, 0 for padding, of the same shape.
        rows: what the heads read beside.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    rows: tuple[Any, ...]


class HeadsPath(PlainPath):
    """Computes padded rows by the encoder's own forward; see `stages.model.path.ModelPath`."""

    def batch(self, rows: Sequence[Any]) -> HeadBatch:  # type: ignore[override]
        """Pads rows on the right."""
        ids, mask = pad([row.ids for row in rows], self._pad_id, left=False)
        return HeadBatch(ids, mask, tuple(rows))

    def states(self, batch: HeadBatch) -> list[torch.Tensor]:
        """Computes the states of each row's tokens, in fp32, of shape (tokens, size)."""
        output = base_of(self.model)(input_ids=batch.ids, attention_mask=batch.mask)
        states = output.last_hidden_state.float()
        return [states[n, : len(row.ids)] for n, row in enumerate(batch.rows)]

    def loss(self, batch: HeadBatch) -> torch.Tensor:
        """Returns the summed loss of rows, a scalar in fp32."""
        heads = self.model.heads
        # Heads that no row of the batch needs have a gradient too, which is zero.
        total: torch.Tensor = sum(p.sum() for p in heads.parameters()) * 0.0
        for row, states in zip(batch.rows, self.states(batch), strict=True):
            total = total + heads.of(row.subtask).loss(states, row)
        return total


def exact_heads_path(
    model: Any, rows: Sequence[Any], pad_id: int, agree: Callable[[float], float] = float
) -> HeadsPath:
    """Returns the path of an encoder with heads; with padded rows if padding changes nothing.

    That is tried with a few rows of the job: the encoder's states of padded rows are compared with
    those of every row by itself, attention step by step.

    Args:
        model: the encoder with its adapter and heads.
        rows: of the job.
        pad_id: of the token that fills short rows.
        agree: returns the largest difference of several processes, which must choose the same.

    Raises:
        InputError: if transformers cannot run the encoder.
    """
    base = base_of(model)
    rows = sample(rows, apart=True)
    own_attention = base.config._attn_implementation
    alone = HeadsPath(model, pad_id, alone=True)

    def reference() -> list[torch.Tensor]:
        try:
            _set_attention(base, "eager")
            return _states_by_row(alone, rows)
        except Exception as error:
            raise InputError(
                f"model.base: transformers cannot run this {type(base).__name__} with its adapter:"
                f" {type(error).__name__}: {error}"
            ) from error
        finally:
            _set_attention(base, own_attention)

    expected = reference()

    def apart(states: Sequence[torch.Tensor]) -> list[Difference]:
        return [difference(one, other) for one, other in zip(expected, states, strict=True)]

    def own() -> list[Difference]:
        with in_fp32(base):
            return apart(reference())

    allowed = allowed_difference(base)
    ways = {"padded rows of the encoder": partial(HeadsPath, model, pad_id)}
    if getattr(model, "is_loaded_in_8bit", False):
        return alone  # the outliers of 8-bit layers are those of a whole batch
    path = first_exact(ways, lambda way: apart(_states_by_row(way, rows)), allowed, own, agree)
    if path is None:
        log.warning("rows are computed one by one, which is slow")
        _set_attention(base, "eager")
        return alone
    return path


@torch.no_grad()
def _states_by_row(path: HeadsPath, rows: Sequence[Any]) -> list[torch.Tensor]:
    found: dict[int, torch.Tensor] = {}
    for numbers in path.split(rows, TOKENS):
        batch = to_device(path.batch([rows[i] for i in numbers]), path.model.device)
        found |= zip(numbers, path.states(batch), strict=True)
    return [found[i] for i in range(len(rows))]


def _set_attention(base: Any, name: str) -> None:
    try:
        base.set_attn_implementation(name)
    except ValueError:  # some models have a single one
        log.debug("no attention %s", name)
