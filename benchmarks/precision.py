"""How exact answers are with a real base: closed ones by fp32, open ones by one at a time.

A fresh adapter is trained on encoded questions for a while, so that it does something; or one that
finetune has trained is taken, whose answers are less often close to others. Then the
closed questions of the test split are scored by infer's engine, and by the model's own forward in
fp32, one row at a time; the open ones, and closed ones that a sliding window cuts, are answered by
the engine, and by transformers' generate, one at a time in the engine's number type. Where two
answers part, the logits of the two tokens are compared. In bf16 on a GPU, in fp32 on a CPU.

    python -m benchmarks.precision BASE ENCODED [--adapter-updates 150] [--questions N]
    python -m benchmarks.precision BASE ENCODED --adapter FOLDER [--questions N]
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tqdm import tqdm
from transformers import AutoTokenizer

from analysis.base import find_ids, find_place
from stages import infer
from stages.answering.answers import Question, generation_order
from stages.answering.candidates import Candidates
from stages.answering.engine import Engine, Request
from stages.answering.engines import load_engine
from stages.answering.job import encode_questions
from stages.answering.plain_engine import PlainEngine
from stages.common.command import run
from stages.common.files import read_closed, read_jsonl
from stages.common.prompts import Prompts
from stages.common.settings import read
from stages.model.adapters import load_adapter
from stages.model.check import Reference, allowed_difference
from stages.model.device import device_and_dtype
from stages.model.loading import load_base, load_config, load_tokenizer, settled
from stages.model.packing import to_device
from stages.model.plain import PlainPath
from stages.model.settings import Model
from stages.model.text import TextEncoder, TokenRow, TooLong
from stages.training.adapter import add_lora, save_adapter
from stages.training.loop import Trainer
from stages.training.paths import choose_path
from stages.training.schedule import learning_rate
from stages.training.settings import Lora

LORA = Lora(
    rank=16,
    alpha=32.0,
    dropout=0.05,
    targets=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
)
BATCH, RATE, WARMUP, CLIP = 32, 3e-4, 0.1, 1.0
CUTOFF = 1024
WINDOW = 512  # tokens; closed questions that are longer are written too
COLUMNS = ("id", "task", "input", "output")

Score = dict[str, float]


class Parting(NamedTuple):
    """Where an answer leaves that of one at a time.

    Attributes:
        question: whose answers part.
        before: tokens that both have.
        tokens: the next token of either, one at a time first.
    """

    question: Question
    before: list[int]
    tokens: tuple[int, int]


# --- The base, the questions, the adapter ---------------------------------------------------------


def state_base(folder: Path, settings: infer.Settings) -> Model:
    """States a base and its ids, as `make base` does; params.yaml stays as it is."""
    place = find_place(str(folder))
    tokenizer = AutoTokenizer.from_pretrained(place.name, trust_remote_code=False)
    found = {"base": place.name, "cutoff": CUTOFF, "quantization": "none"}
    found |= dict.fromkeys(("revision", "tokenizer", "tokenizer_revision", "max_characters"))
    return settled(Model(**settings.model.model_dump() | found | find_ids(place, tokenizer, {})))


def read_questions(
    path: Path, encoder: TextEncoder, model: Model, limit: int, most: int | None
) -> dict[str, list[Question]]:
    """Reads the questions of the test split by sub-task, at most so many of each."""
    by_subtask: dict[str, list[Any]] = {}
    for line in read_jsonl(path, COLUMNS):
        by_subtask.setdefault(line["task"], []).append(line)
    questions = {}
    for subtask, lines in by_subtask.items():
        chosen = lines[:: -(-len(lines) // (most or len(lines)))]
        texts = ((subtask, line["input"]) for line in chosen)
        rows = encode_questions(texts, encoder, load_config(model), limit)
        questions[subtask] = [
            Question(line["id"], subtask, row.ids) for line, row in zip(chosen, rows, strict=True)
        ]
    return questions


def read_rows(path: Path, encoder: TextEncoder) -> Iterator[TokenRow]:
    """Reads training examples, save those that are too long."""
    for line in read_jsonl(path, COLUMNS):
        try:
            yield encoder.encode_example(line["task"], line["input"], line["output"])
        except TooLong:
            continue


def train(model: Model, rows: Sequence[TokenRow], updates: int, folder: Path) -> None:
    """Trains a fresh adapter as finetune does, prints its losses, and writes it to a folder."""
    device, dtype = device_and_dtype()
    torch.manual_seed(1)
    causal = add_lora(load_base(model, device, dtype), LORA)
    trainer = Trainer(choose_path(causal, rows, model.pad_id, "torch"))
    draw, losses = random.Random(1), []
    for update in tqdm(range(updates), desc="train", unit="update"):
        rate = learning_rate(update, updates, RATE, WARMUP)
        losses.append(float(trainer.update(draw.sample(rows, min(BATCH, len(rows))), rate, CLIP)))
    if losses:
        tenth = -(-updates // 10)
        first, last = statistics.mean(losses[:tenth]), statistics.mean(losses[-tenth:])
        print(f"{updates} updates: loss {first:.3f} in the first tenth, {last:.3f} in the last")
    save_adapter(causal, folder)


# --- Answers --------------------------------------------------------------------------------------


def scored(engine: Engine, questions: Sequence[Question], candidates: Candidates) -> list[Score]:
    """Scores questions; returns each one's probabilities, by candidate."""
    found = engine.score([question.ids for question in questions], candidates)
    shown = tqdm(found, desc="score", unit="question", total=len(questions))
    by_number = {number: candidates.probabilities(logits) for number, logits in shown}
    return [by_number[number] for number in range(len(questions))]


