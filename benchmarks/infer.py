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

from benchmarks.finetune import LORA, T4, prefixes, random_base, release, rows
from stages import infer
from stages.answering.answers import Answerer, Question, generation_order
from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.job import encode_questions, read_closed, read_longest_answers
from stages.answering.torch_engine import COMPILE_FROM, Row, TorchEngine
from stages.common.command import run
from stages.common.settings import read
from stages.model.adapters import load_adapter
from stages.model.device import device_and_dtype
from stages.model.examples import read_split
from stages.model.loading import (
    dequantize,
    dequantized_fits,
    load_base,
    load_config,
    load_tokenizer,
)
from stages.model.prompts import Prompts
from stages.model.text import TextEncoder
from stages.training.adapter import add_lora

# Answers of sub-tasks: how many sub-tasks, least and most tokens.
KINDS = ((13, 2, 3), (5, 4, 10), (3, 8, 30), (1, 20, 60))
CLOSED = 3  # sub-tasks whose answers have so many tokens at most are closed
FLOPS_PER_TOKEN, FLOPS_PER_SECOND = 13e9, 790e12  # of 7B, forward; of an H200 in bf16


class Made(NamedTuple):
    """A question made up.

    Attributes:
        ids: token ids of its prompt.
        answer: number of tokens of its answer.
        longest: number of tokens of its sub-task's longest answer.
    """

    ids: list[int]
    answer: int
    longest: int


def made_up(count: int) -> list[Made]:
    """Makes questions with prompts of the real lengths, of 22 sub-tasks."""
    draw = random.Random(3)
    kinds = [(low, high) for number, low, high in KINDS for _ in range(number)]
    subtasks = {tuple(ids): kind for ids, kind in zip(prefixes(), kinds, strict=True)}
    questions = []
    for row in rows(count):
        (kind,) = (k for ids, k in subtasks.items() if tuple(row.ids[: len(ids)]) == ids)
        questions.append(Made(row.ids, draw.randint(*kind), kind[1]))
    return questions


def spread(questions: Sequence[Made], count: int) -> list[Made]:
    """A part of the questions whose answers are as long as those of the whole, in random order."""
    by_answer = sorted(questions, key=lambda row: (row.answer, row.ids))
    part = [by_answer[int((i + 0.5) * len(questions) / count)] for i in range(count)]
    random.Random(4).shuffle(part)
    return part


class Forced(TorchEngine):
    """An engine whose answers end after a given number of tokens."""

    lengths: Sequence[int] = ()

    def _has_ended(self, row: Row) -> bool:
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


def one_by_one(causal: Any, questions: Sequence[Made], **options: Any) -> list[list[int]]:
    """Answers with transformers' generate, one prompt at a time."""
    answers = []
    for row in questions:
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
        answers.append(whole[0, len(row.ids) :].tolist())
    return answers


