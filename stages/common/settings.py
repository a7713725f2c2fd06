"""Settings: params.yaml as typed, checked, frozen objects.

Every stage declares in a class ``Settings`` what it reads: fields of its own or whole sections.
A key that a section does not know, or a value out of range, is refused by name, value and range.

    python -m stages.common.settings profiles/lecture.yaml   # write its values into params.yaml
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.common.command import InputError, argument_parser, run

PARAMS = Path("params.yaml")
MAPPINGS = ("finetune.weights",)  # values that are mappings: a profile replaces them as a whole


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
    try:
        return kind.model_validate(load(path))
    except ValidationError as error:
        problems = [
            f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}"
            + ("" if isinstance(e["input"], dict) else f", found {e['input']!r}")
            for e in error.errors()
        ]
        raise InputError("\n".join(problems)) from None


def leaves(kind: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yields the dotted keys that a settings class reads, in the order of its fields."""
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def load(path: Path) -> Any:
    """Reads a YAML 1.2 file as plain Python values.

    Raises:
        InputError: if the file cannot be read, or is not a mapping.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of keys to values")
    return content


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
