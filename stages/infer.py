"""Infer: the model answers the test questions, greedily.

Reads ENCODED/test.jsonl (never its answers), closed.json (the candidate answers of closed
sub-tasks), train.jsonl (for the lengths of answers), ADAPTER and the prompt file. Writes
PREDICTIONS/test.jsonl: for each question, in the same order, the answer, how it ended (stop or
length) and its number of tokens, in closed sub-tasks also the probability of each candidate; and
summary.json, how many questions were scored, and how many inputs or answers were cut. An
interrupted run goes on where it stopped (stages/model/scratch.py). Several GPUs share the questions out
(stages/model/processes.py).

    python -m stages.infer data/encoded models/adapter data/predictions
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from stages.answering import answers as answering
from stages.answering.answers import Answer, Asked
from stages.answering.settings import Infer
from stages.common import settings
from stages.common.command import InputError, folders, run
from stages.common.files import whole_folder, write_json, write_jsonl
from stages.model import processes, prompts
from stages.model.device import device_and_dtype
from stages.model.examples import read_split
from stages.model.loading import identity, load_config, load_tokenizer
from stages.model.scratch import scratch
from stages.model.settings import Data, Model
from stages.model.text import TextEncoder, TokenRow, check_fit

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)

JOURNAL = "answers-"  # of files of finished answers; the process's rank follows
Closed = dict[str, Annotated[list[str], Field(min_length=1)]]


class Settings(settings.StageSettings):
    """What infer reads of params.yaml."""

    data: Data
    model: Model
    infer: Infer


def read_closed(path: Path) -> dict[str, list[str]]:
    """Reads the candidate answers of closed sub-tasks; where there is no file, none is closed.

    Raises:
        InputError: if the file holds something else.
    """
    if not path.is_file():
        return {}
    try:
        return TypeAdapter(Closed).validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        raise InputError(
            f"{path}: expected the candidate answers of each closed sub-task, as encode writes"
            f" them: {error}"
        ) from error


def longest_answers(train: "Dataset", encoder: TextEncoder) -> dict[str, int]:
    """How many tokens the longest training answer of each sub-task has, the end token included."""
    longest: dict[str, int] = {}
    for task, answer in set(zip(train["task"], train["output"], strict=True)):
        if answer is not None:
            longest[task] = max(longest.get(task, 0), len(encoder.answer(answer)))
    return longest


def token_rows(
    questions: Iterable[tuple[str, str]], encoder: TextEncoder, config: Any, most: int
) -> list[TokenRow]:
    """Encodes questions and makes sure that the base can hold them with their answers.

    Args:
        questions: sub-task and input of each.
        encoder: turns them into token ids.
        config: the base's configuration.
        most: largest number of tokens of an answer.

    Raises:
        InputError: if it cannot.
    """
    positions = config.max_position_embeddings - most
    rows = [encoder.question(task, text, positions) for task, text in questions]
    check_fit(rows, config, answer=most)
    return rows


def weights(chosen: Infer, adapter: Path) -> str:
    """A text that differs whenever the adapter does.

    Raises:
        InputError: if there is none.
    """
    if not chosen.adapter:
        return "no adapter"
    if not adapter.is_dir():
        raise InputError(f"{adapter}: no such folder; expected an adapter, as finetune writes it")
    files = sorted(adapter.iterdir())
    return " ".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


def read_finished(state: Path) -> dict[str, Answer]:
    """Reads the answers that processes have left in a scratch folder; cut lines are removed."""
    found: dict[str, Answer] = {}
    for path in sorted(state.glob(f"{JOURNAL}*.jsonl")):
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        os.truncate(path, len(whole))
        rows = map(json.loads, whole.splitlines())
        found |= {identifier: Answer(*answer) for identifier, *answer in rows}
    return found


def prediction(name: str, task: str, answer: Answer) -> dict[str, Any]:
    """A line of the predictions."""
    row = {"id": name, "task": task, **answer._asdict()}
    if answer.probabilities is None:
        del row["probabilities"]
    return row


def infer(encoded: Path, adapter: Path, predictions: Path) -> None:
    """Answers the test questions, in this process or as one of several; see `main`."""
    chosen = settings.read(Settings)
    most = chosen.infer.max_new_tokens
    asked = settings.read(prompts.Prompts, Path(chosen.data.prompts))
    here = processes.here()

    from tqdm import tqdm

    from stages.answering import torch_engine as generation  # noqa: F401 - for the scratch state's key

    encoder = TextEncoder(chosen.model, load_tokenizer(chosen.model), asked)
    split = read_split(encoded / "test.jsonl").remove_columns("output")
    closed = read_closed(encoded / "closed.json") if chosen.infer.score_closed else {}
    longest = longest_answers(read_split(encoded / "train.jsonl"), encoder)
    config = load_config(chosen.model)
    names, tasks, inputs = list(split["id"]), list(split["task"]), list(split["input"])
    rows = token_rows(zip(tasks, inputs, strict=True), encoder, config, most)

    texts = (chosen.model_dump_json(), identity(chosen.model))
    work = json.dumps([names, rows, closed, longest])
    device, dtype = device_and_dtype()
    key = f"{device.type} {dtype}", weights(chosen.infer, adapter), work
    state = scratch("infer", *texts, *key)
    found = here.from_main(read_finished(state) if here.main else {})
    if found:
        log.info("go on after %d of %d answers (%s)", len(found), len(names), state)
    left = [n for n, name in enumerate(names) if name not in found]
    own = [left[i] for i in here.share([len(rows[n].ids) for n in left])]
    if own:
        tokens = sum(len(rows[n].ids) for n in own)
        engine = answering.load(chosen.model, chosen.infer, adapter, tokens)
        questions = [Asked(tasks[n], rows[n].ids) for n in own]
        with (
            (state / f"{JOURNAL}{here.rank}.jsonl").open("a", encoding="utf-8") as file,
            tqdm(total=len(own), desc="infer", unit="row", disable=not here.main) as bar,
        ):
            for i, answer in answering.answers(questions, engine, encoder, closed, longest, most):
                file.write(json.dumps([names[own[i]], *answer]) + "\n")
                file.flush()
                bar.update()
    here.wait()
    if not here.main:
        return
    found = read_finished(state)
    summary = {
        "questions": len(names),
        "scored": sum(answer.probabilities is not None for answer in found.values()),
        "empty_inputs": sum(not text.strip() for text in inputs),
        "cut_inputs": sum(row.cut > 0 for row in rows),
        "cut_answers": sum(answer.finish == "length" for answer in found.values()),
    }
    log.info("%s", ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in summary.items()))
    with whole_folder(predictions) as folder:
        lines = zip(names, tasks, strict=True)
        write_jsonl(
            folder / "test.jsonl", [prediction(name, task, found[name]) for name, task in lines]
        )
        write_json(folder / "summary.json", summary)
    shutil.rmtree(state)


def main() -> None:
    """Runs the stage."""
    paths = folders(
        __doc__,
        encoded="folder with test.jsonl",
        adapter="folder of the adapter",
        predictions="folder to write",
    )
    if settings.read(Settings).infer.engine == "vllm":  # which shares the work out by itself
        infer(*paths)
    else:
        processes.on_every_gpu(infer, *paths)


if __name__ == "__main__":
    run(main)