def padded_batches(causal: Any, questions: Sequence[Made], size: int = 128) -> None:
    """Answers with transformers' generate in batches padded on the left, sorted by length."""
    order = sorted(questions, key=lambda row: len(row.ids))
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        width = max(len(row.ids) for row in batch)
        ids = [[0] * (width - len(row.ids)) + row.ids for row in batch]
        mask = [[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in batch]
        longest = max(row.answer for row in batch)
        causal.generate(
            input_ids=torch.tensor(ids, device=causal.device),
            attention_mask=torch.tensor(mask, device=causal.device),
            do_sample=False,
            min_new_tokens=longest,
            max_new_tokens=longest,
            pad_token_id=0,
        )


def ours(engine: Forced, questions: Sequence[Made], *, scored: bool) -> None:
    """Answers with our engine; if `scored`, sub-tasks of short answers by two candidates."""
    if scored:
        two = Candidates({"sì": [100, 101, 2], "no": [102, 2]})
        list(engine.score([row.ids for row in questions if row.longest <= CLOSED], two))
        questions = [row for row in questions if row.longest > CLOSED]
    requests = [Request(row.ids, row.longest) for row in questions]
    order = generation_order(requests)
    engine.lengths = [questions[i].answer for i in order]
    answers = dict(engine.generate([requests[i] for i in order]))
    assert all(len(answers[n]) == questions[i].answer for n, i in enumerate(order))


def gpu(count: int) -> None:
    """Measures on a GPU and prints."""
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    questions = made_up(count)

    def tokens(part: Sequence[Made]) -> int:
        return sum(len(row.ids) + row.answer for row in part)

    print(f"{count} rows, {tokens(questions) / count:.0f} tokens each, answers included")

    base = add_lora(random_base("fp4", torch.float16, torch.float32), LORA).eval()
    sample = spread(questions, 24)
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
    adapted = add_lora(random_base("nf4", torch.bfloat16), LORA).eval()
    sample = spread(questions, 256)
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        compared("padded batches of 128, nf4", sample, partial(padded_batches, adapted, sample))
    engine = Forced(adapted, [-1])
    _, total = torch.cuda.mem_get_info()
    for name, share, part in (
        (f"ours, {T4} GiB", T4 * 2**30 / total, questions[: count // 2]),
        ("ours, no limit", 1.0, questions),
        ("ours, no limit, compiled", 1.0, questions),
    ):
        release()
        torch.cuda.set_per_process_memory_fraction(share)
        if dequantized_fits(adapted.get_base_model()):
            dequantize(adapted.get_base_model(), torch.bfloat16)
        if "compiled" in name:
            engine.speed_up(COMPILE_FROM)
        start = time.perf_counter()
        ours(engine, part[::16], scored=False)  # loads the kernels, and compiles
        print(f"{'':<40} first {len(part[::16])} rows: {time.perf_counter() - start:.1f} s")
        for scored in (False, True):
            what = f"{name}, {'short ones scored' if scored else 'all written'}"
            compared(what, part, partial(ours, engine, part, scored=scored))


# --- The default run's questions on a CPU ---------------------------------------------------------


def cpu() -> None:
    """Measures on a CPU and prints."""
    settings = read(infer.Settings)
    prompts = read(Prompts, Path(settings.data.prompts))
    encoder = TextEncoder(settings.model, load_tokenizer(settings.model), prompts)
    encoded = Path("data/encoded")
    split = read_split(encoded / "test.jsonl")
    longest = read_longest_answers(encoded / "train.jsonl", encoder)
    closed = read_closed(encoded / "closed.json")
    limit = settings.infer.max_new_tokens
    texts = zip(split["task"], split["input"], strict=True)
    rows = encode_questions(texts, encoder, load_config(settings.model), limit)
    questions = [
        Question(question_id, subtask, row.ids)
        for question_id, subtask, row in zip(split["id"], split["task"], rows, strict=True)
    ]
    device, dtype = device_and_dtype()
    causal = load_base(settings.model, device, dtype)
    causal = load_adapter(causal, Path("models/adapter")).eval()
    candidates = {
        task: [encoder.encode_answer(text) for text in answers] for task, answers in closed.items()
    }

    def alone(question: Question, answers: list[list[int]] | None = None) -> str:
        ids = torch.tensor([question.ids])

        def allowed(_: int, so_far: torch.Tensor) -> list[int]:
            begun = so_far.tolist()[ids.shape[1] :]
            return [a[len(begun)] for a in answers or () if a[: len(begun)] == begun]

        output = causal.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=limit,
            prefix_allowed_tokens_fn=allowed if answers else None,
        )
        return encoder.decode(output[0, ids.shape[1] :].tolist())

    with torch.inference_mode():
        start = time.perf_counter()
        free = [alone(question) for question in questions]
        theirs = time.perf_counter() - start
        print(f"one at a time: {len(questions) / theirs:.1f} rows/s", flush=True)
        restricted = [
            alone(question, candidates[question.subtask]) if question.subtask in closed else answer
            for question, answer in zip(questions, free, strict=True)
        ]
    engine = TorchEngine(causal, settings.model.end_ids)
    engine.speed_up(0)
    for name, sets, expected in (
        ("all written", {}, free),
        ("closed ones scored", closed, restricted),
    ):
        start = time.perf_counter()
        answerer = Answerer(engine, encoder, sets, longest, limit)
        answers = {question.id: answer for question, answer in answerer.answer(questions)}
        own = time.perf_counter() - start
        equal = sum(
            answers[question.id].answer == answer
            for question, answer in zip(questions, expected, strict=True)
        )
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
