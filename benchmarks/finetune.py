"""How fast finetune is, against a plain loop, within a T4's memory and without a limit.

On a GPU: LLaMAs with random weights of the shapes 135M, 1B and 7B, prompts of the lecture's length
distribution, a third of whose tokens are the header and the instruction of one of 22 sub-tasks, and
batches of 32; LoRA of rank 8 on q, k, v and o for 7B, as in the lecture, of rank 16 on all layers
for the others. In turn, in one process for each shape: a plain loop (7B: as the lecture's, 4 bits
as its options give them, fp16, layers computed again, padded, logits everywhere; others: bf16,
padded); ours within 15 GiB; ours within 15 GiB as on a T4 (fp16, no variable-length attention);
ours without a limit. Of each: the first update, then medians, the time that the GPU's kernels
take, and the largest memory. Then, with 7B and several GPUs, ours without a limit in one process
for each.
On a CPU: the default run's job on the small base, through transformers' Trainer (padded, random
order) and ours.

    python -m benchmarks.finetune [--updates 8] [--shapes 135M 1B 7B]
"""

import argparse
import gc
import io
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.shapes import (
    FLOPS_PER_SECOND,
    SHAPES,
    Shape,
    as_on_a_t4,
    flops_per_token,
    random_base,
)
from stages import encode
from stages.common.command import run
from stages.common.files import write_jsonl
from stages.common.prompts import Prompts
from stages.common.settings import StageSettings, read
from stages.model import processes
from stages.model.device import device_and_dtype
from stages.model.loading import (
    dequantize,
    dequantized_fits,
    load_base,
    load_tokenizer,
    settled,
)
from stages.model.packed import PackedPath
from stages.model.settings import Model
from stages.model.text import TextEncoder, TokenRow
from stages.toolkit.settings import Data
from stages.training.adapter import add_lora
from stages.training.examples import Examples, label_tokens, read_examples
from stages.training.loop import Trainer, train
from stages.training.settings import Finetune

BATCH, RATE, CLIP = 32, 3e-4, 1.0
LENGTHS = ((0.0, 100), (0.1, 138), (0.5, 182), (0.9, 316), (1.0, 480))  # share of rows, tokens
HEADER, INSTRUCTION = 32, (20, 50)  # tokens: a third of a prompt on average
ANSWERS = (2, 2, 3, 4, 6, 10, 20, 30)  # tokens
T4 = 15  # GiB
Way = Callable[[], Trainer]


def prefixes() -> list[list[int]]:
    """Returns the prefixes of the prompts of 22 sub-tasks: a header and an instruction each."""
    draw = random.Random(3)
    header = [1, *(draw.randrange(3, 32_000) for _ in range(HEADER - 1))]
    return [
        header + [draw.randrange(3, 32_000) for _ in range(draw.randint(*INSTRUCTION))]
        for _ in range(22)
    ]


def rows(count: int, length: int | None = None) -> list[TokenRow]:
    """Makes rows of random ids, of the lecture's lengths or all of one; sub-tasks are mixed."""
    draw = random.Random(7)
    beginnings = prefixes()
    made = []
    for _ in range(count):
        point = draw.random()
        for (low, shorter), (high, longer) in pairwise(LENGTHS):
            if low <= point <= high:
                tokens = round(shorter + (point - low) / (high - low) * (longer - shorter))
        ids = list(draw.choice(beginnings))
        ids += [draw.randrange(3, 32_000) for _ in range((length or tokens) - len(ids))]
        made.append(TokenRow(ids, len(ids) - draw.choice(ANSWERS), 0))
    return made


def timed(
    name: str,
    work: Callable[[Sequence[TokenRow]], Any],
    flops: float,
    batches: list[Any],
    gpus: int = 1,
) -> float:
    """Makes updates, prints what they cost, and returns examples per second (of the median).

    Args:
        name: printed.
        work: makes an update.
        flops: operations of a token.
        batches: of each update; the first two are for warming up.
        gpus: how many work together.
    """
    torch.cuda.reset_peak_memory_stats()
    ends: list[Any] = [torch.cuda.Event(True) for _ in range(len(batches) + 1)]  # type: ignore[no-untyped-call]
    losses = []
    ends[0].record()
    start = time.perf_counter()
    for batch, end in zip(batches, ends[1:], strict=True):
        losses.append(work(batch))
        end.record()
        if len(losses) == 1:
            torch.cuda.synchronize()
            first = time.perf_counter() - start
    torch.cuda.synchronize()
    seconds: list[float] = [start.elapsed_time(end) / 1000 for start, end in pairwise(ends)]
    warm = slice(2, None)  # compiling, and sizing micro-batches
    speeds = [len(b) / s for b, s in zip(batches[warm], seconds[warm], strict=True)]
    tokens = statistics.median(
        sum(len(row.ids) for row in b) / s
        for b, s in zip(batches[warm], seconds[warm], strict=True)
    )
    print(
        f"{name:<28} {statistics.median(speeds):6.1f} examples/s (mean"
        f" {sum(map(len, batches[warm])) / sum(seconds[warm]):.1f}), {tokens:7.0f} tokens/s,"
        f" {tokens * flops / (gpus * FLOPS_PER_SECOND):4.0%} of the floor,"
        f" an update {statistics.median(seconds[warm]) * 1000:.0f} ms, of which kernels"
        f" {kernel_time(work, batches[-1]) * 1000:.0f},"
        f" peak {torch.cuda.max_memory_reserved() / 2**30:5.1f} GiB, first update"
        f" {first:.1f} s, losses {' '.join(f'{float(loss):.4f}' for loss in losses[:5])}",
        flush=True,
    )
    return statistics.median(speeds)


