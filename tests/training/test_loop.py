"""The training loop: its loss, its updates, quantised bases, and going on after an interruption."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.common.command import InputError
from stages.model import packed
from stages.model.cost import Meter
from stages.model.packed import PackedPath
from stages.model.packing import Packed, pack
from stages.model.path import ModelPath
from stages.model.plain import PlainPath
from stages.model.text import TokenRow
from stages.training import loop, micro_batches, passes
from stages.training.loop import Trainer, train
from stages.training.micro_batches import MicroBatcher
from stages.training.passes import answer_loss
from stages.training.progress import Progress
from stages.training.saved import SavingTimes, saved_states
from stages.training.schedule import epoch_order, learning_rate
from stages.training.settings import Finetune
from tests.helpers.models import CPU, FP32
from tests.helpers.trainings import (
    adapted,
    examples,
    finetune_settings,
    run,
    token_rows,
    trained_weights,
)

PAD = 0
OOM = torch.OutOfMemoryError("as if")


def test_weights_decide_how_often_examples_come_up() -> None:
    subtasks = ["a"] * 10 + ["b"] * 20 + ["c"] * 5
    weights = {"a": 2.3, "b": 0.25, "c": 0.0}
    orders = [epoch_order(subtasks, weights, 1, epoch) for epoch in range(3)]
    for order in orders:
        counts = Counter(order)
        assert sorted(counts[i] for i in range(10)) == [2] * 7 + [3] * 3
        assert sorted(counts[i] for i in range(10, 30)) == [0] * 15 + [1] * 5
        assert max(order) < 30
    assert len({tuple(sorted(order)) for order in orders}) == 3
    assert epoch_order(subtasks, weights, 1, epoch=1) == orders[1]
    assert sorted(epoch_order(subtasks, {}, 1, epoch=0)) == list(range(35))


def reference_loss(causal: Any, rows: Sequence[TokenRow]) -> torch.Tensor:
    """From the definition, a row at a time: the sum of -log p of each answer token."""
    total = torch.zeros(())
    for row in rows:
        log_p = torch.log_softmax(causal(torch.tensor([row.ids])).logits[0].double(), dim=-1)
        for position in range(row.prompt, len(row.ids)):
            total = total - log_p[position - 1, row.ids[position]]
    return total


def test_the_loss_is_that_of_the_answers_alone(tiny_base: Path) -> None:
    path = PackedPath(adapted(tiny_base, finetune_settings()))
    rows = token_rows(9)
    ours = answer_loss(path, pack(rows, CPU, FP32))
    theirs = reference_loss(adapted(tiny_base, finetune_settings()), rows)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-6)


def padded_loss(causal: Any, rows: Sequence[TokenRow]) -> torch.Tensor:
    """The mean loss as transformers computes it from rows padded on the right."""
    width = max(len(row.ids) for row in rows)

    def matrix(values: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
        return torch.tensor([[*v, *[filler] * (width - len(v))] for v in values])

    return causal(
        input_ids=matrix([row.ids for row in rows], PAD),
        attention_mask=matrix([[1] * len(row.ids) for row in rows], 0),
        labels=matrix([[-100] * r.prompt + r.ids[r.prompt :] for r in rows], -100),
    ).loss


@pytest.mark.parametrize("joined", [False, True])
def test_the_first_updates_are_those_of_a_padded_reference(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joined: bool
) -> None:
    """A plain loop with transformers' loss and torch's optimizer, on the same batches."""
    monkeypatch.setattr(packed, "joins_layers", lambda _: joined)
    settings = finetune_settings(epochs=4)
    causal = adapted(tiny_base, settings)
    rows = token_rows(40)
    trained = [p for p in causal.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, weight_decay=0.0)
    theirs = []
    for update in range(20):
        epoch, step = divmod(update, 5)
        order = epoch_order(["x"] * 40, {}, settings.seed, epoch)[step * 8 : step * 8 + 8]
        loss = padded_loss(causal, [rows[i] for i in order])
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(update, 20, settings.learning_rate, settings.warmup)
        torch.nn.utils.clip_grad_norm_(trained, settings.clip)
        optimizer.step()
        theirs.append(float(loss.detach()))
    ours = [row[3] for row in run(adapted(tiny_base, settings), settings, tmp_path / "a").train]
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert ours[-1] < ours[0] - 0.3


def test_updates_do_not_depend_on_the_micro_batches(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves, kept = [], []
    for tokens in (30, 10_000):
        monkeypatch.setattr(micro_batches, "FIRST", tokens)
        causal = adapted(tiny_base, finetune_settings())
        curves.append(run(causal, finetune_settings(), tmp_path / str(tokens)).train)
        kept.append(trained_weights(causal))
    for one, other in zip(*curves, strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    for name, value in kept[0].items():
        torch.testing.assert_close(value, kept[1][name], rtol=1e-3, atol=1e-4)


@pytest.fixture(autouse=True)
def make_scratch(tmp_path: Path) -> None:
    for name in ("30", "10000", "a", "b"):
        (tmp_path / name).mkdir()


def test_equal_seeds_equal_bytes_and_another_seed_other_weights(
    tiny_base: Path, tmp_path: Path
) -> None:
    kept = []
    for i, seed in enumerate((1, 1, 2)):
        settings = finetune_settings(seed=seed, lora={"dropout": 0.1})
        causal = adapted(tiny_base, settings)
        (tmp_path / f"s{i}").mkdir()
        run(causal, settings, tmp_path / f"s{i}")
        kept.append(trained_weights(causal))
    assert all(torch.equal(value, kept[1][name]) for name, value in kept[0].items())
    assert not any(torch.equal(value, kept[2][name]) for name, value in kept[0].items())


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
def test_learns_with_every_form_of_the_base(
    tiny_base: Path, tmp_path: Path, quantization: str
) -> None:
    """Dev loss is measured in between, which must not spoil the gradients (4-bit on CPUs)."""
    settings = finetune_settings(epochs=6)
    causal = adapted(tiny_base, settings, quantization)
    before = {n: p.detach().clone() for n, p in causal.named_parameters() if not p.requires_grad}
    start = trained_weights(causal)
    progress = run(causal, settings, tmp_path / "a", token_rows(10, seed=5))
    losses = [loss for *_, loss in progress.dev]
    assert len(losses) == 6
    # Untrained: log 400 = 5.99; little can be gained through a frozen random head.
    assert losses[-1] < losses[0] < 5.99
    assert losses[-1] < 5.6
    moved = [not torch.equal(value, start[name]) for name, value in trained_weights(causal).items()]
    assert all(moved)
    for name, parameter in causal.named_parameters():
        if name in before:
            assert torch.equal(parameter, before[name]), name


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_sixteen_bits_learn_the_same_up_to_rounding(
    tiny_base: Path, tmp_path: Path, half: torch.dtype, quantization: str
) -> None:
    """As on GPUs: the base computes in 16 bits, the adapter's weights stay in fp32."""
    settings, curves = finetune_settings(lora={"dropout": 0.0}), []
    for folder, dtype in (("a", FP32), ("b", half)):
        causal = adapted(tiny_base, settings, quantization, dtype)
        dev, scratch = token_rows(5), tmp_path / folder
        progress = train(PackedPath(causal), examples(40), dev, settings, scratch)
        curves.append([loss for *_, loss in progress.train])
        assert {value.dtype for value in trained_weights(causal).values()} == {FP32}
    assert curves[1] == pytest.approx(curves[0], abs=0.05)
    assert curves[1] != curves[0]
    assert curves[1][-1] < curves[1][0] - 0.1