def written(engine: Engine, questions: Sequence[Question], limit: int) -> list[list[int]]:
    """Answers questions; returns each answer's token ids."""
    requests = [Request(question.ids, limit) for question in questions]
    order = generation_order(requests)
    found = engine.generate([requests[number] for number in order])
    shown = tqdm(found, desc="write", unit="question", total=len(questions))
    by_number = {order[i]: ids for i, ids in shown}
    return [by_number[number] for number in range(len(questions))]


def part(question: Question, alone: Sequence[int], ours: Sequence[int]) -> Parting | None:
    """Finds where two answers part."""
    for n, tokens in enumerate(zip(alone, ours, strict=False)):
        if tokens[0] != tokens[1]:
            return Parting(question, list(alone[:n]), tokens)
    return None


def gap(path: PlainPath, parting: Parting) -> float:
    """The difference of the two tokens' logits, over the standard deviation of all."""
    ids = parting.question.ids + parting.before
    batch = to_device(path.batch([TokenRow(ids, len(ids), 0)]), path.model.device)
    with torch.no_grad():
        logits = path.logits(batch)[0].float()
    one, other = parting.tokens
    return float((logits[one] - logits[other]).abs() / logits.std())


# --- Tables ---------------------------------------------------------------------------------------


def print_closed(subtask: str, ours: Sequence[Score], exact: Sequence[Score]) -> None:
    """Prints a line on a closed sub-task."""
    ranked = [sorted(score.values()) for score in ours]
    ties = sum(values[-1] == values[-2] for values in ranked)
    apart = [
        max(abs(score[answer] - own) for answer, own in other.items())
        for score, other in zip(ours, exact, strict=True)
    ]
    others = sum(
        max(score, key=score.__getitem__) != max(other, key=other.__getitem__)
        for score, other in zip(ours, exact, strict=True)
    )
    distinct = len({tuple(score.values()) for score in ours})
    print(
        f"{subtask:<14} {len(ours):9} {ties:6} {distinct:9} {statistics.median(apart):13.1e}"
        f" {max(apart):13.1e} {others:14}",
        flush=True,
    )


def print_open(
    alone: Sequence[list[int]], ours: Sequence[list[int]], questions: Sequence[Question]
) -> list[Parting]:
    """Prints a line on each open sub-task; returns where answers part."""
    equal: dict[str, list[bool]] = {}
    partings = []
    for question, one, other in zip(questions, alone, ours, strict=True):
        equal.setdefault(question.subtask, []).append(one == other)
        if parting := part(question, one, other):
            partings.append(parting)
    for subtask, flags in {**equal, "all": sum(equal.values(), [])}.items():
        print(f"{subtask:<14} {len(flags):9} {sum(flags):6} {sum(flags) / len(flags):7.2%}")
    return partings


