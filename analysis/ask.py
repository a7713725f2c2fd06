"""Ask: questions to the adapter, one at a time, and what its answers are read as.

Reads what infer reads (ENCODED may be absent, and every sub-task is then open) and writes nothing.
A text is asked about as infer would do it, in the same words and with the same settings. Shown are
the prompt as the model sees it; its answer, how it ended (stop or length) and its number of tokens;
in closed sub-tasks the probability of each candidate; and what decode reads in the answer, of which
it would still leave out names that the text does not have. Without a text, lines are read from the
terminal or a pipe until there are no more.

    python -m analysis.ask "Che bella giornata!" --task haspeede
    python -m analysis.ask --task acti_b < posts.txt
    python -m analysis.ask --examples   # the first test question of every sub-task, with its gold
"""

import argparse
import logging
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stages import infer
from stages.answering import answers as answering
from stages.answering.answers import Answer, Asked
from stages.common import settings
from stages.common.command import InputError, run
from stages.model import prompts
from stages.model.examples import read_split
from stages.model.loading import load_config, load_tokenizer
from stages.model.text import TextEncoder
from stages.tasks import lecture, load, owner

log = logging.getLogger(__name__)

WIDTH = 80  # columns of the terminal
MARGIN = "| "  # before the prompt
LABEL = 13  # columns of the words before what the model said
UNREADABLE = "nothing: decode would submit the fallback"


class Question(NamedTuple):
    """A question: its name, its sub-task and its input, and the gold answer if it is known."""

    name: str
    task: str
    text: str
    gold: str | None = None


class Reply(NamedTuple):
    """What came of a question.

    Attributes:
        prompt: as the model sees it.
        cut: how many characters of the input had to go.
        answer: the model's.
    """

    prompt: str
    cut: int
    answer: Answer


class Respondent:
    """The model, loaded once, that answers as infer lets it."""

    def __init__(
        self, chosen: infer.Settings, wording: prompts.Prompts, adapter: Path, encoded: Path
    ) -> None:
        """Loads the model.

        Args:
            chosen: of params.yaml.
            wording: the prompt file's content.
            adapter: the adapter's folder.
            encoded: folder with closed.json and, for the lengths of answers, train.jsonl.

        Raises:
            InputError: if the base, its tokenizer, the adapter or a file cannot be read.
        """
        self._most = chosen.infer.max_new_tokens
        self._encoder = TextEncoder(chosen.model, load_tokenizer(chosen.model), wording)
        self._config = load_config(chosen.model)
        self._closed, self._longest = {}, {}
        if chosen.infer.score_closed:
            self._closed = infer.read_closed(encoded / "closed.json")
        if (train := encoded / "train.jsonl").is_file():
            self._longest = infer.longest_answers(read_split(train), self._encoder)
        self._engine = answering.load(chosen.model, chosen.infer, adapter)

    def replies(self, questions: Sequence[Question]) -> list[Reply]:
        """Answers questions.

        Raises:
            InputError: if one is too long for the base.
        """
        pairs = ((question.task, question.text) for question in questions)
        rows = infer.token_rows(pairs, self._encoder, self._config, self._most)
        asked = [Asked(q.task, row.ids) for q, row in zip(questions, rows, strict=True)]
        found = dict(
            answering.answers(
                asked, self._engine, self._encoder, self._closed, self._longest, self._most
            )
        )
        return [
            Reply(self._encoder.text(row.ids), row.cut, found[number])
            for number, row in enumerate(rows)
        ]


# --- Questions ------------------------------------------------------------------------------------


def check_task(name: str | None, wording: prompts.Prompts) -> str:
    """Makes sure that a sub-task has an instruction.

    Raises:
        InputError: if it has not, or none is named.
    """
    if name not in wording.instructions:
        found = f"no sub-task {name!r} in the prompt file" if name else "no sub-task is named"
        known = ", ".join(sorted(wording.instructions))
        raise InputError(f"--task: {found}; expected one of {known}")
    return str(name)


def first_of_each(rows: Iterable[Mapping[str, Any]]) -> list[Question]:
    """The first question of each sub-task among encoded rows, in their order."""
    first: dict[str, Question] = {}
    for row in rows:
        question = Question(row["id"], row["task"], row["input"], row["output"])
        first.setdefault(question.task, question)
    return list(first.values())


