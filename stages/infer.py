"""Infer: the model answers the test questions, greedily.

Reads ENCODED/test.jsonl (never its answers), closed.json (the candidate answers of closed
sub-tasks), train.jsonl (for the lengths of answers), ADAPTER and the prompt file. Writes
PREDICTIONS/test.jsonl: for each question, in the same order, the answer, how it ended (stop or
length) and its number of tokens, in closed sub-tasks also the probability of each candidate; and
summary.json, how many questions were scored, and how many inputs or answers were cut. An
interrupted run goes on where it stopped (stages/answering/journal.py). Several GPUs share the
questions (stages/model/processes.py); vLLM uses them from one process.

    python -m stages.infer data/encoded models/adapter data/predictions
"""

import json
import logging
from pathlib import Path

from stages.answering.settings import Infer
from stages.common.command import folders, run
from stages.common.files import write_json, write_jsonl
from stages.common.outputs import check_sums, try_folders, whole_folder
from stages.common.settings import StageSettings, read
from stages.model.prompts import Prompts
from stages.model.settings import Data, Model

log = logging.getLogger(__name__)

CODE = ("answering", "common", "model")
"""Folders of stages/ whose code decides what the answers are."""

ROOM = 2**20  # bytes that the disk must have left for answers


class Settings(StageSettings):
    """What infer reads of params.yaml."""

    data: Data
    model: Model
    infer: Infer


def infer(encoded: Path, adapter: Path, predictions: Path) -> None:
    """Reads the questions, answers this process's share and, in the main process, writes.

    Args:
        encoded: folder with test.jsonl, train.jsonl and closed.json.
        adapter: folder of the adapter.
        predictions: folder to write.

    Raises:
        InputError: if settings or files are defective.
    """
    from tqdm import tqdm

    from stages.answering.answers import Answerer
    from stages.answering.engines import load_engine
    from stages.answering.job import prediction, read_job, summary
    from stages.answering.journal import Journal
    from stages.model import identity
    from stages.model.adapters import adapter_fingerprint, adapter_folder
    from stages.model.device import device_and_dtype
    from stages.model.loading import load_tokenizer
    from stages.model.processes import here
    from stages.model.scratch import scratch, scratch_folder
    from stages.model.text import TextEncoder

    settings = read(Settings)
    prompts = read(Prompts, Path(settings.data.prompts))
    closed = ["closed.json"] if settings.infer.score_closed else []
    check_sums(encoded, "test.jsonl", "train.jsonl", *closed)
    identity.check_base(settings.model)
    encoder = TextEncoder(settings.model, load_tokenizer(settings.model), prompts)
    folder = adapter_folder(settings.infer.adapter, adapter)
    job = read_job(encoded, encoder, settings.model, settings.infer)
    inputs = identity.identify(settings.model, prompts)
    if folder:
        identity.check_adapter(folder, inputs)
    state = scratch_folder(
        "infer",
        CODE,
        settings.model_dump_json(),
        identity.fingerprint(inputs),
        adapter_fingerprint(folder) if folder else "no adapter",
        str(device_and_dtype()),
        json.dumps(job),
    )
    process = here()
    if process.main:
        try_folders([(place, ROOM) for place in (state.parent, predictions.parent)])
    with scratch(state):
        journal = Journal(state, process.rank)
        finished = process.from_main(journal.read() if process.main else {})
        if finished:
            log.info("go on after %d of %d answers (%s)", len(finished), len(job.questions), state)
        own = process.share(job.questions, lambda question: len(question.ids))
        if unfinished := sum(question.id not in finished for question in own):
            texts = [question.ids for question in own]
            engine = load_engine(settings.model, settings.infer, folder, texts)
            limit = settings.infer.max_new_tokens
            answerer = Answerer(engine, encoder, job.closed, job.longest, limit)
            answers = answerer.answer(own, finished)
            shown = {"desc": "infer", "unit": "question", "disable": not process.main}
            for question, answer in tqdm(answers, total=unfinished, **shown):
                journal.write(question.id, answer)
        process.wait()

        if not process.main:
            return
        by_id = journal.read()
        figures = summary(job, by_id)
        log.info("%s", ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in figures.items()))
        with whole_folder(predictions, sums=True) as folder:
            rows = (prediction(question, by_id[question.id]) for question in job.questions)
            write_jsonl(folder / "test.jsonl", rows)
            write_json(folder / "summary.json", figures)


def main() -> None:
    """Runs the stage."""
    encoded, adapter, predictions = folders(
        __doc__,
        encoded="folder with test.jsonl",
        adapter="folder of the adapter",
        predictions="folder to write",
    )
    from stages.model.processes import on_every_gpu

    if read(Settings).infer.engine == "vllm":  # it spreads the base over the GPUs itself
        infer(encoded, adapter, predictions)
    else:
        on_every_gpu(infer, encoded, adapter, predictions)


if __name__ == "__main__":
    run(main)
