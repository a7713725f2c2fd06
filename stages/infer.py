"""Infer: the model answers the test questions, greedily.

Reads ENCODED/test.jsonl (never its answers), ADAPTER and the prompt file. Writes
PREDICTIONS/test.jsonl: for each question, in the same order, the answer, how it ended (stop or
length) and its number of tokens; and summary.json, how many inputs and answers were cut.
An interrupted run goes on where it stopped (stages/scratch.py).

    python -m stages.infer data/encoded models/adapter data/predictions
"""

import hashlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from stages import model, prompts, settings
from stages.command import folders, run
from stages.files import whole_folder, write_json, write_jsonl
from stages.scratch import scratch

log = logging.getLogger(__name__)

ROWS = 64  # rows of a batch


class Infer(settings.Section):
    """How questions are answered; keys as in params.yaml."""

    adapter: bool
    max_new_tokens: Annotated[int, Field(ge=1)]


class Settings(settings.StageSettings):
    """What infer reads of params.yaml."""

    data: prompts.Data
    model: model.Model
    infer: Infer


class Answer(NamedTuple):
    """A model's answer: its text, how it ended, and how many tokens it has."""

    answer: str
    finish: str
    tokens: int


def answer_batch(
    causal: Any, tokenizer: Any, rows: list[list[int]], most: int, ids: model.Model
) -> list[Answer]:
    """Answers a batch of prompts greedily.

    Args:
        causal: the model.
        tokenizer: turns ids into text.
        rows: token ids of each prompt.
        most: largest number of tokens of an answer.
        ids: states the ids of padding, beginning and end.

    Returns:
        The answers, in the order of the rows.
    """
    import torch
    from transformers import GenerationConfig

    inputs = model.pad(rows, ids.pad_id)
    mask = model.pad([[1] * len(row) for row in rows], 0)
    config = GenerationConfig(
        do_sample=False,
        max_new_tokens=most,
        pad_token_id=ids.pad_id,
        bos_token_id=ids.bos_id,
        eos_token_id=ids.eos_id,
    )
    with torch.inference_mode():
        output = causal.generate(
            input_ids=inputs.to(causal.device),
            attention_mask=mask.to(causal.device),
            generation_config=config,
        )
    answers = []
    for row in output[:, inputs.shape[1] :].tolist():
        ended = ids.eos_id in row
        kept = row[: row.index(ids.eos_id)] if ended else row
        text = tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        answers.append(Answer(text.strip(), "stop" if ended else "length", len(kept) + ended))
    return answers


def read_finished(path: Path) -> dict[str, Answer]:
    """Reads the answers that an interrupted run left behind; a line cut short is removed."""
    path.touch()
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    os.truncate(path, len(whole))
    rows = map(json.loads, whole.splitlines())
    return {identifier: Answer(*answer) for identifier, *answer in rows}


def main() -> None:
    """Runs the stage."""
    encoded, adapter, predictions = folders(
        __doc__,
        encoded="folder with test.jsonl",
        adapter="folder of the adapter",
        predictions="folder to write",
    )
    chosen = settings.read(Settings)
    most = chosen.infer.max_new_tokens
    asked = settings.read(prompts.Prompts, Path(chosen.data.prompts))

    from tqdm import tqdm

    tokenizer = model.load_tokenizer(chosen.model)
    encoder = model.TextEncoder(chosen.model, tokenizer, asked)
    split = model.read_split(encoded / "test.jsonl").remove_columns("output")
    device, dtype = model.device_and_dtype()
    causal = model.load_base(chosen.model, device, dtype)
    positions = causal.config.max_position_embeddings - most
    weights = "no adapter"
    if chosen.infer.adapter:
        causal = model.load_adapter(causal, adapter)
        weights = " ".join(
            hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(adapter.iterdir())
        )
    causal.eval()

    rows = [encoder.question(example["task"], example["input"], positions) for example in split]
    model.check_fit(rows, causal, answer=most)
    names = list(split["id"])
    texts = (chosen.model_dump_json(), model.identity(chosen.model), str(dtype), weights)
    state = scratch("infer", *texts, json.dumps([names, rows]))
    journal = state / "answers.jsonl"
    answers = read_finished(journal)
    if answers:
        log.info("go on after %d of %d answers (%s)", len(answers), len(names), journal)
    open_rows = [i for i, name in enumerate(names) if name not in answers]
    budget = model.generation_budget(causal)
    with (
        journal.open("a", encoding="utf-8") as file,
        tqdm(total=len(names), initial=len(answers), desc="infer", unit="row") as bar,
    ):
        lengths = [len(rows[i].ids) for i in open_rows]
        for batch in model.batches_by_length(lengths, budget, extra=most, rows=ROWS):
            indices = [open_rows[i] for i in batch]
            prompt_ids = [rows[i].ids for i in indices]
            found = answer_batch(causal, tokenizer, prompt_ids, most, chosen.model)
            for i, answer in zip(indices, found, strict=True):
                answers[names[i]] = answer
                file.write(json.dumps([names[i], *answer]) + "\n")
            file.flush()
            bar.update(len(batch))
    summary = {
        "questions": len(names),
        "cut_inputs": sum(row.cut > 0 for row in rows),
        "cut_answers": sum(answer.finish == "length" for answer in answers.values()),
    }
    log.info("%s", ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in summary.items()))
    with whole_folder(predictions) as folder:
        write_jsonl(
            folder / "test.jsonl",
            (
                {"id": name, "task": task, **answers[name]._asdict()}
                for name, task in zip(names, split["task"], strict=True)
            ),
        )
        write_json(folder / "summary.json", summary)
    shutil.rmtree(state)


if __name__ == "__main__":
    run(main)
