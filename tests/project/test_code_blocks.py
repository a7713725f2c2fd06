"""Code in pages: every block is run, or its command lines are parsed by what they call.

Python blocks of the labs are run by tests/recipes/test_labs.py, those of docs/adding-a-task.md by
test_adding_a_task.py; there are no others. Blocks of a console are run by test_console_blocks.py,
save what needs a GPU, the network or hours; here every command of theirs is parsed: by the parser
of the module or of dvc that it calls, by the Makefile, by git's list of commands.
"""

import argparse
import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from analysis.grade import Statement
from analysis.study import Study
from recipes import labs
from stages.check import Settings
from stages.common import settings
from tests.helpers.pages import PAGES, ROOT

BLOCK = re.compile(r"^( *)(`{3,})([^\n]*)\n(.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)
FOLLOWED = "docs/adding-a-task.md"  # word for word, by a test of its own

SHOWN = {"", "text", "csv", "json", "mermaid", "markdown"}
"""Languages of blocks that are no code: output, formats, pictures, tables."""

OTHERS = {"cd", "gto", "kill", "mkdir", "pgrep", "sha256sum", "pip", "touch"}
"""Programs of others, whose command lines are left to them."""


class Block(NamedTuple):
    """A block of code: its page, the number of its first line, its language and its text."""

    page: str
    line: int
    language: str
    text: str


def blocks() -> Iterator[Block]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            yield Block(path.relative_to(ROOT).as_posix(), line, match[3].strip(), match[4])


BLOCKS = list(blocks())


def of(language: str) -> pytest.MarkDecorator:
    """Each block of a language."""
    chosen = [block for block in BLOCKS if block.language == language]
    return pytest.mark.parametrize("block", chosen, ids=lambda b: f"{b.page}:{b.line}")


def test_every_block_has_a_language_that_is_checked() -> None:
    known = SHOWN | {"console", "python", "yaml"}
    assert {block.language for block in BLOCKS} <= known
    assert len([block for block in BLOCKS if block.language == "console"]) > 40
    for block in BLOCKS:
        if block.language in SHOWN - {"markdown"} and block.page != FOLLOWED:
            called = re.search(r"^\$ |^(?:python|make|dvc|git) ", block.text, re.MULTILINE)
            assert not called, f"{block.page}:{block.line}: a command in a block of no language"


@of("python")
def test_python_is_that_of_a_lab_or_followed(block: Block) -> None:
    name = Path(block.page).stem
    if name in labs.LABS and Path(block.page).parent.name == "labs":
        cells = [cell.text for cell in labs.read_cells(labs.SOURCES / f"{name}.py")]
        assert block.text.rstrip("\n") in cells, "run `make docs`"
    else:
        assert block.page == FOLLOWED, "who runs this block?"


@of("yaml")
def test_yaml_is_a_study_a_statement_of_the_exercise_or_followed(
    block: Block, tmp_path: Path
) -> None:
    if block.page == FOLLOWED:
        return
    kind = {"exercise.md": Statement, "experiments.md": Study}[Path(block.page).name]
    path = tmp_path / "shown.yaml"
    path.write_text(block.text, encoding="utf-8")
    settings.read(kind, path)


@of("json")
def test_json_is_json(block: Block) -> None:
    json.loads(block.text.replace(", …, ", ', "…", ').replace('"…", "…"', '"…"'))


# --- Command lines --------------------------------------------------------------------------------


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command in a console block, without prompt, comment and output."""
    for line in re.sub(r" *\\\n *", " ", text).splitlines():
        if not line.startswith("$ "):
            continue
        words = shlex.split(line[2:], comments=True)
        command: list[str] = []
        for word in [*words, "&&"]:
            if word in ("&&", "&"):
                if command:
                    yield command
                command = []
            elif command or not re.fullmatch(r"[A-Z_]+=\S*", word):  # not a variable set before it
                command.append(word)


class Parsed(Exception):
    """A parser has understood a command line."""


def parse_module(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the main function of a module parse its arguments, and no more."""
    module, *arguments = words
    if module.split(".")[0] not in ("analysis", "benchmarks", "labs", "recipes", "stages"):
        raise AssertionError(f"{module} is no module of the project")
    if module.startswith("labs."):
        assert module.removeprefix("labs.") in labs.LABS and not arguments
        return
    parser_class = argparse.ArgumentParser
    parse, parse_known = parser_class.parse_args, parser_class.parse_known_args

    def parsed(parser: argparse.ArgumentParser, *given: object) -> None:
        monkeypatch.setattr(parser_class, "parse_known_args", parse_known)
        parse(parser, *given)  # type: ignore[call-overload]
        raise Parsed

    def known_parsed(parser: argparse.ArgumentParser, *given: object) -> None:
        parse_known(parser, *given)  # type: ignore[call-overload]
        raise Parsed

    monkeypatch.setattr(parser_class, "parse_args", parsed)
    monkeypatch.setattr(parser_class, "parse_known_args", known_parsed)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(Parsed):
        importlib.import_module(module).main()


def parse_dvc(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from dvc.cli import parse_args

    for override in getattr(parse_args(words), "set_param", None) or ():
        key = override.partition("=")[0]
        assert key in KEYS, f"{key}: no key of params.yaml"


KEYS = {*settings.leaves(Settings)}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def parse_make(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for word in words:
        name, is_variable, _ = word.partition("=")
        pattern = rf"^{name} *[:?]?=" if is_variable else rf"^{name}:"
        assert re.search(pattern, MAKEFILE, re.MULTILINE), word


def parse_git(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    listed = subprocess.run(
        ["git", "--list-cmds=main"], capture_output=True, text=True, check=True
    ).stdout
    assert words[0] in listed.split()


WRITTEN = {"dvc.lock", "metrics", "models"}
"""What a run writes and git has; what shares, restores or takes over a result names all of it."""


def test_a_result_is_added_restored_and_taken_over_as_a_whole() -> None:
    """Without the adapter's record in models, it would be that of another run."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / ".github").rglob("*.yml")]
    found = re.findall(
        r"\bgit (?:add|restore|checkout) ([^#\n]*\bmetrics\b[^#\n]*)", "\n".join(texts)
    )
    assert len(found) >= 6
    for arguments in found:
        assert {*arguments.split()} >= WRITTEN, arguments


def parse_python(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert words[0] == "-m"
    parse_module(words[1:], monkeypatch)


def parse_file(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The last word is a file of the project, or of its environment."""
    assert (ROOT / words[-1]).is_file() or words[-1] == ".venv/bin/activate"


def parse_accelerate(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parse_module(words[words.index("-m") + 1 :], monkeypatch)
    assert (ROOT / words[words.index("--config_file") + 1]).is_file()


PARSERS: dict[str, Callable[[list[str], pytest.MonkeyPatch], None]] = {
    "accelerate": parse_accelerate,
    "dvc": parse_dvc,
    "git": parse_git,
    "make": parse_make,
    "python": parse_python,
    "sbatch": parse_file,
    "source": parse_file,
}


@of("console")
def test_the_command_lines_of_a_console_can_be_parsed(
    block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(commands(block.text))
    assert found, "no command: lines of a console begin with $"
    for program, *words in found:
        assert program in PARSERS or program in OTHERS, program
        if program in PARSERS:
            with monkeypatch.context() as patch:
                try:
                    PARSERS[program](words, patch)
                except SystemExit as end:
                    raise AssertionError(f"{shlex.join([program, *words])}: {end}") from None


def notebook_commands() -> list[list[str]]:
    """The words of the notebook's command lines, of which its test runs those without network."""
    source = (labs.SOURCES / f"{labs.NOTEBOOK}.py").read_text(encoding="utf-8")
    lines = re.findall(r"^ *# !(.+)$", source, re.MULTILINE)
    lines = [re.sub(r"^\$sys\.\w+", "python", line) for line in lines]
    values = {"$BASE": "org/name", "$REPOSITORY": "address", '{" ".join(TASKS)}': "wicita nermud"}
    for name, value in values.items():
        lines = [line.replace(name, value) for line in lines]
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("words", notebook_commands(), ids=shlex.join)
def test_the_command_lines_of_the_notebook_can_be_parsed(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "$" not in shlex.join(words) and "{" not in shlex.join(words)
    if words[:3] != ["python", "-m", "pip"]:
        PARSERS[words[0]](words[1:], monkeypatch)


@pytest.mark.parametrize(
    "line",
    [
        "$ make nothing",
        "$ make data TAKS=x",
        "$ dvc exp runn",
        "$ dvc repro --nothing",
        "$ dvc exp run -S finetune.lora.rnk=2",
        "$ git comit",
        "$ python -m analysis.compare",
        "$ python -m analysis.ask --nothing",
        "$ python -m stages.encode one",
        "$ sbatch profiles/cluster/nothing.sbatch",
    ],
)
def test_a_wrong_command_line_is_seen(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ((program, *words),) = commands(line)
    # dvc ends with an error of its own, argparse with SystemExit.
    from dvc.cli import DvcParserError

    with pytest.raises((AssertionError, DvcParserError, SystemExit)):
        PARSERS[program](words, monkeypatch)


def test_commands_are_read_as_a_shell_reads_them() -> None:
    text = "$ A=1 make x B=2 && cd y   # why\noutput\n$ dvc a \\\n    --b 'c d' &\n"
    assert list(commands(text)) == [["make", "x", "B=2"], ["cd", "y"], ["dvc", "a", "--b", "c d"]]
