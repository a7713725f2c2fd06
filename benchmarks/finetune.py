"""How fast finetune is, against a plain loop, within a T4's memory and without a limit.

On a GPU: a LLaMA of 7B shape with random weights, prompts of the lecture's length distribution, a
third of whose tokens are the header and the instruction of one of 22 sub-tasks, and its settings
(LoRA of rank 8 on q, k, v and o, batches of 32). In turn, in one process: a plain loop as the
lecture's (4 bits as its options give them, fp16, layers computed again, padded, logits everywhere);
ours within 15 GiB; ours within 15 GiB with rows of 512 tokens; ours without a limit. Then, if there
are several GPUs, the last in one process for each.
On a CPU: the default run's job on the small base, through transformers' Trainer (padded, random
order) and ours.

    python -m benchmarks.finetune [--updates 8]
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
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from stages import encode
from stages.common.command import run
from stages.common.files import write_jsonl
from stages.common.settings import StageSettings, read
from stages.model import processes
from stages.model.device import device_and_dtype
from stages.model.loading import dequantize, dequantized_fits, load_base, load_tokenizer
from stages.model.packed import PackedPath
from stages.model.prompts import Prompts
from stages.model.settings import Data, Model
from stages.model.text import TextEncoder, TokenRow
from stages.training.adapter import add_lora
from stages.training.examples import Examples, label_tokens, read_examples
from stages.training.loop import Trainer, train
from stages.training.settings import Finetune, Lora

LORA = Lora(rank=8, alpha=16.0, dropout=0.05, targets=["q_proj", "k_proj", "v_proj", "o_proj"])
BATCH, RATE, CLIP = 32, 3e-4, 1.0
LENGTHS = ((0.0, 100), (0.1, 138), (0.5, 182), (0.9, 316), (1.0, 480))  # share of rows, tokens
HEADER, INSTRUCTION = 32, (20, 50)  # tokens: a third of a prompt on average
ANSWERS = (2, 2, 3, 4, 6, 10, 20, 30)  # tokens
FLOPS_PER_TOKEN, FLOPS_PER_SECOND = 26e9, 790e12  # of 7B with frozen weights; of an H200 in bf16
T4 = 15  # GiB


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
    name: str, work: Callable[[Sequence[TokenRow]], Any], batches: list[Any], gpus: int = 1
) -> float:
    """Makes updates, prints what they cost, and returns examples per second (of the median)."""
    torch.cuda.reset_peak_memory_stats()
    ends: list[Any] = [torch.cuda.Event(True) for _ in range(len(batches) + 1)]  # type: ignore[no-untyped-call]
    losses = []
    ends[0].record()
    for batch, end in zip(batches, ends[1:], strict=True):
        losses.append(work(batch))
        end.record()
    torch.cuda.synchronize()
    seconds: list[float] = [start.elapsed_time(end) / 1000 for start, end in pairwise(ends)]
    warm = slice(2, None)  # compiling, and sizing micro-batches
    speeds = [len(b) / s for b, s in zip(batches[warm], seconds[warm], strict=True)]
    flops = [
        FLOPS_PER_TOKEN * sum(len(row.ids) for row in b) / s
        for b, s in zip(batches[warm], seconds[warm], strict=True)
    ]
    tokens = statistics.median(flops) / FLOPS_PER_TOKEN
    print(
        f"{name:<28} {statistics.median(speeds):6.1f} examples/s (mean"
        f" {sum(map(len, batches[warm])) / sum(seconds[warm]):.1f}), {tokens:7.0f} tokens/s,"
        f" {statistics.median(flops) / (gpus * FLOPS_PER_SECOND):4.0%} of the floor,"
        f" peak {torch.cuda.max_memory_reserved() / 2**30:5.1f} GiB, first update"
        f" {seconds[0]:.0f} s, losses {' '.join(f'{loss:.4f}' for loss in losses[:5])}",
        flush=True,
    )
    return statistics.median(speeds)


# --- A base of 7B shape ---------------------------------------------------------------------------


def random_base(kind: str, dtype: torch.dtype, compute: torch.dtype | None = None) -> Any:
    """A LLaMA of 7B shape whose random weights are quantised to 4 bits."""
    from bitsandbytes.nn import Linear4bit, Params4bit
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    with torch.device("cuda"):
        base = LlamaForCausalLM(LlamaConfig())
    torch.set_default_dtype(torch.float32)
    base.requires_grad_(False)
    for name, layer in list(base.named_modules()):
        if isinstance(layer, torch.nn.Linear) and name != "lm_head":
            shape = (layer.in_features, layer.out_features)
            small = Linear4bit(
                *shape, False, compute_dtype=compute or dtype, quant_type=kind, device="meta"
            )
            small.weight = Params4bit(layer.weight.cpu(), requires_grad=False, quant_type=kind)
            base.set_submodule(name, small.to("cuda"))
    base.is_loaded_in_4bit = True  # which peft asks for
    return base


def plain_loop() -> Callable[[Sequence[TokenRow]], float]:
    """An update as the lecture's loop makes it: micro-batches of 8 in their order."""
    from peft import prepare_model_for_kbit_training

    base = prepare_model_for_kbit_training(random_base("fp4", torch.float16))
    adapted = add_lora(base, LORA).train()
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


