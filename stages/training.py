"""The training loop: LoRA on a frozen, possibly quantised base.

One update sees one global batch of examples, shared out over micro-batches of similar lengths,
smaller ones after a GPU has run out of memory; the loss of an update is the mean over all its label
tokens, so neither the order of examples nor the result depends on the micro-batches, up to rounding
and dropout's draws. Loss is computed on answers alone, and logits only there.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stages.command import InputError
from stages.model import TokenRow, batches_by_length, pad
from stages.settings import Section

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

# Tokens of a micro-batch, padding included, unless memory runs out. Large ones keep a GPU busy; on
# two CPU cores small ones, which pad less and stay in the cache, were a fifth faster.
MICRO_BATCH = {"cuda": 4096, "cpu": 1024}
SAVE_EVERY = 60.0  # seconds between two savings of the scratch state

Positive = Annotated[float, Field(gt=0.0)]


class Lora(Section):
    """The adapter's shape; keys as in params.yaml."""

    rank: Annotated[int, Field(ge=1, le=1024)]
    alpha: Positive
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    targets: Annotated[list[str], Field(min_length=1)]


class Finetune(Section):
    """How the adapter is trained; keys as in params.yaml."""

    seed: Annotated[int, Field(ge=0)]
    cap: Annotated[int, Field(ge=1)] | None
    weights: dict[str, Annotated[float, Field(ge=0.0, le=100.0)]]
    epochs: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    learning_rate: Positive
    warmup: Annotated[float, Field(ge=0.0, le=1.0)]
    clip: Positive
    keep: Literal["best", "last"]
    lora: Lora


@dataclass
class Progress:
    """How far a training has come, and its learning curve.

    Attributes:
        update: updates made.
        train: (update, epoch, learning rate, loss) of each update.
        dev: (update, epoch, loss) of each measurement on the dev split.
        best: the smallest dev loss so far.
        best_update: the update after which it was measured.
        examples: how many examples the updates went through.
        tokens: how many tokens these had.
        seconds: wall time, interruptions not counted.
    """

    update: int = 0
    train: list[tuple[int, float, float, float]] = field(default_factory=list)
    dev: list[tuple[int, float, float]] = field(default_factory=list)
    best: float = math.inf
    best_update: int = 0
    examples: int = 0
    tokens: int = 0
    seconds: float = field(default=0.0, compare=False)


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


def answer_loss(model: Any, rows: Sequence[TokenRow], pad_id: int) -> "torch.Tensor":
    """Sums the cross-entropy of the answers' tokens, the end token included.

    Rows are padded on the right, where causal attention never looks, so no mask is needed.

    Args:
        model: the base with its adapter.
        rows: encoded questions with answers.
        pad_id: what fills short rows.

    Returns:
        The sum in nats, a scalar in fp32.
    """
    import torch

    base = model.get_base_model()
    device = base.get_input_embeddings().weight.device
    ids = pad([row.ids for row in rows], pad_id, "right")
    row_index = [i for i, row in enumerate(rows) for _ in row.ids[row.prompt :]]
    position = [p for row in rows for p in range(row.prompt, len(row.ids))]
    labels = ids[row_index, position].to(device)
    hidden = base.get_decoder()(input_ids=ids.to(device), use_cache=False).last_hidden_state
    logits = base.get_output_embeddings()(hidden[row_index, [p - 1 for p in position]])
    return torch.nn.functional.cross_entropy(logits.float(), labels, reduction="sum")


def label_tokens(rows: Sequence[TokenRow]) -> int:
    """Counts the tokens that loss is computed on."""
    return sum(len(row.ids) - row.prompt for row in rows)


def micro_batches(rows: Sequence[TokenRow], tokens: int) -> Iterator[list[TokenRow]]:
    """Shares rows out over micro-batches of similar lengths, of at most so many tokens."""
    for indices in batches_by_length([len(row.ids) for row in rows], tokens):
        yield [rows[i] for i in indices]


class Memory:
    """How many tokens fit into a micro-batch; found out by trying."""

    def __init__(self, device: str) -> None:
        self.tokens = MICRO_BATCH[device]

    def fitting(self, work: Callable[[int], float]) -> float:
        """Does a piece of work, again with half the tokens after running out of GPU memory.

        Args:
            work: takes the tokens of a micro-batch; must be repeatable after a failure.

        Returns:
            The work's result.
        """
        import torch

        while True:
            try:
                return work(self.tokens)
            except torch.OutOfMemoryError:
                if self.tokens <= 1:
                    raise
                self.tokens //= 2
                log.info("out of memory: micro-batches of %d tokens from now on", self.tokens)
            torch.cuda.empty_cache()


