"""Settings: params.yaml as typed, checked, frozen objects.

Every stage declares in a class ``Settings`` what it reads: fields of its own or whole sections.
A key that a section does not know, or a value out of range, is refused by name, value and range;
of the whole file, by the stage that comes first (stages/check.py).

    python -m stages.common.settings profiles/lecture.yaml   # write its values into params.yaml
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    ScalarEvent,
)

from stages.common import limits
from stages.common.command import InputError, argument_parser, first_line, run
from stages.common.files import Defects, is_unicode, read_json, read_text

PARAMS = Path("params.yaml")
Text = Annotated[str, Field(min_length=1)]
MAPPINGS = ("finetune.weights",)  # values that are mappings: a profile replaces them as a whole


def _each_once(names: list[str]) -> list[str]:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"expected each once, found more often: {', '.join(twice)}")
    return names


Names = Annotated[list[Text], Field(min_length=1), AfterValidator(_each_once)]
"""Of one or more things, each once."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Of random numbers; within what all libraries take."""


def expected(what: str) -> WrapValidator:
    """For a value that may be of several types: one message instead of one for each of them.

    Args:
        what: is expected, in a few words.
    """

    def validate(value: Any, by_type: ValidatorFunctionWrapHandler) -> Any:
        try:
            return by_type(value)
        except ValidationError:
            raise ValueError(f"expected {what}") from None

    return WrapValidator(validate)


class Section(BaseModel):
    """A section of params.yaml; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class StageSettings(BaseModel):
    """What one stage reads of params.yaml; the other stages' keys are left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


Read = TypeVar("Read", bound=BaseModel)


def read(kind: type[Read], path: Path = PARAMS) -> Read:
    """Reads a stage's settings.

    Args:
        kind: the stage's settings class.
        path: the params file (YAML 1.2).

    Returns:
        The checked settings.

    Raises:
        InputError: if the file cannot be read or a value is missing, unknown or out of range.
    """
    return validate(kind, load(path), str(path))