def ours(limit: float | None) -> Callable[[Sequence[TokenRow]], torch.Tensor]:
    """An update as finetune makes it, within a limit in GiB or without."""
    _, total = torch.cuda.mem_get_info()
    base = random_base("nf4", torch.bfloat16)
    release()
    torch.cuda.set_per_process_memory_fraction(min(1.0, limit * 2**30 / total) if limit else 1.0)
    if dequantized_fits(base):
        dequantize(base, torch.bfloat16)
    adapted = add_lora(base, LORA)
    trainer = Trainer(PackedPath(adapted), torch.bfloat16)
    release()
    return partial(trainer.update, rate=RATE, clip=CLIP)


def release() -> None:
    """Gives back what is not used any more."""
    gc.collect()
    torch.cuda.empty_cache()


def gpu(updates: int) -> None:
    """Measures on a GPU and prints."""
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")

    def batches(count: int, length: int | None = None) -> list[list[TokenRow]]:
        made = rows(BATCH * (count + 2), length)
        return [made[i : i + BATCH] for i in range(0, len(made), BATCH)]

    plain = timed("plain loop", plain_loop(), batches(3))
    many = 25 * updates  # of which some record what the others replay
    for name, limit, length, count in (
        ("ours, 15 GiB", T4, None, updates),
        ("ours, 15 GiB, 512 tokens", T4, 512, updates),
        ("ours, no limit", None, None, many),
    ):
        torch._dynamo.reset()
        release()
        torch.cuda.set_per_process_memory_fraction(1.0)
        speed = timed(name, ours(limit), batches(count, length))
        print(f"{'':<28} {speed / plain:6.1f} times the plain loop", flush=True)
    release()
    if torch.cuda.device_count() > 1:
        processes.on_every_gpu(together, batches(many), speed)


def together(batches: list[list[TokenRow]], alone: float) -> None:
    """Measures as one of several processes, against the speed of one alone."""
    here = processes.here()
    device_and_dtype()
    with redirect_stdout(sys.stdout if here.main else io.StringIO()):
        name = f"ours, no limit, {here.count} GPUs"
        speed = timed(name, ours(None), batches, here.count)
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
    encoder = TextEncoder(settings.model, load_tokenizer(settings.model), prompts)
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
        train(PackedPath(base), Examples(sample, ["all"] * count), [], job, dtype, Path(temporary))

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
    updates = parser.parse_args().updates
    if torch.cuda.is_available():
        gpu(updates or 8)
    else:
        cpu(updates or 120)


if __name__ == "__main__":
    run(main)
