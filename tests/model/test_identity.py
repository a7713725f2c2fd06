"""Hashes of what an adapter was trained with, and their comparison."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stages.common.command import InputError
from stages.common.outputs import SUMS, write_sums
from stages.model.identity import INPUTS, check_adapter, check_base, fingerprint, identify
from tests.helpers.models import PROMPTS, model_settings


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    for name in ("model.safetensors", "config.json", "README.md"):
        (tmp_path / "base" / name).write_text(name)
    return tmp_path / "base"


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / INPUTS).write_text(json.dumps(identify(model_settings(base), PROMPTS)))
    write_sums(folder)
    return folder


def check(adapter: Path, base: Path, **prompts: Any) -> None:
    check_adapter(adapter, identify(model_settings(base), PROMPTS.model_copy(update=prompts)))


def test_the_fingerprint_changes_with_a_file_of_the_base_and_with_the_prompts(base: Path) -> None:
    settings = model_settings(base)
    found = {fingerprint(identify(settings, PROMPTS))}
    found.add(fingerprint(identify(settings, PROMPTS.model_copy(update={"header": "I"}))))
    (base / "README.md").write_text("of no matter")
    write_sums(base)
    found.add(fingerprint(identify(settings, PROMPTS)))
    assert len(found) == 2
    (base / "config.json").write_text("changed")
    found.add(fingerprint(identify(settings, PROMPTS)))
    found.add(fingerprint(identify(settings, PROMPTS, base / "README.md")))
    assert len(found) == 4


def test_a_hub_id_is_identified_by_its_commit() -> None:
    one, other = (
        identify(model_settings("org/name", revision=commit * 40), PROMPTS) for commit in "ab"
    )
    assert one["base"] == {"org/name": "a" * 40} != other["base"]


def test_what_an_adapter_was_trained_with_must_be_the_same(adapter: Path, base: Path) -> None:
    check(adapter, base)
    check(adapter, base, instructions=PROMPTS.instructions | {"other": "Scrivi."})
    with pytest.raises(InputError, match="prompts: instruction of prova, template changed since"):
        check(adapter, base, instructions={"prova": "Cerca."}, template="{input}")
    (base / "model.safetensors").write_text("other")
    (base / "more.json").write_text("more")
    with pytest.raises(InputError, match=r"base: model.safetensors, more.json changed.*\n.*delete"):
        check(adapter, base)
    (adapter / INPUTS).unlink()
    (adapter / SUMS).unlink()
    check(adapter, base)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"base": 1}'])
def test_a_record_that_is_none_is_an_error(adapter: Path, base: Path, content: str) -> None:
    (adapter / INPUTS).write_text(content)
    with pytest.raises(InputError, match=r"inputs.json: does not have the checksum"):
        check(adapter, base)
    (adapter / SUMS).unlink()
    with pytest.raises(InputError, match=r"inputs.json: expected hashes by name"):
        check(adapter, base)


def test_a_base_is_compared_with_its_checksums(base: Path, tmp_path: Path) -> None:
    tokenizer = shutil.copytree(base, tmp_path / "tokenizer")
    settings = model_settings(base, tokenizer=str(tokenizer))
    check_base(settings)
    write_sums(tokenizer)
    check_base(settings)
    (tokenizer / "config.json").write_text("damaged")
    with pytest.raises(InputError, match=r"tokenizer/config.json: does not have the checksum"):
        check_base(settings)
