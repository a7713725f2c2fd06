"""Recorded passes: packs that are filled up give the same loss and gradient, and sizes are few."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stages.model import packing
from stages.model.packing import Packed
from stages.model.text import TokenRow
from stages.training import loop as training
from stages.training import recording
from stages.training.recording import Recorder, Size, filled_up, size_for
from tests.helpers import tiny
from tests.model.test_loading import CPU, FP32
from tests.model.test_packing import kernel
from tests.training.test_loop import finetune


@pytest.fixture(autouse=True, scope="module")
def gpu() -> Any:
    """As if there were a GPU with the one kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "one_kernel", lambda _: True)
        patch.setattr("torch.nn.attention.varlen.varlen_attn", kernel)
        yield


def rows(lengths: list[int], shared: int, answer: int = 3) -> list[TokenRow]:
    """Rows of so many tokens, with so many more that all begin with."""
    made = []
    for i, length in enumerate(lengths):
        ids = [1 + n % 50 for n in range(shared)] + [60 + (7 * i + n) % 50 for n in range(length)]
        made.append(TokenRow(ids, len(ids) - answer, 0))
    return made


LENGTHS = [90, 70, 80, 61, 62, 63, 64, 99]


def arranged(lengths: list[int], shared: int = 0, answer: int = 3) -> Packed:
    return packing.arranged(rows(lengths, shared, answer), CPU)


@pytest.mark.parametrize(("shared", "tokens"), [(0, 640), (90, 704)])
def test_what_fills_a_pack_up_changes_nothing(shared: int, tokens: int) -> None:
    adapted = training.add_lora(tiny.causal(4, seed=1).requires_grad_(False), finetune().lora)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    weights = training.prepare(adapted, FP32)
    packed = arranged(LENGTHS, shared)
    size = size_for(packed)
    assert size == (tokens, 512, shared > 0)
    found = []
    for each in (packed, filled_up(packed, size)):
        weights.values.grad.zero_()
        loss = training.answer_loss(adapted, each)
        weights.learn(loss)
        found.append((loss.detach(), weights.values.grad.clone()))
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-5)


@given(st.lists(st.integers(4, 400), min_size=1, max_size=60), st.integers(0, 100))
def test_a_filled_pack_has_its_size(lengths: list[int], shared: int) -> None:
    packed = arranged(lengths, shared)
    if (size := size_for(packed)) is None:
        return
    assert packed.ids.shape[1] < size.tokens <= 1.125 * packed.ids.shape[1]
    whole = filled_up(packed, size)
    assert whole.ids.shape == whole.positions.shape == (1, size.tokens)
    assert len(whole.wanted) == len(whole.labels) == size.wanted
    for pattern, queries in ((whole.branches, size.tokens), (whole.rows, size.wanted)):
        assert len(pattern.keys) == size.keys
        assert int(pattern.keys.max()) < size.tokens
        counts = []
        for bounds, last in zip(pattern.bounds, (queries, size.keys), strict=True):
            assert (bounds.dtype, len(bounds), bounds[-1]) == (
                torch.int32,
                size.stretches + 1,
                last,
            )
            counts.append(bounds.diff())
            assert 0 <= counts[-1].min() <= counts[-1].max() <= size.longest
        assert (counts[0] <= counts[1]).all()


def test_packs_of_about_one_length_have_few_sizes() -> None:
    found = {size_for(arranged([150 + n] * 16, shared=30, answer=2 + n % 9)) for n in range(40)}
    assert found == {Size(tokens, 512, False) for tokens in range(2432, 3200, 128)}


@pytest.mark.parametrize(
    ("lengths", "shared", "answer"),
    [([400], 0, 3), ([10] * 64, 0, 3), ([70] * 20, 300, 3), ([100] * 8, 0, 90)],
    ids=["few tokens", "short rows", "much in common", "long answers"],
)
def test_a_pack_that_would_take_much_to_fill_up_has_no_size(
    lengths: list[int], shared: int, answer: int
) -> None:
    assert size_for(arranged(lengths, shared, answer)) is None


class Graph:
    """In the place of a CUDA graph: does the work again with the inputs that it was recorded with.

    Attributes:
        recorded: the graphs made so far.
    """

    recorded: list["Graph"]

    def __init__(self, work: Callable[[], torch.Tensor]) -> None:
        self.work, self.loss = work, work()
        self.recorded.append(self)

    def replay(self) -> None:
        self.loss.copy_(self.work())


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A recorder of passes whose loss is the sum of the labels that count."""

    def record(self: Recorder, packed: Packed) -> Any:
        factor = torch.ones(())
        inside = [tensor.clone() for tensor in recording._tensors(packed)]
        graph = Graph(lambda: work(packed._replace(labels=inside[-1]), factor))
        return graph, [*inside, factor], graph.loss

    def work(packed: Packed, factor: torch.Tensor) -> torch.Tensor:
        return packed.labels[packed.labels != recording.IGNORED].sum() * factor

    Graph.recorded = []
    monkeypatch.setattr(Recorder, "_record", record)
    return Recorder(work, CPU, possible=True)


def test_the_first_pass_of_a_size_is_recorded_and_then_replayed(recorder: Recorder) -> None:
    assert recorder.allow(2 * recording.MOST, each=1.0) == recording.MOST
    for n in range(3):
        packed = arranged([120, 119, 118 + n, 117, 116 + n])
        loss = recorder.run(packed, 0.5 + n)
        assert len(Graph.recorded) == 1
        assert float(loss) == float(packed.labels.sum()) * (0.5 + n)


def test_passes_are_recorded_as_memory_allows(recorder: Recorder) -> None:
    short, long = arranged([120] * 5), arranged([120] * 36)
    enough = 2 * recording.MOST

    def recorded(packed: Packed) -> int:
        assert float(recorder.run(packed, 1.0)) == float(packed.labels.sum())
        return len(Graph.recorded)

    assert recorded(short) == 0
    assert recorder.allow(enough - 1, each=1.0) == 0
    assert recorded(short) == 0
    recorder.allow(enough, each=1.0)
    assert recorded(long) == 0
    assert recorded(short) == 1
    assert recorder.stop()
    assert not recorder.stop()
    assert recorder.allow(enough, each=1.0) == 0
    assert recorded(short) == 1
