"""How fast infer is, against one prompt at a time and plain padded batches.

On a GPU: a LLaMA of 7B shape with random weights and a LoRA adapter; prompts as in
benchmarks/finetune.py; answers made to end after 2 to 60 tokens, alike within a sub-task, 7.5 on
average. In turn, in one process: the lecture's way (one prompt at a time, 4 bits as its options
give them, scores kept), padded batches of 128 sorted by length, ours within 15 GiB and ours without
a limit, both also with the sub-tasks of short answers scored instead of written.
On a CPU: the default run's questions with the default run's adapter, one at a time by transformers'
generate and ours, and how many answers are the same; scored ones are compared with what generate
writes when restricted to the candidates.

    python -m benchmarks.infer [--rows 2048]
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.finetune import LORA, T4, beginnings, random_base, release, rows
from stages import infer
from stages.answering import answers as answering
from stages.answering import torch_engine as generation
from stages.answering.answers import Asked
from stages.answering.candidates import Candidates
from stages.answering.engine import Question
from stages.common import settings
from stages.common.command import run
from stages.model import prompts
from stages.model.device import device_and_dtype
from stages.model.examples import read_split
from stages.model.loading import (
    dequantize,
    dequantized_fits,
    load_adapter,
    load_base,
    load_config,
    load_tokenizer,
)
from stages.model.text import TextEncoder
from stages.training import loop as training

# Answers of sub-tasks: how many sub-tasks, least and most tokens.
KINDS = ((13, 2, 3), (5, 4, 10), (3, 8, 30), (1, 20, 60))
CLOSED = 3  # sub-tasks whose answers have so many tokens at most are closed
FLOPS_PER_TOKEN, FLOPS_PER_SECOND = 13e9, 790e12  # of 7B, forward; of an H200 in bf16


class Made(NamedTuple):
    """A question made up: its prompt, the tokens of its answer, the most of its sub-task."""

    ids: list[int]
    answer: int
    most: int


def made_up(count: int) -> list[Made]:
    """Prompts of the real lengths, of 22 sub-tasks."""
    draw = random.Random(3)
    kinds = [(low, high) for number, low, high in KINDS for _ in range(number)]
    subtasks = {tuple(ids): kind for ids, kind in zip(beginnings(), kinds, strict=True)}
    found = []
    for row in rows(count):
        (kind,) = (k for ids, k in subtasks.items() if tuple(row.ids[: len(ids)]) == ids)
        found.append(Made(row.ids, draw.randint(*kind), kind[1]))
    return found


def spread(asked: Sequence[Made], count: int) -> list[Made]:
    """A part of the questions whose answers are as long as those of the whole, in random order."""
    by_answer = sorted(asked, key=lambda row: (row.answer, row.ids))
    part = [by_answer[int((i + 0.5) * len(asked) / count)] for i in range(count)]
    random.Random(4).shuffle(part)
    return part


class Forced(generation.Engine):
    """An engine whose answers end after a given number of tokens."""

    lengths: Sequence[int] = ()

    def _has_ended(self, row: generation.Row) -> bool:
        return len(row.tokens) == self.lengths[row.number]


def timed(name: str, count: int, tokens: int, work: Callable[[], object]) -> float:
    """Does a piece of work, prints what it cost, and returns rows per second."""
    release()
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    speed = count / (time.perf_counter() - start)
    floor = FLOPS_PER_SECOND / FLOPS_PER_TOKEN * count / tokens
    print(
        f"{name:<40} {speed:7.1f} rows/s, {speed / floor:4.0%} of the floor, peak"
        f" {torch.cuda.max_memory_reserved() / 2**30:5.1f} GiB",
        flush=True,
    )
    return speed


def one_by_one(causal: Any, asked: Sequence[Made], **options: Any) -> list[list[int]]:
    """Answers with transformers' generate, one prompt at a time."""
    found = []
    for row in asked:
        ids = torch.tensor([row.ids], device=causal.device)
        output = causal.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            min_new_tokens=row.answer,
            max_new_tokens=row.answer,
            pad_token_id=0,
            **options,
        )
        whole = output if isinstance(output, torch.Tensor) else output.sequences
        found.append(whole[0, len(row.ids) :].tolist())
    return found


