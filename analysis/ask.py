"""Ask: questions to the adapter, one at a time, and what decode reads in its answers.

Reads the prompt file, so that any of its sub-tasks can be asked, and what infer reads (ENCODED may
be absent, and every sub-task is then open). Writes nothing. A text becomes a question as in infer,
with the same prompt and settings. The output shows the
prompt as the model sees it; the answer, how it ended (stop or length) and its number of tokens; in
closed sub-tasks the probability of each candidate; and how decode parses the answer (decode also
drops names that do not occur in the text). Without a text, lines are read from the terminal or a
pipe until there are no more.

    python -m analysis.ask "Che bella giornata!" --task haspeede
    python -m analysis.ask --task acti_b < posts.txt
    python -m analysis.ask --examples   # the first test question of every sub-task, with its gold
"""

import logging
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stages.answering.answers import Answer, Question
from stages.common.command import InputError, argument_parser, run
from stages.common.outputs import check_sums
from stages.common.prompts import Prompts
from stages.common.settings import read
from stages.infer import Settings as Infer
from stages.model.text import text_encoder
from stages.tasks import lecture, load, owner
from stages.toolkit.settings import Data

log = logging.getLogger(__name__)

LONG = "una parola dopo l'altra " * 1000  # a text that fills any prompt
WIDTH = 80  # columns of the terminal
MARGIN = "| "  # before the prompt
LABEL = 13  # columns of the words before what the model said
UNREADABLE = "nothing: decode would submit the fallback"


class Settings(Infer):
    """What ask reads of params.yaml: what infer does, and where the prompt file is."""

    data: Data


class Example(NamedTuple):
    """A text to ask about.

    Attributes:
        name: what it is called in the output.
        subtask: its sub-task.
        text: the input.
        gold: the gold answer, if it is known.
    """

    name: str
    subtask: str
    text: str
    gold: str | None = None


class Reply(NamedTuple):
    """What came of an example.

    Attributes:
        prompt: as the model sees it.
        cut: number of characters of the input that were cut.
        answer: the model's.
    """

    prompt: str
    cut: int
    answer: Answer


class Respondent:
    """The model, loaded once, that answers as in infer."""

    def __init__(self, settings: Settings, prompts: Prompts, adapter: Path, encoded: Path) -> None:
        """Loads the model.

        Args:
            settings: of params.yaml.
            prompts: the prompt file's content.
            adapter: the adapter's folder.
            encoded: folder with closed.json and, for the lengths of answers, train.jsonl.

        Raises:
            InputError: if the base, its tokenizer, the adapter or a file cannot be read.
        """
        from stages.answering.engines import Asked, load_answerer
        from stages.answering.job import encode_questions, read_longest_answers
        from stages.common.files import read_closed
        from stages.model import identity
        from stages.model.adapters import CONFIG, adapter_folder
        from stages.model.loading import load_config, load_tokenizer, settled

        check_sums(encoded, "closed.json", "train.jsonl")
        identity.check_base(settings.model)
        self._max_new_tokens = settings.infer.max_new_tokens
        given = settled(settings.model)
        self._encoder = text_encoder(given, load_tokenizer(given), prompts)
        self._config = load_config(given)
        closed, longest = {}, {}
        if settings.infer.score_closed and (path := encoded / "closed.json").is_file():
            closed = read_closed(path)
        if (train := encoded / "train.jsonl").is_file():
            longest = read_longest_answers(train, self._encoder)
        folder = adapter_folder(settings.infer.adapter, adapter)
        if folder and not (folder / CONFIG).is_file():
            raise InputError(f"{folder}: holds no adapter; `dvc repro` makes models/adapter")
        if folder:
            identity.check_adapter(folder, identity.identify(settings.model, prompts))
        # The longest and the shortest prompt that may be asked for.
        texts = [(name, text) for name in prompts.instructions for text in (LONG, "")]
        rows = encode_questions(texts, self._encoder, self._config, self._max_new_tokens)
        ids = [row.ids for row in rows]
        asked = Asked(closed, longest, {})
        self._answerer = load_answerer(given, settings.infer, folder, self._encoder, asked, ids)

    def reply(self, examples: Sequence[Example]) -> list[Reply]:
        """Answers examples, in their order.

        Raises:
            InputError: if one is too long for the base.
        """
        from stages.answering.job import encode_questions

        texts = ((example.subtask, example.text) for example in examples)
        rows = encode_questions(texts, self._encoder, self._config, self._max_new_tokens)
        questions = [
            Question(str(number), example.subtask, row.ids, example.text)
            for number, (example, row) in enumerate(zip(examples, rows, strict=True))
        ]
        answers = {question.id: answer for question, answer in self._answerer.answer(questions)}
        return [
            Reply(self._encoder.decode(row.ids), row.cut, answers[question.id])
            for question, row in zip(questions, rows, strict=True)
        ]


