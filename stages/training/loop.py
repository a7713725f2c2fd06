"""The training loop: LoRA on a frozen, possibly quantised base.

One update sees one global batch of examples, shared out over processes (stages/model/processes.py) and
micro-batches as the memory allows. The loss of an update is the mean over all its label tokens, so
neither the order of examples nor the result depends on processes and micro-batches, up to rounding
and dropout's draws. Rows are packed, not padded (stages/model/packing.py). Loss is computed on answers
alone, and logits only there.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stages.common.command import InputError
from stages.model import processes
from stages.model.device import free_memory
from stages.model.lora import Weights
from stages.model.packing import (
    Packed,
    arranged,
    can_compile,
    divided,
    hidden_states,
    pack,
    packed_length,
    shared_out,
    use_packed_attention,
)
from stages.model.text import TokenRow
from stages.training.progress import Progress
from stages.training.recording import Recorder
from stages.training.settings import Finetune, Lora

if TYPE_CHECKING:
    import torch

    from stages.training.cost import Meter

log = logging.getLogger(__name__)

# Tokens of a micro-batch. On two CPU cores small ones, which stay in the cache, were a fifth
# faster; a GPU makes its first update with so many, before the memory is measured.
MICRO_BATCH = {"cuda": 1024, "cpu": 1024}
USABLE = 0.85  # share of the free GPU memory that a micro-batch may fill
SAVE_EVERY = 60.0  # seconds between two savings of the scratch state

Result = TypeVar("Result")


def add_lora(base: Any, lora: Lora) -> Any:
    """Puts a fresh adapter on a base: fp32 weights, the second matrix zero.

    Draws from torch's global random numbers.

    Raises:
        InputError: if the base has no layer of a target's name.
    """
    from peft import LoraConfig, get_peft_model

    names = {name.rpartition(".")[2] for name, _ in base.named_modules()}
    if unknown := set(lora.targets) - names:
        raise InputError(
            f"finetune.lora.targets: the base has no layers {', '.join(sorted(unknown))}; it has"
            f" {', '.join(sorted(n for n in names if n.endswith('_proj')))}"
        )

    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=sorted(lora.targets),
        bias="none",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config)


def learning_rate(update: int, updates: int, highest: float, warmup: float) -> float:
    """Linear warm-up from 0, then linear decay to 0.

    Args:
        update: updates made before this one.
        updates: how many there will be.
        highest: the peak.
        warmup: share of the updates before it.
    """
    rising = math.ceil(updates * warmup)
    if update < rising:
        return highest * (update + 1) / rising
    return highest * (updates - update) / max(1, updates - rising)


def answer_loss(model: Any, packed: Packed) -> "torch.Tensor":
    """Sums the cross-entropy of the answers' tokens, the end token included.

    Args:
        model: the base, attending to packed rows, with its adapter.
        packed: questions with answers.

    Returns:
        The sum in nats, a scalar in fp32.
    """
    import torch

    base = model.get_base_model()
    states = hidden_states(base.get_decoder(), packed)
    logits = base.get_output_embeddings()(states)
    return torch.nn.functional.cross_entropy(logits.float(), packed.labels, reduction="sum")


def label_tokens(rows: Sequence[TokenRow]) -> int:
    """Counts the tokens that loss is computed on."""
    return sum(len(row.ids) - row.prompt for row in rows)


def passes(model: Any, weights: Weights, scaler: "torch.amp.GradScaler") -> Recorder:
    """The passes of a training, each of which adds to the gradient that of factor times loss.

    Args:
        model: the base with its adapter.
        weights: the adapter's, as `prepare` gives them.
        scaler: of the loss, for fp16.
    """

    def work(packed: Packed, factor: "torch.Tensor") -> "torch.Tensor":
        loss = answer_loss(model, packed) * factor
        weights.learn(scaler.scale(loss))
        return loss.detach()

    # Layers in 8 bits wait for the host in between, sharded ones for other processes.
    waits = getattr(model.get_base_model(), "is_loaded_in_8bit", False) or processes.here().sharded
    return Recorder(work, model.device, possible=can_compile(model) and not waits)


class Memory:
    """How many tokens a micro-batch may have.

    A GPU's first work is done with few, which tells what a token takes; from then on the free
    memory decides. Running out of memory halves the number, and where one row alone is too much,
    layers are computed again in the backward pass instead of being remembered. Processes that share
    a sharded base go through it equally often; after running out of memory they cannot go on.
    """

    def __init__(self, model: Any, passes: Recorder) -> None:
        """Measures nothing yet.

        Args:
            model: the base with its adapter.
            passes: those of the training; recorded once the memory is measured.
        """
        self.tokens = MICRO_BATCH[model.device.type]
        self.passes = passes
        self._model = model
        self._used = 0
        self._measured = model.device.type == "cpu"
        self._recomputes = False

    def micro_batches(self, rows: Sequence[TokenRow]) -> Iterator[list[TokenRow]]:
        """Shares rows out over micro-batches of about equal numbers of tokens."""
        for numbers in shared_out(rows, self.tokens):
            batch = [rows[i] for i in numbers]
            self._used = max(self._used, packed_length(batch))
            yield batch

    def parts(self, rows: Sequence[TokenRow]) -> Iterator[tuple[list[TokenRow], float]]:
        """Yields this process's micro-batches of rows that all have, with what their loss counts.

        That is 1, and 0 in the passes that are made only to keep step with the other processes.
        """
        here = processes.here()
        own = [rows[i] for i in divided(rows, here.count)[here.rank]]
        batches = list(self.micro_batches(own))
        most = len(batches)
        if here.sharded:
            most = int(max(here.numbers(len(batches), self._model.device)))
        yield from ((batch, 1.0) for batch in batches)
        filler = min(rows, key=lambda row: len(row.ids))
        yield from [([filler], 0.0)] * (most - len(batches))

    def fitting(self, work: Callable[[], Result]) -> Result:
        """Does a piece of work, again in smaller micro-batches after running out of GPU memory.

        Args:
            work: asks for micro-batches; must be repeatable after a failure.

        Returns:
            The work's result.
        """
        import torch

        while True:
            try:
                if self._measured:
                    return work()
                return self._measure(work)
            except torch.OutOfMemoryError:
                if processes.here().sharded:
                    raise
                if self.passes.stop():
                    log.info("out of memory: no passes are recorded from now on")
                elif self.tokens > 1:
                    self.tokens //= 2
                    log.info("out of memory: micro-batches of %d tokens from now on", self.tokens)
                elif not self._recompute():
                    raise
            torch.cuda.empty_cache()

    def _measure(self, work: Callable[[], Result]) -> Result:
        """Does a piece of work and finds out how many tokens would fill the memory."""
        import torch

        self._used = 0
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = work()
        here = processes.here()
        if not (self._used or here.sharded):
            return result
        each = (torch.cuda.max_memory_allocated() - before) / max(1, self._used)
        learnt = [p for p in self._model.parameters() if p.requires_grad]
        moments = 2 * sum(p.numel() * p.itemsize for p in learnt)  # AdamW's, of the first step
        free = free_memory(self._model.device) - moments
        fit = USABLE * free / each
        if here.sharded:
            fit = min(here.numbers(fit, self._model.device))
        self.tokens = max(self.tokens, int(fit))
        self._measured = True
        self.tokens -= self.passes.allow(self.tokens, each)
        log.info(
            "a token takes %.1f MiB, %.1f GiB are free: micro-batches of up to %d tokens",
            *(each / 2**20, free / 2**30, self.tokens),
        )
        return result

    def _recompute(self) -> bool:
        if self._recomputes:
            return False
        log.info("out of memory with a single row: layers are computed again from now on")
        base = self._model.get_base_model()
        enable = getattr(base, "activation_checkpointing_enable", None)  # the newer name
        (enable or base.gradient_checkpointing_enable)({"use_reentrant": False})
        self._recomputes = True
        self.tokens = MICRO_BATCH[self._model.device.type]
        return True


def mean_loss(model: Any, rows: Sequence[TokenRow], memory: Memory) -> float:
    """Measures the loss per label token without training.

    The model stays in training mode, with dropout alone switched off: in evaluation mode
    bitsandbytes repacks 4-bit weights in place on CPUs with AVX512-BF16, and training afterwards
    would get no gradient through them. Every process measures its part of the rows.
    """
    import torch

    def loss() -> torch.Tensor:
        total = torch.zeros((), device=model.device, dtype=torch.float64)
        for batch, counts in memory.parts(rows):
            total += answer_loss(model, pack(batch, model.device)) * counts
        return total

    dropouts = [m for m in model.modules() if isinstance(m, torch.nn.Dropout)]
    for dropout in dropouts:
        dropout.eval()
    with torch.no_grad():
        total = float(processes.here().total(memory.fitting(loss)))
    for dropout in dropouts:
        dropout.train()
    return total / label_tokens(rows)


def prepare(model: Any, dtype: "torch.dtype") -> Weights:
    """Makes a base with its adapter ready to be trained on packed rows, as the machine can.

    The layers of a large model are compiled on GPUs that have the one kernel for attention: norms,
    rotary embedding, activation and adapter are then fused, and less is remembered for the backward
    pass. They are not if the base shall be sharded.

    Args:
        model: the base with its adapter.
        dtype: what to compute with.

    Returns:
        The adapter's weights.
    """
    model.train()
    base = model.get_base_model()
    use_packed_attention(base)
    weights = Weights(model, dtype)
    base.get_decoder().register_forward_pre_hook(lambda *_: weights.use())
    if processes.here().sharded:
        shard(model)
    elif can_compile(model):
        log.info("the layers are compiled in the first update, which takes a minute")
        for layer in base.get_decoder().layers:
            layer.compile(dynamic=True)
    return weights


def shard(model: Any) -> None:
    """Leaves each process a part of the base's weights; a layer's are gathered while it computes.

    The adapter stays whole everywhere, so that gradients, optimizer and saved state are the same as
    without sharding. Embeddings are sharded with the last norm; the head stays whole.
    """
    from torch.distributed.fsdp import fully_shard

    learnt = {p for p in model.parameters() if p.requires_grad}
    decoder = model.get_base_model().get_decoder()
    for part in (*decoder.layers, decoder):
        # Stated for the decoder too, which saving in one process would else reshard there alone.
        fully_shard(part, ignored_params=learnt, reshard_after_forward=True)
    log.info("the base is sharded over %d processes", processes.here().count)


def train(
    model: Any,
    train_rows: Sequence[TokenRow],
    tasks: Sequence[str],
    dev_rows: Sequence[TokenRow],
    settings: Finetune,
    dtype: "torch.dtype",
    scratch: Path,
    meter: "Meter | None" = None,
) -> Progress:
    """Trains the adapter; afterwards the model holds the weights to keep.

    Goes on from the scratch state if there is one. Dev loss is measured after each epoch; without
    dev rows the last weights are kept.

    Args:
        model: the base with a fresh adapter.
        train_rows: what to learn from.
        tasks: their sub-tasks.
        dev_rows: what to measure on; may be empty.
        settings: see params.yaml.
        dtype: what to compute with; the adapter stays in fp32.
        scratch: folder for the state of an interrupted training.
        meter: measures energy meanwhile.

    Returns:
        The learning curve.

    Raises:
        InputError: if a loss is not a finite number.
    """
    import torch
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from tqdm import tqdm

    weights = prepare(model, dtype)
    optimizer = torch.optim.AdamW([weights.values], lr=settings.learning_rate, weight_decay=0.0)
    scaler = torch.amp.GradScaler(model.device.type, enabled=dtype == torch.float16)
    per_epoch = math.ceil(len(_order(tasks, settings, epoch=0)) / settings.batch)
    updates = per_epoch * settings.epochs
    progress, best, memory = Progress(), {}, Memory(model, passes(model, weights, scaler))
    here = processes.here()

    def adapter() -> dict[str, torch.Tensor]:
        state = get_peft_model_state_dict(model)
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    state_file = scratch / "state.pt"
    state = None
    if here.main and state_file.is_file():
        state = torch.load(state_file, map_location="cpu", weights_only=True)
    if state := here.from_main(state):
        set_peft_model_state_dict(model, state["adapter"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        _set_random_state(state["random"])
        progress, best = Progress(**state["progress"]), state["best"]
        log.info("go on after update %d of %d (%s)", progress.update, updates, scratch)
    if not here.main:  # whose dropout shall not be that of the main process
        torch.manual_seed(settings.seed + 1_000_003 * here.rank + progress.update)

    started = time.monotonic() - progress.seconds
    energy_before, co2e_before = progress.energy_kwh, progress.co2e_kg

    def save() -> None:
        if not here.main:
            return
        progress.seconds = time.monotonic() - started
        if meter:  # of the main host; the others do as much
            meter.read()
            progress.energy_kwh = energy_before + here.hosts * meter.energy_kwh
            progress.co2e_kg = co2e_before + here.hosts * meter.co2e_kg
        state = {
            "adapter": adapter(),
            "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict(),
            "random": _random_state(),
            "progress": asdict(progress),
            "best": best,
        }
        torch.save(state, scratch / "state.tmp")
        (scratch / "state.tmp").replace(state_file)

    def read_loss(update: int, at: float, rate: float, loss: torch.Tensor) -> None:
        value = float(loss)
        _check_finite(value, "the loss", update)
        progress.train.append((update, at, rate, value))
        bar.set_postfix(loss=f"{value:.3f}", refresh=False)
        bar.update()

    # An update's loss is read when the next one is under way, for reading waits for the GPU.
    unread: deque[tuple[int, float, float, torch.Tensor]] = deque()
    order: list[int] = []
    saved = time.monotonic()
    with (
        meter or nullcontext(),
        tqdm(
            total=updates,
            initial=progress.update,
            desc="finetune",
            unit="update",
            disable=not here.main,
        ) as bar,
    ):
        while progress.update < updates:
            epoch, step = divmod(progress.update, per_epoch)
            if step == 0 or not order:
                order = _order(tasks, settings, epoch)
            batch = [
                train_rows[i] for i in order[step * settings.batch : (step + 1) * settings.batch]
            ]
            rate = learning_rate(progress.update, updates, settings.learning_rate, settings.warmup)
            loss = make_update(model, batch, optimizer, scaler, rate, settings.clip, memory)
            progress.update += 1
            progress.examples += len(batch)
            progress.tokens += sum(len(row.ids) for row in batch)
            at = round(progress.update / per_epoch, 4)
            unread.append((progress.update, at, rate, loss))
            ends = progress.update % per_epoch == 0
            due = time.monotonic() - saved > SAVE_EVERY
            while len(unread) > (0 if ends or due else 1):
                read_loss(*unread.popleft())
            if ends and dev_rows:
                dev = mean_loss(model, dev_rows, memory)
                _check_finite(dev, "the dev loss", progress.update)
                progress.dev.append((progress.update, at, dev))
                log.info("epoch %d: dev loss %.4f", epoch + 1, dev)
                if dev < progress.best:
                    progress.best, progress.best_update = dev, progress.update
                    best = adapter() if settings.keep == "best" else {}
            if due:
                save()
                saved = time.monotonic()
        save()  # an interruption before the outputs are written costs nothing either
    if best:
        set_peft_model_state_dict(model, best)
    return progress


def _order(tasks: Sequence[str], settings: Finetune, epoch: int) -> list[int]:
    """Which examples an epoch sees, in which order.

    A sub-task of weight 1 has each example once; of weight 2.3 each twice, and three tenths of
    them, drawn anew in every epoch, once more.
    """
    import torch

    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)

    def shuffled(rows: list[int]) -> list[int]:
        return [rows[i] for i in torch.randperm(len(rows), generator=generator).tolist()]

    chosen: list[int] = []
    for task in sorted(set(tasks)):
        rows = [i for i, name in enumerate(tasks) if name == task]
        whole, part = divmod(round(settings.weights.get(task, 1.0) * len(rows)), len(rows))
        chosen += rows * whole + shuffled(rows)[:part]
    return shuffled(chosen)


def make_update(
    model: Any,
    batch: Sequence[TokenRow],
    optimizer: "torch.optim.Optimizer",
    scaler: "torch.amp.GradScaler",
    rate: float,
    clip: float,
    memory: Memory,
) -> "torch.Tensor":
    """Makes one update: each process computes the gradient of its part; all use the sum.

    Args:
        model: the base with its adapter, prepared.
        batch: the examples of the update.
        optimizer: of the adapter's weights, all in one.
        scaler: of the loss, for fp16.
        rate: the learning rate.
        clip: largest norm of the gradient.
        memory: shares the examples out.

    Returns:
        The loss per label token before the update, a scalar that a GPU may still be computing.
    """
    import torch

    labels = label_tokens(batch)
    (weights,) = optimizer.param_groups[0]["params"]

    def gradient() -> torch.Tensor:
        total = torch.zeros((), device=model.device)
        optimizer.zero_grad(set_to_none=False)  # for a recorded pass adds to it where it is
        for rows, counts in memory.parts(batch):
            packed = arranged(rows, model.device)
            total += memory.passes.run(packed, counts / labels)
        return total

    total = _summed(weights.grad, memory.fitting(gradient))
    for group in optimizer.param_groups:
        group["lr"] = rate
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(weights, clip)
    scaler.step(optimizer)
    scaler.update()
    return total


def _summed(gradient: "torch.Tensor", loss: "torch.Tensor") -> "torch.Tensor":
    """Sums the gradient, in place, and a loss over the processes, both at once."""
    import torch

    if (here := processes.here()).count == 1:
        return loss
    joined = here.total(torch.cat([gradient, loss.reshape(1)]))
    gradient.copy_(joined[:-1])
    return joined[-1]


def _check_finite(loss: float, what: str, update: int) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"{what} is {loss} at update {update}: training has diverged;"
            " a lower finetune.learning_rate or finetune.lora.alpha may help"
        )


def _random_state() -> Mapping[str, "torch.Tensor"]:
    import torch

    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: Mapping[str, "torch.Tensor"]) -> None:
    import torch

    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