def validate(kind: type[Read], content: Any, source: str) -> Read:
    """Makes settings of plain values.

    Args:
        kind: the settings class.
        content: nested mappings.
        source: where they come from, for messages.

    Raises:
        InputError: if a value is missing, unknown or out of range.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{source}: {unknown_key(e['loc'], e['input'], leaves(kind))}"
            if e["type"] == "extra_forbidden"
            else f"{source}: {'.'.join(map(str, e['loc']))}: "
            + e["msg"].removeprefix("Value error, ")
            + ("" if isinstance(e["input"], dict) else f", found {shown(e['input'])}")
            for e in error.errors()
        ]
        raise InputError("\n".join(problems)) from None


def unknown_key(location: Iterable[str | int], value: Any, known: Iterable[str]) -> str:
    """Says that a key is unknown, and which known one is like it.

    Args:
        location: the keys that lead to it, its own the last.
        value: what it has; a section's first key counts as part of the location.
        known: all dotted keys.
    """
    key = ".".join(map(str, location))
    while isinstance(value, Mapping) and value:
        name, value = next(iter(value.items()))
        key += f".{name}"
    similar = get_close_matches(key, known, 1)
    return f"{key}: no such key" + (f"; did you mean {similar[0]}?" if similar else "")


def leaves(kind: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yields the dotted keys that a settings class reads, in the order of its fields."""
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def shown(value: object) -> str:
    """A value as messages repeat it; not all of it, if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of too many digits"
    return text if len(text) <= limits.SHOWN else f"{text[: limits.SHOWN]}…"


def load(path: Path) -> Any:
    """Reads a YAML 1.2 file, or one of JSON by its name, as plain Python values.

    Raises:
        InputError: if the file cannot be read, is larger than its limits, or is not a mapping.
    """
    text = read_text(path, limit=limits.YAML, empty=True)
    content = _from_json(path, text) if path.suffix == ".json" else _from_yaml(path, text)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of keys to values")
    return content


def _from_yaml(path: Path, text: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    try:
        _check_events(path, yaml.parse(text))
        return yaml.load(text)
    except YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from error
    except InputError:
        raise
    # A number, a date or a tag whose value is none, which ruamel lets by.
    except Exception as error:
        reason = first_line(error).partition(";")[0]
        raise InputError(f"{path}: not valid YAML: {reason}") from error


def _from_json(path: Path, text: str) -> Any:
    try:
        content = read_json(text)
        _check_values(content)
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON: {error}") from error
    return content


def _check_values(content: Any) -> None:
    """Makes sure of what JSON holds, in which nothing grows.

    Raises:
        ValueError: if it has too many levels, or a text that is not Unicode.
    """
    level, depth = [content], 0
    while level:
        if not all(is_unicode(value) for value in level if isinstance(value, str)):
            raise ValueError("expected Unicode text, found a lone surrogate")
        parts = [value for value in level if isinstance(value, (list, dict))]
        depth += 1
        if parts and depth > limits.DEPTH:
            raise ValueError(f"expected at most {limits.DEPTH} levels")
        level = [
            inner
            for part in parts
            for inner in (part if isinstance(part, list) else (*part, *part.values()))
        ]


def _check_events(path: Path, events: Iterable[Event]) -> None:
    """Makes sure that a YAML file holds nothing that grows when it is loaded.

    Raises:
        InputError: naming the line of an alias, which may multiply what it stands for, of too many
            levels, and of a text that is not Unicode.
    """
    defects = Defects(path)
    depth = 0
    for event in events:
        line = event.start_mark.line + 1
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > limits.DEPTH:
            defects.add(line, f"expected at most {limits.DEPTH} levels")
            break
        if isinstance(event, AliasEvent):
            defects.add(line, f"expected a value, found the alias *{event.anchor}")
        elif isinstance(event, ScalarEvent) and not is_unicode(event.value):
            defects.add(line, f"expected Unicode text, found {shown(event.value)}")
    defects.check()


def overlay(params: Any, changes: Mapping[str, Any], source: Path, prefix: str = "") -> None:
    """Writes a profile's values over params, in place and keeping the comments.

    Args:
        params: the params as ruamel.yaml read them for a round trip.
        changes: the profile: nested mappings with only what differs.
        source: the profile's path, for messages.
        prefix: the keys that lead here.

    Raises:
        InputError: if the profile names a key that params.yaml does not have as such.
    """
    for key, value in changes.items():
        if key not in params:
            raise InputError(f"{source}: {prefix}{key}: no such key in {PARAMS}")
        if f"{prefix}{key}" in MAPPINGS:
            params[key] = value
        elif isinstance(value, Mapping) != isinstance(params[key], Mapping):
            raise InputError(f"{source}: {prefix}{key}: a section in one of the two files only")
        elif isinstance(value, Mapping):
            overlay(params[key], value, source, f"{prefix}{key}.")
        else:
            params[key] = value


def write(changes: Mapping[str, Any], source: Path, path: Path = PARAMS) -> None:
    """Writes values into params.yaml, whose comments and order stay.

    Args:
        changes: nested mappings with only what differs.
        source: where they come from, for messages.
        path: the params file.

    Raises:
        InputError: if a key is not one of params.yaml's.
    """
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    load(path)  # which refuses what this would stumble over
    params = yaml.load(path.read_text(encoding="utf-8"))
    overlay(params, changes, source)
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        yaml.dump(params, file)
    temporary.replace(path)


def apply(profile: Path, path: Path = PARAMS) -> None:
    """Writes a profile's values into params.yaml."""
    write(load(profile), profile, path)


def main() -> None:
    """Applies the profile named on the command line."""
    parser = argument_parser("Write a profile's values into params.yaml.")
    parser.add_argument("profile", type=Path, help="YAML file with the values that differ")
    apply(parser.parse_args().profile)


if __name__ == "__main__":
    run(main)
