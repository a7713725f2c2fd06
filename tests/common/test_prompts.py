"""Prompt files."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.common import prompts, settings
from stages.common.command import InputError
from stages.common.files import write_json


def test_the_shipped_file_asks_what_the_decoder_reads(root: Path) -> None:
    shipped = settings.read(prompts.Prompts, root / "data" / "prompts" / "it.yaml")
    text = shipped.render("clinkart", "Hb 9,8.")
    assert text.endswith("### Input:\nHb 9,8.\n\n### Risposta:\n")
    assert "### Istruzione:\n" in text
    for marker in ("[BREL]", "[SEP]", "[EREL]", "[NOREL]"):
        assert marker in shipped.instructions["clinkart"]


def test_what_is_known_of_extremitas_wording_is_kept(root: Path) -> None:
    """The rest is a guess, and the file says so."""
    path = root / "data" / "prompts" / "extremita.yaml"
    shipped = settings.read(prompts.Prompts, path)
    for subtask, words in {
        "acti_b": "Terrapiattista",
        "emit_b": "entrambi o non specificato",
        "wicita": "[TGTE]",
        "discotex_1": "due frasi",
        "discotex_2": "da 0 a 5",
    }.items():
        assert words in shipped.instructions[subtask]
    assert "[geo]" not in shipped.render("geolingit", "x")
    of_ours = settings.read(prompts.Prompts, root / "data" / "prompts" / "it.yaml").instructions
    older = {"geolingit_a", "geolingit_b", "wicita_1", "wicita_2"}  # of the lecture alone
    assert shipped.instructions.keys() == of_ours.keys() - older
    for subtask, instruction in of_ours.items():
        if subtask not in older and "Rispondi sì o no" in instruction:
            assert "Rispondi sì o no" in shipped.instructions[subtask]
    assert "EXACT WORDING IS NOT KNOWN" in path.read_text(encoding="utf-8")


def test_any_template_can_be_reproduced_byte_for_byte(tmp_path: Path) -> None:
    template = "\t {{header}} {input}\u00a0{instruction}\r\n{other} {}\n\n### R:\n "
    content = {"template": template, "header": "{input} è", "instructions": {"t": "{header}"}}
    with (tmp_path / "p.yaml").open("w", encoding="utf-8", newline="") as file:
        YAML(typ="safe", pure=True).dump(content, file)
    rendered = settings.read(prompts.Prompts, tmp_path / "p.yaml").render("t", "{instruction}")
    assert rendered == "\t {{input} è} {instruction}\u00a0{header}\r\n{other} {}\n\n### R:\n "


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("template: '{header}'\nheader: h\ninstructions: {}", r"template: .*\{input\} must stand"),
        ("template: '{input}'\nheader: h", "instructions: Field required"),
        ("template: '{input}'\nheader: h\ninstructions: {t: ''}", r"instructions\.t"),
        ("template: '{input}'\nheader: h\nkopf: x\ninstructions: {}", "kopf: no such key"),
        ("- a", "expected a mapping"),
    ],
)
def test_defects_are_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "p.yaml").write_text(content)
    with pytest.raises(InputError, match=message):
        settings.read(prompts.Prompts, tmp_path / "p.yaml")


def test_prompts_of_selected_sub_tasks_are_all_that_finetune_and_infer_see(
    root: Path, tmp_path: Path
) -> None:
    """Whatever signs are in a text, they survive the file between the stages."""
    odd = "tab\t, line\r\n, \u0085\u2028\u00a0\ufeff, \U0001f600, \"'\\ {}: #"
    shipped = settings.read(prompts.Prompts, root / "data" / "prompts" / "it.yaml")
    whole = shipped.model_copy(update={"header": odd})
    write_json(tmp_path / "prompts.json", whole.select({"hodi_b", "acti_a"}).model_dump())
    found = settings.read(prompts.Prompts, tmp_path / "prompts.json")
    assert list(found.instructions) == ["acti_a", "hodi_b"]
    assert found.render("hodi_b", odd) == whole.render("hodi_b", odd)
    with pytest.raises(InputError, match="no instruction for the sub-task ignoto"):
        shipped.select({"acti_a", "ignoto"})


def test_a_missing_instruction_is_named(root: Path) -> None:
    with pytest.raises(InputError, match="no instruction for the sub-task ignoto"):
        settings.read(prompts.Prompts, root / "data" / "prompts" / "it.yaml").render("ignoto", "x")
