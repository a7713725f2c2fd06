"""How fast infer is, against one prompt at a time and plain padded batches.

On a GPU: LLaMAs of the shapes 135M, 1B and 7B with random weights and a LoRA adapter; prompts as in
benchmarks/finetune.py; answers made to end after 2 to 60 tokens, alike within a sub-task, 7.5 on
average. In turn, in one process: one prompt at a time with scores kept (7B as the lecture's
options give it, in 4 bits), padded batches of 128 sorted by length, ours within 15 GiB as on a T4
and as it is, ours without a limit, also compiled; each of ours also with the sub-tasks of short
answers scored instead of written.
On a CPU: the default run's questions with the default run's adapter, one at a time by transformers'
generate and ours, and how many answers are the same; scored ones are compared with what generate
writes when restricted to the candidates.

    python -m benchmarks.infer [--rows 2048] [--shapes 135M 1B 7B]
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.finetune import T4, prefixes, release, rows
from benchmarks.shapes import (
    FLOPS_PER_SECOND,
    SHAPES,
    Shape,
    as_on_a_t4,
    flops_per_token,
    random_base,
)
from stages import infer
from stages.answering.answers import Answerer, Question, generation_order
from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.job import encode_questions, read_longest_answers
from stages.answering.torch_engine import COMPILE_FROM, Row, TorchEngine
from stages.common.command import run
from stages.common.files import QUESTION, read_closed
from stages.common.prompts import Prompts
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
    settled,
)
from stages.model.text import TextEncoder
from stages.training.adapter import add_lora

# Answers of sub-tasks: how many sub-tasks, least and most tokens.
KINDS = ((13, 2, 3), (5, 4, 10), (3, 8, 30), (1, 20, 60))
CLOSED = 3  # sub-tasks whose answers have so many tokens at most are closed


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


def timed(name: str, questions: Sequence[Made], flops: float, work: Callable[[], object]) -> float:
    """Answers questions, prints what it cost, and returns rows per second.

    Args:
        name: printed.
        questions: that are answered.
        flops: operations of a token.
        work: answers them.
    """
    release()
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    share = flops * tokens(questions) / seconds / FLOPS_PER_SECOND
    print(
        f"{name:<48} {len(questions) / seconds:7.1f} rows/s, {share:4.0%} of the floor, peak"
        f" {torch.cuda.max_memory_reserved() / 2**30:5.1f} GiB",
        flush=True,
    )
    return len(questions) / seconds


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


def gpu(count: int, shapes: Sequence[str]) -> None:
    """Measures on a GPU and prints."""
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    questions = made_up(count)
    print(f"{count} rows, {tokens(questions) / count:.0f} tokens each, answers included")
    for name in shapes:
        measure(name, SHAPES[name], questions)


def tokens(questions: Sequence[Made]) -> int:
    """The number of tokens of questions with their answers."""
    return sum(len(row.ids) + row.answer for row in questions)


def measure(name: str, shape: Shape, questions: Sequence[Made]) -> None:
    """Measures one shape."""
    count = len(questions)
    as_lecture = partial(random_base, shape, torch.float16, "fp4", torch.float32)
    base = as_lecture() if shape.quantized else random_base(shape, torch.bfloat16)
    base = add_lora(base, shape.lora).eval()
    flops = flops_per_token(base)
    sample = spread(questions, 24)
    scores = {"output_scores": True, "return_dict_in_generate": True}
    with torch.inference_mode():
        one_by_one(base, sample[:2])
        work = partial(one_by_one, base, sample, **scores)
        reference = timed(f"{name} one prompt at a time", sample, flops, work)
    del base, work

    def compared(what: str, part: Sequence[Made], work: Callable[[], object]) -> None:
        speed = timed(f"{name} {what}", part, flops, work)
        print(f"{'':<48} {speed / reference:7.1f} times one at a time", flush=True)

    release()
    adapted = add_lora(random_base(shape, torch.bfloat16), shape.lora).eval()
    sample = spread(questions, 256)
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        compared("padded batches of 128", sample, partial(padded_batches, adapted, sample))
    del adapted
    _, total = torch.cuda.mem_get_info()
    within_t4 = T4 * 2**30 / total
    for what, share, dtype, part in (
        ("as on a T4", within_t4, torch.float16, questions[: count // 4]),
        (f"{T4} GiB", within_t4, torch.bfloat16, questions[: count // 2]),
        ("no limit", 1.0, torch.bfloat16, questions),
        ("no limit, compiled", 1.0, torch.bfloat16, questions),
    ):
        torch._dynamo.reset()
        torch.cuda.set_per_process_memory_fraction(1.0)
        adapted = add_lora(random_base(shape, dtype), shape.lora).eval()
        release()
        torch.cuda.set_per_process_memory_fraction(share)
        with as_on_a_t4() if "T4" in what else nullcontext():
            if shape.quantized and dequantized_fits(adapted.get_base_model()):
                dequantize(adapted.get_base_model(), dtype)
            engine = Forced(adapted, [-1])
            engine.speed_up(COMPILE_FROM if "compiled" in what else 0)
            start = time.perf_counter()
            ours(engine, part[::16], scored=False)  # loads the kernels, and compiles
            print(f"{'':<48} first {len(part[::16])} rows: {time.perf_counter() - start:.1f} s")
            for scored in (False, True):
                way = f"{what}, {'short ones scored' if scored else 'all written'}"
                compared(way, part, partial(ours, engine, part, scored=scored))
        del adapted, engine
    torch.cuda.set_per_process_memory_fraction(1.0)
    release()


# --- The default run's questions on a CPU ---------------------------------------------------------


def cpu() -> None:
    """Measures on a CPU and prints."""
    settings = read(infer.Settings)
    encoded = Path("data/encoded")
    prompts = read(Prompts, encoded / "prompts.json")
    model = settled(settings.model)
    encoder = TextEncoder(model, load_tokenizer(model), prompts)
    split = read_split(encoded / "questions.jsonl", QUESTION)
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
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    arguments = parser.parse_args()
    if torch.cuda.is_available():
        gpu(arguments.rows, arguments.shapes)
    else:
        cpu()


if __name__ == "__main__":
    run(main)