# --- Examples -------------------------------------------------------------------------------------


def check_subtask(name: str | None, prompts: Prompts) -> str:
    """Makes sure that a sub-task has an instruction.

    Raises:
        InputError: if it has not, or none is named.
    """
    if name not in prompts.instructions:
        problem = f"no sub-task {name!r} in the prompt file" if name else "no sub-task is named"
        known = ", ".join(sorted(prompts.instructions))
        raise InputError(f"--task: {problem}; expected one of {known}")
    return str(name)


def first_of_each(rows: Iterable[Mapping[str, Any]]) -> list[Example]:
    """Returns the first question of each sub-task among encoded rows, in their order."""
    first: dict[str, Example] = {}
    for row in rows:
        example = Example(row["id"], row["task"], row["input"], row["output"])
        first.setdefault(example.subtask, example)
    return list(first.values())


def read_lines(prompt: str) -> Iterator[str]:
    """Yields lines from a terminal, which shows the prompt, or from a pipe, blank ones left out.

    Raises:
        InputError: if a line is not UTF-8.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if terminal:
        log.info("one input a line; Ctrl-D ends")
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
    """Makes sure that a text from the command line or the terminal is UTF-8, and returns it.

    Raises:
        InputError: if it is not.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the text {ascii(text)[:60]}: expected UTF-8") from error
    return text


# --- Output ---------------------------------------------------------------------------------------


def parse_answer(subtask: str, answer: str) -> object | None:
    """Parses an answer by itself, as decode does.

    Args:
        subtask: decides the task that parses the answer: acti for ``acti_a``, also for a row of the
            lecture; the lecture for sub-tasks that only its older rows have.
        answer: whatever a model answered.
    """
    task = lecture.NAME if subtask in lecture.OLDER else owner(subtask)
    return load(task).interpret(subtask, answer)


def describe(value: object) -> str:
    """Describes a parsed answer in words."""
    if value is None:
        return UNREADABLE
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(map(describe, value)) or "none"
    return str(value)


def lay_out(example: Example, reply: Reply) -> str:
    """Lays out an example and what came of it for a terminal."""
    answer = reply.answer
    tokens = f"{answer.tokens} token{'s' * (answer.tokens != 1)}"
    blocks = [
        f"--- {printable(example.name)} ".ljust(WIDTH, "-"),
        wrap(reply.prompt, MARGIN, MARGIN),
        label("answer", answer.answer or "(empty)"),
        label("ended", f"{answer.finish}, {tokens}"),
    ]
    if reply.cut:
        blocks.insert(2, label("cut", f"the last {reply.cut} characters of the input"))
    if answer.probabilities is not None:
        ranked = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])
        lines = [f"{probability:5.3f}  {text}" for text, probability in ranked]
        blocks.append(label("probability", "\n".join(lines)))
    blocks.append(label("read as", describe(parse_answer(example.subtask, answer.answer))))
    if example.gold is not None:
        blocks.append(label("gold", example.gold))
    return "\n".join(blocks)


def label(name: str, text: str) -> str:
    """Puts a text behind a label."""
    return wrap(text, name.ljust(LABEL), " " * LABEL)


def wrap(text: str, first: str, rest: str) -> str:
    """Breaks a text into lines that the terminal can hold.

    Args:
        text: the text, whose own line ends stay.
        first: prefix of its first line.
        rest: prefix of the others.
    """
    lines = []
    for line in text.split("\n"):
        lines += textwrap.wrap(printable(line), WIDTH - len(rest), break_on_hyphens=False) or [""]
    return "\n".join(
        f"{rest if number else first}{line}".rstrip() for number, line in enumerate(lines)
    )


def printable(line: str) -> str:
    """Escapes whatever a terminal might take for a command."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def main() -> None:
    """Runs the command."""
    parser = argument_parser(__doc__)
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
    settings = read(Settings)
    prompts = read(Prompts, Path(settings.data.prompts))

    if arguments.examples:
        from stages.model.examples import read_split

        examples = first_of_each(read_split(arguments.encoded / "test.jsonl"))
        respondent = Respondent(settings, prompts, arguments.adapter, arguments.encoded)
        for example, reply in zip(examples, respondent.reply(examples), strict=True):
            print(lay_out(example, reply), end="\n\n")
        return
    subtask = check_subtask(arguments.task, prompts)
    is_given = arguments.text is not None
    texts = [check_text(arguments.text)] if is_given else read_lines(f"{subtask}> ")
    respondent = Respondent(settings, prompts, arguments.adapter, arguments.encoded)
    for text in texts:
        example = Example(subtask, subtask, text)
        (reply,) = respondent.reply([example])
        print(lay_out(example, reply), end="\n\n", flush=True)


if __name__ == "__main__":
    run(main)