def mean_loss(
    model: Any,
    rows: Sequence[TokenRow],
    pad_id: int,
    dtype: "torch.dtype",
    tokens: int,
) -> float:
    """Measures the loss per label token without training.

    The model stays in training mode, with dropout alone switched off: in evaluation mode
    bitsandbytes repacks 4-bit weights in place on CPUs with AVX512-BF16, and training afterwards
    would get no gradient through them.
    """
    import torch

    dropouts = [m for m in model.modules() if isinstance(m, torch.nn.Dropout)]
    for dropout in dropouts:
        dropout.eval()
    total = 0.0
    with torch.no_grad(), _autocast(model, dtype):
        for batch in micro_batches(rows, tokens):
            total += float(answer_loss(model, batch, pad_id))
    for dropout in dropouts:
        dropout.train()
    return total / label_tokens(rows)


def _autocast(model: Any, dtype: "torch.dtype") -> Any:
    import torch

    half = dtype in (torch.bfloat16, torch.float16)
    return torch.autocast(model.device.type, dtype=dtype if half else None, enabled=half)


def train(
    model: Any,
    train_rows: Sequence[TokenRow],
    tasks: Sequence[str],
    dev_rows: Sequence[TokenRow],
    settings: Finetune,
    pad_id: int,
    dtype: "torch.dtype",
    scratch: Path,
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
        pad_id: what fills short rows.
        dtype: what to compute with; the adapter stays in fp32.
        scratch: folder for the state of an interrupted training.

    Returns:
        The learning curve.

    Raises:
        InputError: if a loss is not a finite number.
    """
    import torch
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from tqdm import tqdm

    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
    scaler = torch.amp.GradScaler(model.device.type, enabled=dtype == torch.float16)
    per_epoch = math.ceil(len(_order(tasks, settings, epoch=0)) / settings.batch)
    updates = per_epoch * settings.epochs
    progress, best, memory = Progress(), {}, Memory(model.device.type)

    def adapter() -> dict[str, torch.Tensor]:
        state = get_peft_model_state_dict(model)
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    state_file = scratch / "state.pt"
    if state_file.is_file():
        state = torch.load(state_file, map_location="cpu", weights_only=True)
        set_peft_model_state_dict(model, state["adapter"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        _set_random_state(state["random"])
        progress, best = Progress(**state["progress"]), state["best"]
        log.info("go on after update %d of %d (%s)", progress.update, updates, scratch)

    started = time.monotonic() - progress.seconds

    def save() -> None:
        progress.seconds = time.monotonic() - started
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

    saved = time.monotonic()
    with tqdm(total=updates, initial=progress.update, desc="finetune", unit="update") as bar:
        while progress.update < updates:
            epoch, step = divmod(progress.update, per_epoch)
            order = _order(tasks, settings, epoch)
            batch = [
                train_rows[i] for i in order[step * settings.batch : (step + 1) * settings.batch]
            ]
            rate = learning_rate(progress.update, updates, settings.learning_rate, settings.warmup)
            update = partial(
                _update, model, batch, optimizer, scaler, rate, settings.clip, pad_id, dtype
            )
            loss = memory.fitting(update)
            progress.update += 1
            progress.examples += len(batch)
            progress.tokens += sum(len(row.ids) for row in batch)
            _check_finite(loss, "the loss", progress.update)
            at = progress.update / per_epoch
            progress.train.append((progress.update, round(at, 4), rate, loss))
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
            if progress.update % per_epoch == 0 and dev_rows:
                dev = memory.fitting(partial(mean_loss, model, dev_rows, pad_id, dtype))
                _check_finite(dev, "the dev loss", progress.update)
                progress.dev.append((progress.update, round(at, 4), dev))
                log.info("epoch %d: dev loss %.4f", epoch + 1, dev)
                if dev < progress.best:
                    progress.best, progress.best_update = dev, progress.update
                    best = adapter() if settings.keep == "best" else {}
            if time.monotonic() - saved > SAVE_EVERY:
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


def _update(
    model: Any,
    batch: Sequence[TokenRow],
    optimizer: "torch.optim.Optimizer",
    scaler: "torch.amp.GradScaler",
    rate: float,
    clip: float,
    pad_id: int,
    dtype: "torch.dtype",
    tokens: int,
) -> float:
    """Makes one update; returns its loss per label token."""
    import torch

    labels = label_tokens(batch)
    total = 0.0
    optimizer.zero_grad(set_to_none=True)
    for rows in micro_batches(batch, tokens):
        with _autocast(model, dtype):
            loss = answer_loss(model, rows, pad_id) / labels
        torch.autograd.backward(scaler.scale(loss))
        total += float(loss.detach())
    for group in optimizer.param_groups:
        group["lr"] = rate
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], clip)
    scaler.step(optimizer)
    scaler.update()
    return total


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