def kernel_time(work: Callable[[Sequence[TokenRow]], Any], batch: Any) -> float:
    """Returns the seconds that the GPU's kernels take in an update."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        work(batch)
        torch.cuda.synchronize()
    return float(sum(event.self_device_time_total for event in profile.key_averages())) / 1e6


# --- Bases of random weights ----------------------------------------------------------------------


def lecture_loop(shape: Shape) -> Callable[[Sequence[TokenRow]], float]:
    """An update as the lecture's loop makes it: micro-batches of 8 in their order."""
    from peft import prepare_model_for_kbit_training

    base = prepare_model_for_kbit_training(random_base(shape, torch.float16, "fp4"))
    adapted = add_lora(base, shape.lora).train()
    trained = [p for p in adapted.parameters() if p.requires_grad]
    optimizer, scaler = torch.optim.AdamW(trained, lr=RATE), torch.amp.GradScaler()

    def update(batch: Sequence[TokenRow]) -> float:
        optimizer.zero_grad()
        total = 0.0
        for start in range(0, len(batch), 8):
            part = batch[start : start + 8]
            with torch.autocast("cuda", dtype=torch.float16):
                mean = adapted(**padded(part)).loss
            loss = mean * label_tokens(part) / label_tokens(batch)
            scaler.scale(loss).backward()
            total += float(loss)
        scaler.step(optimizer)
        scaler.update()
        return total

    return update


def plain_loop(shape: Shape) -> Callable[[Sequence[TokenRow]], float]:
    """An update as it is often written: a padded batch in bf16, peft's layers, AdamW."""
    adapted = add_lora(random_base(shape, torch.bfloat16), shape.lora).train()
    trained = [p for p in adapted.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE)

    def update(batch: Sequence[TokenRow]) -> float:
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss: torch.Tensor = adapted(**padded(batch)).loss
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, CLIP)
        optimizer.step()
        return float(loss.detach())

    return update


def padded(part: Sequence[TokenRow], device: str = "cuda") -> dict[str, torch.Tensor]:
    """Rows as transformers takes them, padded on the right."""
    width = max(len(row.ids) for row in part)

    def matrix(values: Iterator[list[int]], filler: int) -> torch.Tensor:
        return torch.tensor([v + [filler] * (width - len(v)) for v in values], device=device)

    return {
        "input_ids": matrix((row.ids for row in part), 0),
        "attention_mask": matrix(([1] * len(row.ids) for row in part), 0),
        "labels": matrix(([-100] * r.prompt + r.ids[r.prompt :] for r in part), -100),
    }


def ours(shape: Shape, limit: float | None, dtype: torch.dtype = torch.bfloat16) -> Trainer:
    """What makes updates in finetune.

    Args:
        shape: of the base.
        limit: GiB of memory, if they are limited.
        dtype: number type.
    """
    _, total = torch.cuda.mem_get_info()
    base = random_base(shape, dtype)
    release()
    torch.cuda.set_per_process_memory_fraction(min(1.0, limit * 2**30 / total) if limit else 1.0)
    if shape.quantized and dequantized_fits(base):
        dequantize(base, dtype)
    adapted = add_lora(base, shape.lora)
    trainer = Trainer(PackedPath(adapted))
    release()
    return trainer


def made_by(trainer: Trainer) -> Callable[[Sequence[TokenRow]], torch.Tensor]:
    """An update of a trainer."""
    return partial(trainer.update, rate=RATE, clip=CLIP)


def release() -> None:
    """Gives back what is not used any more."""
    gc.collect()
    torch.cuda.empty_cache()