def padded_batches(causal: Any, asked: Sequence[Made], size: int = 128) -> None:
    """Answers with transformers' generate in batches padded on the left, sorted by length."""
    order = sorted(asked, key=lambda row: len(row.ids))
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        width = max(len(row.ids) for row in batch)
        ids = [[0] * (width - len(row.ids)) + row.ids for row in batch]
        mask = [[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in batch]
        most = max(row.answer for row in batch)
        causal.generate(
            input_ids=torch.tensor(ids, device=causal.device),
            attention_mask=torch.tensor(mask, device=causal.device),
            do_sample=False,
            min_new_tokens=most,
            max_new_tokens=most,
            pad_token_id=0,
        )


def ours(causal: Any, asked: Sequence[Made], *, scored: bool) -> None:
    """Answers with our engine; if asked to, sub-tasks of short answers by two candidates."""
    engine = Forced(causal, -1)
    if scored:
        two = Candidates({"sì": [100, 101, 2], "no": [102, 2]})
        list(engine.score([row.ids for row in asked if row.most <= CLOSED], two))
        asked = [row for row in asked if row.most > CLOSED]
    questions = [Question(row.ids, row.most) for row in asked]
    order = answering.planned(questions)
    engine.lengths = [asked[i].answer for i in order]
    answers = dict(engine.generate([questions[i] for i in order]))
    assert all(len(answers[n]) == asked[i].answer for n, i in enumerate(order))


def gpu(count: int) -> None:
    """Measures on a GPU and prints."""
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    asked = made_up(count)

    def tokens(part: Sequence[Made]) -> int:
        return sum(len(row.ids) + row.answer for row in part)

    print(f"{count} rows, {tokens(asked) / count:.0f} tokens each, answers included")

    base = training.add_lora(random_base("fp4", torch.float16, torch.float32), LORA).eval()
    sample = spread(asked, 24)
    scores = {"output_scores": True, "return_dict_in_generate": True}
    with torch.inference_mode():
        one_by_one(base, sample[:2])
        work = partial(one_by_one, base, sample, **scores)
        reference = timed("one prompt at a time", 24, tokens(sample), work)
    del base, work

    def compared(name: str, part: Sequence[Made], work: Callable[[], object]) -> None:
        speed = timed(name, len(part), tokens(part), work)
        print(f"{'':<40} {speed / reference:7.1f} times one at a time", flush=True)

    release()
    adapted = training.add_lora(random_base("nf4", torch.bfloat16), LORA).eval()
    sample = spread(asked, 256)
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        compared("padded batches of 128, nf4", sample, partial(padded_batches, adapted, sample))
    causal = generation.prepare(adapted)
    _, total = torch.cuda.mem_get_info()
    for name, share, part in (
        (f"ours, {T4} GiB", T4 * 2**30 / total, asked[: count // 2]),
        ("ours, no limit", 1.0, asked),
        ("ours, no limit, compiled", 1.0, asked),
    ):
        release()
        torch.cuda.set_per_process_memory_fraction(share)
        if dequantized_fits(causal):
            dequantize(causal, torch.bfloat16)
        if "compiled" in name:
            generation.prepare(causal, generation.COMPILE_FROM)
        start = time.perf_counter()
        ours(causal, part[::16], scored=False)  # loads the kernels, and compiles
        print(f"{'':<40} first {len(part[::16])} rows: {time.perf_counter() - start:.1f} s")
        for scored in (False, True):
            what = f"{name}, {'short ones scored' if scored else 'all written'}"
            compared(what, part, partial(ours, causal, part, scored=scored))


# --- The default run's questions on a CPU ---------------------------------------------------------


def cpu() -> None:
    """Measures on a CPU and prints."""
    chosen = settings.read(infer.Settings)
    asked = settings.read(prompts.Prompts, Path(chosen.data.prompts))
    encoder = TextEncoder(chosen.model, load_tokenizer(chosen.model), asked)
    encoded = Path("data/encoded")
    split = read_split(encoded / "test.jsonl")
    longest = infer.longest_answers(read_split(encoded / "train.jsonl"), encoder)
    closed = infer.read_closed(encoded / "closed.json")
    most = chosen.infer.max_new_tokens
    positions = load_config(chosen.model).max_position_embeddings - most
    questions = [
        Asked(task, encoder.question(task, text, positions).ids)
        for task, text in zip(split["task"], split["input"], strict=True)
    ]
    device, dtype = device_and_dtype()
    causal = load_base(chosen.model, device, dtype)
    causal = load_adapter(causal, Path("models/adapter")).eval()
    candidates = {
        task: [encoder.answer(text) for text in answers] for task, answers in closed.items()
    }

    def alone(question: Asked, answers: list[list[int]] | None = None) -> str:
        ids = torch.tensor([question.ids])

        def allowed(_: int, so_far: torch.Tensor) -> list[int]:
            begun = so_far.tolist()[ids.shape[1] :]
            return [a[len(begun)] for a in answers or () if a[: len(begun)] == begun]

        output = causal.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=most,
            prefix_allowed_tokens_fn=allowed if answers else None,
        )
        return answering.written(output[0, ids.shape[1] :].tolist(), encoder).answer

    with torch.inference_mode():
        start = time.perf_counter()
        free = [alone(question) for question in questions]
        theirs = time.perf_counter() - start
        print(f"one at a time: {len(questions) / theirs:.1f} rows/s", flush=True)
        restricted = [
            alone(question, candidates[question.task]) if question.task in closed else answer
            for question, answer in zip(questions, free, strict=True)
        ]
    engine = generation.Engine(generation.prepare(causal), chosen.model.eos_id)
    for name, sets, expected in (
        ("all written", {}, free),
        ("closed ones scored", closed, restricted),
    ):
        start = time.perf_counter()
        found = dict(answering.answers(questions, engine, encoder, sets, longest, most))
        own = time.perf_counter() - start
        equal = sum(found[n].answer == answer for n, answer in enumerate(expected))
        print(
            f"ours, {name}: {len(questions) / own:.1f} rows/s, {theirs / own:.2f} times as fast,"
            f" {equal} of {len(expected)} answers equal",
            flush=True,
        )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2048, metavar="N")
    count = parser.parse_args().rows
    if torch.cuda.is_available():
        gpu(count)
    else:
        cpu()


if __name__ == "__main__":
    run(main)