def typed(prompt: str) -> Iterator[str]:
    """Lines from a terminal, which shows the prompt, or from a pipe; blank ones are left out.

    Raises:
        InputError: if a line is not UTF-8.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if terminal:
        log.info("an input a line; Ctrl-D ends")
    while True:
        try:
            line = input(prompt if terminal else "")
        except (EOFError, KeyboardInterrupt):
            if terminal:
                print()
            return
        except UnicodeDecodeError as error:
            raise InputError(f"standard input: expected UTF-8 text: {error}") from error
        if line.strip():
            yield check_text(line)


def check_text(text: str) -> str:
    """Makes sure that a text from the command line or the terminal was UTF-8.

    Raises:
        InputError: if it was not.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the text {ascii(text)[:60]}: expected UTF-8") from error
    return text


# --- What is shown --------------------------------------------------------------------------------


def interpreted(subtask: str, answer: str) -> object | None:
    """What decode reads in an answer by itself.

    Args:
        subtask: whose task reads the answer: acti for ``acti_a``, also for a row of the lecture's,
            and the lecture for sub-tasks that only its older rows have.
        answer: whatever a model answered.
    """
    task = lecture.NAME if subtask in lecture.OLDER else owner(subtask)
    return load(task).interpret(subtask, answer)


def described(value: object) -> str:
    """A value that decode reads, in words."""
    if value is None:
        return UNREADABLE
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(map(described, value)) or "none"
    return str(value)


def shown(question: Question, reply: Reply) -> str:
    """A question and what came of it, laid out for a terminal."""
    answer = reply.answer
    tokens = f"{answer.tokens} token{'s' * (answer.tokens != 1)}"
    blocks = [
        f"--- {printable(question.name)} ".ljust(WIDTH, "-"),
        wrapped(reply.prompt, MARGIN, MARGIN),
        labelled("answer", answer.answer or "(empty)"),
        labelled("ended", f"{answer.finish}, {tokens}"),
    ]
    if reply.cut:
        blocks.insert(2, labelled("cut", f"the last {reply.cut} characters of the input"))
    if answer.probabilities is not None:
        ranked = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])
        lines = [f"{probability:5.3f}  {text}" for text, probability in ranked]
        blocks.append(labelled("probability", "\n".join(lines)))
    blocks.append(labelled("read as", described(interpreted(question.task, answer.answer))))
    if question.gold is not None:
        blocks.append(labelled("gold", question.gold))
    return "\n".join(blocks)


def labelled(label: str, text: str) -> str:
    """A text behind a label."""
    return wrapped(text, label.ljust(LABEL), " " * LABEL)


def wrapped(text: str, first: str, rest: str) -> str:
    """A text in lines that the terminal can hold.

    Args:
        text: the text, whose own line ends stay.
        first: what stands before its first line.
        rest: what stands before the others.
    """
    lines = []
    for line in text.split("\n"):
        lines += textwrap.wrap(printable(line), WIDTH - len(rest), break_on_hyphens=False) or [""]
    return "\n".join(
        f"{rest if number else first}{line}".rstrip() for number, line in enumerate(lines)
    )


def printable(line: str) -> str:
    """A line in which all that a terminal might take for a command is written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("text", nargs="?", help="the input; without it, lines are read")
    parser.add_argument("--task", metavar="NAME", help="the sub-task, as in the prompt file")
    parser.add_argument(
        "--examples", action="store_true", help="ask the first test question of each sub-task"
    )
    parser.add_argument(
        "--adapter", type=Path, default=Path("models/adapter"), help="folder of the adapter"
    )
    parser.add_argument(
        "--encoded", type=Path, default=Path("data/encoded"), help="folder that encode wrote"
    )
    arguments = parser.parse_args()
    if arguments.examples and (arguments.text is not None or arguments.task):
        parser.error("--examples asks about every sub-task: expected neither a text nor --task")
    chosen = settings.read(infer.Settings)
    wording = settings.read(prompts.Prompts, Path(chosen.data.prompts))

    if arguments.examples:
        questions = first_of_each(read_split(arguments.encoded / "test.jsonl"))
        respondent = Respondent(chosen, wording, arguments.adapter, arguments.encoded)
        for question, reply in zip(questions, respondent.replies(questions), strict=True):
            print(shown(question, reply), end="\n\n")
        return
    task = check_task(arguments.task, wording)
    given = arguments.text is not None
    texts = [check_text(arguments.text)] if given else typed(f"{task}> ")
    respondent = Respondent(chosen, wording, arguments.adapter, arguments.encoded)
    for text in texts:
        question = Question(task, task, text)
        (reply,) = respondent.replies([question])
        print(shown(question, reply), end="\n\n", flush=True)


if __name__ == "__main__":
    run(main)
