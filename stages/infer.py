"""Infer: the model answers the test questions, greedily, and some dev questions too.

Reads ENCODED/questions.jsonl, dev.jsonl, prompts.json, closed.json (the candidate answers of closed
sub-tasks), forms.json (the forms of answers, for expectations) and train.jsonl (for the lengths of
answers), and ADAPTER. Writes
PREDICTIONS/test.jsonl: for each question, in the same order, the answer, how it ended (stop or
length) and its number of tokens, in closed sub-tasks also the probability of each candidate, in
those with numbers their expectations; dev.jsonl, the same for dev questions, with their gold
answers, on which decode learns its rules (stages/toolkit/decisions.py);
summary.json, how many questions were scored, and how many inputs or answers were cut; and, not
declared as an output, METRICS/cost/infer.json (stages/model/cost.py). An interrupted run goes on
where it stopped (stages/answering/journal.py). Several processes share the questions
(stages/model/processes.py); vLLM uses several GPUs from one.

    python -m stages.infer data/encoded models/adapter data/predictions metrics
"""

import json
import logging
import time
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from stages.answering.settings import Infer
from stages.common.command import folders, run
from stages.common.files import write_json, write_jsonl
from stages.common.outputs import check_sums, try_folders, whole_folder
from stages.common.prompts import Prompts
from stages.common.settings import StageSettings, read
from stages.model.settings import Model

log = logging.getLogger(__name__)

CODE = ("answering", "common", "forms", "model")
"""Folders of stages/ whose code decides what the answers are."""

ROOM = 2**20  # bytes that the disk must have left for answers
SAVE_EVERY = 60.0  # seconds between two savings of what was spent


class Settings(StageSettings):
    """What infer reads of params.yaml."""

    model: Model
    infer: Infer


def infer(encoded: Path, adapter: Path, predictions: Path, metrics: Path) -> None:
    """Reads the questions, answers this process's share and, in the main process, writes.

    Args:
        encoded: folder that encode wrote.
        adapter: folder of the adapter.
        predictions: folder to write.
        metrics: folder for the record of costs.

    Raises:
        InputError: if settings or files are defective.
    """
    from tqdm import tqdm

    from stages.answering.answers import Answer, Question
    from stages.answering.engines import Asked, load_answerer
    from stages.answering.job import prediction, read_job, summary
    from stages.answering.journal import Journal
    from stages.model import identity
    from stages.model.adapters import adapter_fingerprint, adapter_folder
    from stages.model.cost import Account, Meter, Spent, record, write_cost
    from stages.model.device import device_and_dtype
    from stages.model.loading import load_tokenizer, settled
    from stages.model.processes import here
    from stages.model.scratch import scratch, scratch_folder
    from stages.model.text import text_encoder

    process = here()
    meter = Meter() if process.main else None
    settings = read(Settings)
    read_if = {
        "closed.json": settings.infer.score_closed,
        "forms.json": settings.infer.expectations,
        "dev.jsonl": settings.infer.dev != 0,
    }
    also = [name for name, is_read in read_if.items() if is_read]
    check_sums(encoded, "questions.jsonl", "train.jsonl", "prompts.json", *also)
    identity.check_base(settings.model)
    prompts = read(Prompts, encoded / "prompts.json")
    given = settled(settings.model)
    encoder = text_encoder(given, load_tokenizer(given), prompts)
    folder = adapter_folder(settings.infer.adapter, adapter)
    job = read_job(encoded, encoder, given, settings.infer)
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
        json.dumps(job, default=lambda form: form.model_dump(), sort_keys=True),
    )
    if process.main:
        try_folders([(place, ROOM) for place in (state.parent, predictions.parent, metrics)])
    with scratch(state):
        journal = Journal(state, process.rank)
        finished = process.from_main(journal.read() if process.main else {})
        if finished:
            log.info("go on after %d of %d answers (%s)", len(finished), len(job.questions), state)
        own = process.share(job.questions, lambda question: len(question.ids))
        unfinished = sum(question.id not in finished for question in own)
        answered: Iterable[tuple[Question, Answer]] = ()
        if unfinished:
            texts = [question.ids for question in own]
            asked = Asked(job.closed, job.longest, job.forms)
            answerer = load_answerer(given, settings.infer, folder, encoder, asked, texts)
            answered = answerer.answer(own, finished)
        spent = Spent.load(state)
        shown = {"desc": "infer", "unit": "question", "disable": not process.main}
        with meter or nullcontext():
            account, saved = Account(spent, meter), time.monotonic()
            for question, answer in tqdm(answered, total=unfinished, **shown):
                journal.write(question.id, answer)
                if process.main and time.monotonic() - saved > SAVE_EVERY:
                    account.settle(spent)
                    spent.save(state)
                    saved = time.monotonic()
            process.wait()
            account.settle(spent)

        if not process.main:
            return
        answers = journal.read()
        figures = summary(job, answers)
        log.info("%s", ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in figures.items()))
        with whole_folder(predictions, sums=True) as folder:
            for split, questions in job.by_split.items():
                rows = (prediction(q, answers[q.id], job.gold.get(q.id)) for q in questions)
                write_jsonl(folder / f"{split}.jsonl", rows)
            write_json(folder / "summary.json", figures)
        tokens = sum(len(question.ids) + answers[question.id].tokens for question in job.questions)
        cost = record(spent, "questions", len(job.questions), tokens)
        write_cost(cost, "infer", predictions, metrics)


def main() -> None:
    """Runs the stage."""
    encoded, adapter, predictions, metrics = folders(
        __doc__,
        encoded="folder that encode wrote",
        adapter="folder of the adapter",
        predictions="folder to write",
        metrics="folder for the record of costs",
    )
    from stages.model.processes import in_processes

    settings = read(Settings)
    if settings.infer.engine == "vllm":  # it spreads the base over the GPUs itself
        infer(encoded, adapter, predictions, metrics)
    else:
        in_processes(settings.model.base, infer, encoded, adapter, predictions, metrics)


if __name__ == "__main__":
    run(main)
