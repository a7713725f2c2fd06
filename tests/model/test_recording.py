"""Recorded passes: packs that are filled up give the same loss and gradient, and sizes are few."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stages.model import packing, recording
from stages.model.pack_sizes import IGNORED, Size, fill_up, size_for
from stages.model.packed import PackedPath
from stages.model.packing import Form, Packed, pack_on_host
from stages.model.recording import Longest, Recorder, Recording
from stages.model.text import TokenRow
from stages.training.adapter import add_lora
from stages.training.passes import answer_loss
from tests.helpers import tiny
from tests.helpers.models import CPU, FP32
from tests.helpers.trainings import finetune_settings
from tests.helpers.varlen import use_varlen_attention


@pytest.fixture(autouse=True, scope="module")
def gpu() -> Any:
    """As if there were a GPU with variable-length attention."""
    with pytest.MonkeyPatch.context() as patch:
        use_varlen_attention(patch)
        yield


def rows(lengths: list[int], shared: int, answer: int = 3) -> list[TokenRow]:
    """Rows of these lengths, with a common prefix before them."""
    made = []
    for i, length in enumerate(lengths):
        ids = [1 + n % 50 for n in range(shared)] + [60 + (7 * i + n) % 50 for n in range(length)]
        made.append(TokenRow(ids, len(ids) - answer, 0))
    return made


STEPS, MOST = 16, 4096
LENGTHS = [90, 70, 80, 61, 62, 63, 64, 99]


def packed_rows(lengths: list[int], shared: int = 0, answer: int = 3) -> Packed:
    return pack_on_host(rows(lengths, shared, answer), CPU, FP32)


def use_masks(patch: pytest.MonkeyPatch) -> None:
    """As if the GPU had no variable-length attention."""
    patch.setattr(packing, "form_for", lambda *_: Form.RELATION)


@pytest.mark.parametrize(("shared", "tokens"), [(0, 640), (90, 704)])
@pytest.mark.parametrize("masked", [False, True])
def test_filling_a_pack_up_changes_nothing(
    shared: int, tokens: int, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if masked:
        use_masks(monkeypatch)
    adapted = add_lora(tiny.causal(4, seed=1).requires_grad_(False), finetune_settings().lora)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    path = PackedPath(adapted)
    lora = path.trained_weights()
    packed = packed_rows(LENGTHS, shared)
    size = size_for(packed, STEPS)
    assert size
    assert masked or size == (tokens, 512, shared > 0, True)
    results = []
    for each in (packed, fill_up(packed, size)):
        lora.gradient.zero_()
        loss = answer_loss(path, each)
        lora.backward(loss)
        results.append((loss.detach(), lora.gradient.clone()))
    torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-5)


@given(st.lists(st.integers(4, 400), min_size=1, max_size=60), st.integers(0, 100))
def test_a_filled_pack_has_its_size(lengths: list[int], shared: int) -> None:
    packed = packed_rows(lengths, shared)
    if (size := size_for(packed, STEPS)) is None:
        return
    assert packed.ids.shape[1] < size.tokens <= 1.125 * packed.ids.shape[1]
    whole = fill_up(packed, size)
    assert whole.ids.shape == whole.positions.shape == (1, size.tokens)
    assert len(whole.predicting) == len(whole.labels) == size.predictions
    for pattern, queries in ((whole.branches, size.tokens), (whole.rows, size.predictions)):
        assert len(pattern.keys) == size.keys
        assert int(pattern.keys.max()) < size.tokens
        counts = []
        for bounds, last in zip(pattern.bounds, (queries, size.keys), strict=True):
            assert (bounds.dtype, len(bounds), bounds[-1]) == (
                torch.int32,
                size.segments + 1,
                last,
            )
            counts.append(bounds.diff())
            assert 0 <= counts[-1].min() <= counts[-1].max() <= size.longest
        assert (counts[0] <= counts[1]).all()


def test_packs_of_about_one_length_have_few_sizes() -> None:
    sizes = {
        size_for(packed_rows([150 + n] * 16, shared=30, answer=2 + n % 9), STEPS) for n in range(40)
    }
    assert sizes == {Size(tokens, 512, False, True) for tokens in range(2432, 3200, 128)}


@pytest.mark.parametrize(
    ("lengths", "shared", "answer"),
    [([400], 0, 3), ([10] * 64, 0, 3), ([70] * 20, 300, 3), ([100] * 8, 0, 90)],
    ids=["few tokens", "short rows", "much in common", "long answers"],
)
def test_a_pack_that_would_take_much_to_fill_up_has_no_size(
    lengths: list[int], shared: int, answer: int
) -> None:
    assert size_for(packed_rows(lengths, shared, answer), STEPS) is None


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

    def reset(self) -> None:
        """Gives its memory back."""


@pytest.fixture
def recorder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A recorder of passes whose loss is the weighted sum of the labels.

    Its parameter: whether no pass is longer than those that may be recorded.
    """

    def record(self: Recorder, inputs: tuple[Packed, torch.Tensor]) -> Any:
        own = [tensor.clone() for tensor in recording.tensors(inputs)]
        graph = Graph(lambda: work(inputs[0]._replace(labels=own[-2]), own[-1]))
        return Recording(graph, own, graph.loss)

    def work(packed: Packed, loss_weight: torch.Tensor) -> torch.Tensor:
        return packed.labels[packed.labels != IGNORED].sum() * loss_weight

    Graph.recorded = []
    monkeypatch.setattr(Recorder, "_record", record)
    return Recorder(
        work, CPU, longest=Longest(MOST, getattr(request, "param", True)), steps=STEPS, reserve=True
    )


def passed(recorder: Recorder, packed: Packed, weight: float = 1.0) -> float:
    return float(recorder(packed, lambda _: (torch.tensor(weight),)))


def test_the_first_pass_of_a_size_is_recorded_and_then_replayed(recorder: Recorder) -> None:
    recorder.allow(2 * MOST, token_bytes=1.0)
    for n in range(3):
        packed = packed_rows([120, 119, 118 + n, 117, 116 + n])
        loss = passed(recorder, packed, 0.5 + n)
        assert len(Graph.recorded) == 1
        assert loss == float(packed.labels.sum()) * (0.5 + n)


@pytest.mark.parametrize(
    ("fitting", "recorder", "left", "recorded"),
    [
        (900, True, 900, []),
        (2000, True, 2000, [600]),
        (6000, True, 4096, [600, 4000]),
        (6000, False, 6000, []),
        (9000, False, 4904, [600, 4000]),
    ],
    ids=["too little", "all for recorded ones", "most", "longer ones too", "enough"],
    indirect=["recorder"],
)
def test_passes_are_recorded_as_memory_allows(
    recorder: Recorder, fitting: int, left: int, recorded: list[int]
) -> None:
    """Of three lengths; where memory is scarce there is none for other passes."""
    packs = [packed_rows([100] * (tokens // 100)) for tokens in (600, 4000, 5000)]
    assert passed(recorder, packs[0]) == float(packs[0].labels.sum())
    assert not Graph.recorded  # nothing before it is allowed
    assert recorder.allow(fitting, token_bytes=1.0) == left
    for packed in packs:
        assert passed(recorder, packed) == float(packed.labels.sum())
    assert len(Graph.recorded) == len(recorded)
    assert recorder.stop() == bool(recorded)  # whether that is new
    assert not recorder.stop()
    assert recorder.allow(fitting, token_bytes=1.0) == fitting
    assert passed(recorder, packs[0]) == float(packs[0].labels.sum())
    assert len(Graph.recorded) == len(recorded)