def measure(
    model: Model,
    settings: infer.Settings,
    adapter: Path,
    questions: Mapping[str, Sequence[Question]],
    closed: Mapping[str, Candidates],
) -> None:
    """Answers and prints.

    Args:
        model: the base.
        settings: whose section infer says how questions are answered.
        adapter: its folder.
        questions: by sub-task.
        closed: the candidates of closed sub-tasks.
    """
    device, dtype = device_and_dtype()
    limit = settings.infer.max_new_tokens

    def alone(kind: torch.dtype) -> Any:
        return load_adapter(load_base(model, device, kind), adapter).eval()

    everything = [q for members in questions.values() for q in members]
    engine = load_engine(model, settings.infer, adapter, [q.ids for q in everything])
    causal, exact = alone(dtype), alone(torch.float32)
    in_fp32 = Reference(exact, model.pad_id).as_path()

    print(
        f"\n{'closed':<14} questions   ties  distinct  median |p-p32| largest |p-p32|"
        "  other answers"
    )
    reference = PlainEngine(exact, model.end_ids, model.pad_id, alone=True)
    for subtask, candidates in closed.items():
        asked = questions[subtask]
        start = time.perf_counter()
        ours = scored(engine, asked, candidates)
        seconds = time.perf_counter() - start
        print_closed(subtask, ours, scored(reference, asked, candidates))
        print(f"{'':<14} {len(asked) / seconds:9.1f} questions a second")

    asked = [q for q in everything if q.subtask not in closed or len(q.ids) > WINDOW]
    start = time.perf_counter()
    ours_written = written(engine, asked, limit)
    seconds = time.perf_counter() - start
    plain = PlainEngine(causal, model.end_ids, model.pad_id, alone=True)
    alone_written = written(plain, asked, limit)
    print(f"\n{'written':<14} questions  equal  share")
    partings = print_open(alone_written, ours_written, asked)
    print(f"{'':<14} {len(asked) / seconds:9.1f} questions a second")
    if partings:
        tokenizer = load_tokenizer(model)
        print(
            "\nparted at token; difference of the two logits / standard deviation of all, in"
            f" {dtype} and in fp32 (rounding of all logits: {allowed_difference(causal):.1e})"
        )
    for parting in partings:
        one, other = map(tokenizer.convert_ids_to_tokens, parting.tokens)
        print(
            f"{parting.question.id:<28} {len(parting.before):4}"
            f" {gap(plain.path, parting):9.5f} {gap(in_fp32, parting):9.5f}  {one!r} {other!r}"
        )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", type=Path, help="folder of transformers")
    parser.add_argument("encoded", type=Path, help="folder with train, test and closed answers")
    parser.add_argument("--adapter-updates", type=int, default=150, metavar="N")
    parser.add_argument("--adapter", type=Path, help="folder of a trained one, in its place")
    parser.add_argument("--questions", type=int, metavar="N", help="at most, of each sub-task")
    arguments = parser.parse_args()

    torch.set_float32_matmul_precision("highest")  # no TF32 where a product is to be exact
    settings = read(infer.Settings)
    model = state_base(arguments.base, settings)
    prompts = read(Prompts, arguments.encoded / "prompts.json")
    encoder = TextEncoder(model, load_tokenizer(model), prompts)
    device, dtype = device_and_dtype()
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{arguments.base}: {name}, torch {torch.__version__}, {dtype}")
    print(f"pad {model.pad_id}, bos {model.bos_id}, eos {model.eos_id}")
    limit = settings.infer.max_new_tokens
    questions = read_questions(
        arguments.encoded / "test.jsonl", encoder, model, limit, arguments.questions
    )
    closed = {
        subtask: Candidates({text: encoder.encode_answer(text) for text in answers})
        for subtask, answers in read_closed(arguments.encoded / "closed.json").items()
        if subtask in questions
    }
    lengths = sorted(len(q.ids) for members in questions.values() for q in members)
    print(f"{len(lengths)} questions, median {lengths[len(lengths) // 2]}, longest {lengths[-1]}")
    with tempfile.TemporaryDirectory() as temporary:
        adapter = arguments.adapter or Path(temporary)
        if not arguments.adapter:
            rows = list(read_rows(arguments.encoded / "train.jsonl", encoder))
            train(model, rows, arguments.adapter_updates, adapter)
        measure(model, settings, adapter, questions, closed)


if __name__ == "__main__":
    run(main)