def test_only_the_targets_get_fp32_adapters(tiny_base: Path) -> None:
    trainable = trained_weights(adapted(tiny_base, finetune_settings()))
    assert len(trainable) == 2 * 2 * 3  # layers, matrices, targets
    assert {value.dtype for value in trainable.values()} == {FP32}
    assert all(any(t in name for t in ("q_proj", "v_proj", "o_proj")) for name in trainable)


class Stopped(Exception):
    pass


@pytest.mark.parametrize(("keep", "lost"), [("best", 0), ("last", 1)])
def test_an_interrupted_training_goes_on_to_the_same_bytes(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str, lost: int
) -> None:
    """Also if the last state is damaged, which costs an update."""
    settings = finetune_settings(epochs=3, keep=keep, lora={"dropout": 0.1}, learning_rate=0.1)
    dev = token_rows(10, seed=5)
    causal = adapted(tiny_base, settings)
    whole = run(causal, settings, tmp_path / "a", dev)
    kept = trained_weights(causal)

    monkeypatch.setattr(SavingTimes, "due", True)  # after each update
    update, calls = Trainer.update, []

    def stopping(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 9:
            raise Stopped
        return update(*arguments)

    monkeypatch.setattr(Trainer, "update", stopping)
    with pytest.raises(Stopped):
        run(adapted(tiny_base, settings), settings, tmp_path / "b", dev)
    for state in saved_states(tmp_path / "b")[:lost]:
        state.write_bytes(state.read_bytes()[:-1])
    causal = adapted(tiny_base, settings)
    resumed = run(causal, settings, tmp_path / "b", dev)
    assert len(calls) == 9 + whole.update - 8 + lost
    assert resumed == whole
    assert all(torch.equal(value, kept[name]) for name, value in trained_weights(causal).items())


class FixedMeter(Meter):
    """Shows 2 kWh, whatever has been done."""

    def __enter__(self) -> "FixedMeter":
        return self

    def read(self) -> None:
        self.energy_kwh = 2.0


def test_energy_adds_up_over_interruptions(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_meter() -> Progress:
        causal, meter = adapted(tiny_base, settings), FixedMeter()
        return train(PackedPath(causal), examples(40), (), settings, tmp_path / "a", meter)

    def stop_at_the_third(loss: float, name: str, update: int) -> None:
        if update == 3:
            raise Stopped

    settings = finetune_settings(epochs=1)
    monkeypatch.setattr(SavingTimes, "due", True)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "check_finite", stop_at_the_third)
        with pytest.raises(Stopped):
            with_meter()
    progress = with_meter()
    assert progress.update == 5
    assert progress.energy_kwh == 4.0


@pytest.mark.parametrize(("keep", "kept"), [("best", 1), ("last", 2)])
def test_keeps_the_adapter_of_the_best_dev_loss_or_the_last(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str, kept: int
) -> None:
    losses, adapters = [3.0, 1.0, 2.0], []

    def dev_loss(trainer: Trainer, _: Any) -> float:
        adapters.append(adapter(trainer.state.model))
        return losses[len(adapters) - 1]

    monkeypatch.setattr(Trainer, "dev_loss", dev_loss)
    settings = finetune_settings(epochs=3, keep=keep)
    causal = adapted(tiny_base, settings)
    progress = run(causal, settings, tmp_path / "a", token_rows(10, seed=5))
    assert [loss for *_, loss in progress.dev] == losses
    assert (progress.best, progress.best_update) == (1.0, 10)
    assert adapter(causal).equal(adapters[kept])
    assert not adapters[1].equal(adapters[2])


def adapter(causal: Any) -> torch.Tensor:
    """The trained weights, as one vector."""
    trained = [weight for weight in causal.parameters() if weight.requires_grad]
    return torch.nn.utils.parameters_to_vector(trained).detach().clone()


@pytest.mark.parametrize("rate", [1e25, 1e4])
def test_a_diverged_training_is_an_error(tiny_base: Path, tmp_path: Path, rate: float) -> None:
    settings = finetune_settings(learning_rate=rate, epochs=20)
    causal = adapted(tiny_base, settings)
    if rate > 1e20:
        with pytest.raises(InputError, match=r"loss is (nan|inf) at update \d+: training has div"):
            run(causal, settings, tmp_path / "a", token_rows(10, seed=5))
    else:
        run(causal, settings, tmp_path / "a", token_rows(10, seed=5))
    assert bool(saved_states(tmp_path / "a")) == (rate < 1e20)


def test_a_weight_that_is_no_number_is_not_saved(tiny_base: Path, tmp_path: Path) -> None:
    """Of the last update, which no later loss shows."""
    state = Trainer(PackedPath(adapted(tiny_base, finetune_settings()))).state
    state.save(tmp_path / "a")
    with torch.no_grad():
        state.weights.values[3] = float("nan")
    state.progress.update = 7
    with pytest.raises(InputError, match="no finite number at update 7: training has diverged"):
        state.save(tmp_path / "a")
    assert len(saved_states(tmp_path / "a")) == 1


def beyond_limits(**lora: float) -> Finetune:
    """Settings of an adapter that params.yaml may not state."""
    settings = finetune_settings(epochs=1)
    return settings.model_copy(update={"lora": settings.lora.model_copy(update=lora)})


@pytest.mark.parametrize(
    "settings",
    [
        finetune_settings(epochs=1, learning_rate=1e-300),
        finetune_settings(epochs=1).model_copy(update={"clip": 1e-300}),
        beyond_limits(alpha=1e-300),
    ],
    ids=["rate", "clip", "alpha"],
)
def test_nothing_learnt_is_an_error(tiny_base: Path, tmp_path: Path, settings: Finetune) -> None:
    with pytest.raises(InputError, match="nothing was learnt: after 5 updates the adapter changes"):
        run(adapted(tiny_base, settings), settings, tmp_path / "a")


def test_an_adapter_of_embeddings_is_learnt(tiny_base: Path, tmp_path: Path) -> None:
    """In which the first matrix is zero in the beginning, not the second one."""
    settings = finetune_settings(epochs=1)
    lora = settings.lora.model_copy(update={"targets": ["embed_tokens", "q_proj"]})
    settings = settings.model_copy(update={"lora": lora})
    causal = adapted(tiny_base, settings)
    progress = train(PlainPath(causal, PAD), examples(40), [], settings, tmp_path / "a")
    assert progress.update == 5


def test_an_alpha_out_of_all_proportion_is_an_error(tiny_base: Path, tmp_path: Path) -> None:
    settings = beyond_limits(alpha=1e38)
    with pytest.raises(InputError, match="training has diverged|nothing was learnt"):
        run(adapted(tiny_base, settings), settings, tmp_path / "a")


def test_out_of_memory_halves_the_micro_batches(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if only 60 tokens fitted: the same updates, in smaller pieces."""
    settings = finetune_settings()
    whole = run(adapted(tiny_base, settings), settings, tmp_path / "a")
    refused = []

    def small_memory(path: ModelPath, packed: Packed) -> torch.Tensor:
        if packed.ids.shape[1] > 60:
            refused.append(packed)
            raise torch.OutOfMemoryError("as if")
        return answer_loss(path, packed)

    monkeypatch.setattr(passes, "answer_loss", small_memory)
    pieces = run(adapted(tiny_base, settings), settings, tmp_path / "b")
    assert refused
    for one, other in zip(whole.train, pieces.train, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_out_of_memory_with_a_single_row_computes_layers_again(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = finetune_settings()
    whole = run(adapted(tiny_base, settings), settings, tmp_path / "a")
    recompute, done = MicroBatcher.recompute, []

    def small_memory(path: ModelPath, packed: Packed) -> torch.Tensor:
        if not done:
            raise OOM
        return answer_loss(path, packed)

    def remember(batcher: MicroBatcher) -> bool:
        done.append(recompute(batcher))
        return done[-1]

    monkeypatch.setattr(passes, "answer_loss", small_memory)
    monkeypatch.setattr(MicroBatcher, "recompute", remember)
    again = run(adapted(tiny_base, settings), settings, tmp_path / "b")
    assert [row[3] for row in again.train] == pytest.approx([r[3] for r in whole.train], rel=1e-5)
    assert done == [True]


def test_out_of_memory_without_a_remedy_is_raised(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: Any) -> torch.Tensor:
        raise OOM

    monkeypatch.setattr(passes, "answer_loss", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        run(adapted(tiny_base, finetune_settings()), finetune_settings(), tmp_path / "a")


def test_every_example_is_seen_once_an_epoch() -> None:
    orders = [epoch_order(["x", "y"] * 3 + ["x"], {}, 1, epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_the_learning_rate_rises_and_falls_linearly() -> None:
    rates = [learning_rate(u, 10, 1.0, 0.2) for u in range(10)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert learning_rate(0, 4, 1.0, 0.0) == 1.0
    assert learning_rate(3, 4, 1.0, 1.0) == 1.0