def gpu(updates: int, shapes: Sequence[str]) -> None:
    """Measures on a GPU and prints."""
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    for name in shapes:
        shape = SHAPES[name]
        plain = timed(f"{name} plain loop", *plain_way(shape), batches(6))
        many = 25 * updates  # of which some record what the others replay
        scarce = updates if shape.quantized else many
        ways: list[tuple[str, Way, list[list[TokenRow]]]] = [
            ("15 GiB", partial(ours, shape, T4), batches(scarce)),
            ("as on a T4", partial(ours, shape, T4, torch.float16), batches(scarce)),
            ("no limit", partial(ours, shape, None), batches(many)),
        ]
        if shape.quantized:
            ways.append(("15 GiB, 512 tokens", partial(ours, shape, T4), batches(updates, 512)))
        for what, way, work in ways:
            torch._dynamo.reset()
            release()
            torch.cuda.set_per_process_memory_fraction(1.0)
            with as_on_a_t4() if "T4" in what else nullcontext():
                trainer = way()
                speed = timed(f"{name} ours, {what}", made_by(trainer), flops(shape), work)
                trainer.release()
                del trainer
            print(f"{'':<28} {speed / plain:6.1f} times the plain loop", flush=True)
        release()
        if torch.cuda.device_count() > 1 and shape.quantized:
            processes.in_processes("", together, batches(many), speed)


def plain_way(shape: Shape) -> tuple[Callable[[Sequence[TokenRow]], float], float]:
    """The loop that ours is compared with, and the operations of a token."""
    return (lecture_loop if shape.quantized else plain_loop)(shape), flops(shape)


def flops(shape: Shape) -> float:
    """Operations of a token in training: forward, and backward to the inputs alone."""
    with torch.device("meta"):
        return 2 * flops_per_token(LlamaForCausalLM(LlamaConfig(**shape.config)))


def batches(count: int, length: int | None = None) -> list[list[TokenRow]]:
    """Makes batches, and two more to warm up."""
    made = rows(BATCH * (count + 2), length)
    return [made[i : i + BATCH] for i in range(0, len(made), BATCH)]


def together(batches: list[list[TokenRow]], alone: float) -> None:
    """Measures as one of several processes, against the speed of one alone."""
    here = processes.here()
    device_and_dtype()
    shape = SHAPES["7B"]
    with redirect_stdout(sys.stdout if here.main else io.StringIO()):
        name = f"ours, no limit, {here.count} GPUs"
        speed = timed(name, made_by(ours(shape, None)), flops(shape), batches, here.count)
        print(f"{'':<28} {speed / alone:6.2f} times one GPU", flush=True)


# --- The small base on a CPU ----------------------------------------------------------------------


class Settings(StageSettings):
    """What finetune and encode read."""

    data: Data
    model: Model
    finetune: Finetune


def cpu(updates: int) -> None:
    """Measures on a CPU and prints."""
    from transformers import Trainer, TrainingArguments

    settings = read(Settings)
    prompts = read(Prompts, Path(settings.data.prompts))
    model = settled(settings.model)
    encoder = TextEncoder(model, load_tokenizer(model), prompts)
    count = settings.finetune.batch * updates
    with tempfile.TemporaryDirectory() as temporary:
        splits, _ = encode.encode(Path("data/sample"), read(encode.Settings))
        path = Path(temporary) / "train.jsonl"
        write_jsonl(path, map(asdict, splits["train"]))
        sample = list(read_examples(path, encoder, settings.finetune.cap).rows)
    random.Random(1).shuffle(sample)
    sample = sample[:count]
    device, dtype = device_and_dtype()

    def adapted() -> Any:
        torch.manual_seed(1)
        base = load_base(settings.model, device, dtype)
        return add_lora(base, settings.finetune.lora)

    def theirs(temporary: str) -> None:
        arguments = TrainingArguments(
            temporary,
            per_device_train_batch_size=settings.finetune.batch,
            learning_rate=settings.finetune.learning_rate,
            max_steps=updates,
            report_to=[],
            disable_tqdm=True,
            save_strategy="no",
            remove_unused_columns=False,
            use_cpu=True,
        )
        collator = partial(padded, device="cpu")
        Trainer(base, arguments, train_dataset=sample, data_collator=collator).train()

    def own(temporary: str) -> None:
        job = settings.finetune.model_copy(update={"epochs": 1})
        train(PackedPath(base), Examples(sample, ["all"] * count), [], job, Path(temporary))

    ratios = []
    for _ in range(3):  # in turn, for the machine's speed changes
        speeds = []
        for work in (theirs, own):
            base = adapted()
            with tempfile.TemporaryDirectory() as temporary:
                start = time.perf_counter()
                work(temporary)
                speeds.append(count / (time.perf_counter() - start))
        ratios.append(speeds[1] / speeds[0])
        print(f"Trainer {speeds[0]:.1f} examples/s, ours {speeds[1]:.1f}: {ratios[-1]:.2f} x")
    print(f"median {statistics.median(ratios):.2f} x")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--updates", type=int, default=0, metavar="N")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    arguments = parser.parse_args()
    if torch.cuda.is_available():
        gpu(arguments.updates or 8, arguments.shapes)
    else:
        cpu(arguments.updates or 120)


if __name__ == "__main__":
    run(main)
