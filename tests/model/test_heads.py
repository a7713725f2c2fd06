"""Heads: units and their tokens, values, and encoders that are loaded without their own heads."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel

from stages.common.command import InputError
from stages.forms.forms import Fields, Number, Words
from stages.model.adapters import HEADS, adapter_fingerprint, load_adapter
from stages.model.heads import (
    FieldsHead,
    HeadRow,
    Heads,
    HeadsPath,
    PairsHead,
    SpansHead,
    Unit,
    WordsHead,
    add_heads,
    exact_heads_path,
    load_heads,
    units_of,
)
from stages.model.loading import load_base, settled
from stages.model.text import max_positions
from stages.training.adapter import add_lora, save_adapter
from stages.training.settings import Lora
from tests.helpers.encoders import ENCODERS, FORMS, input_encoder, rows, save, settings
from tests.helpers.models import CPU, FP32

UNITS = (Unit(0, 3, 1), Unit(4, 8, 2), Unit(9, 11, 4), Unit(12, 15, 5))


def adapted(name: str, folder: Path) -> Any:
    base = load_base(settings(folder), CPU, FP32)
    lora = Lora(rank=4, alpha=8.0, dropout=0.0, targets=list(ENCODERS[name][2]))
    model = add_lora(base, lora)
    add_heads(model, rows(folder, 24), FORMS)
    return model


def test_a_unit_is_read_at_its_first_token(tmp_path: Path) -> None:
    save("BERT", tmp_path)
    encoder = input_encoder(tmp_path)
    text = "il paziente, presenta  98% xyz"
    for subtask, expected in (
        ("spans", ["il", "paziente,", "presenta", "98%", "xyz"]),
        ("links", ["il", "paziente", ",", "presenta", "98", "%", "xyz"]),
    ):
        ids = encoder.encode_question(subtask, text, 128).ids
        units = units_of(text, FORMS[subtask], encoder, len(ids))
        assert [text[u.start : u.end] for u in units] == expected
        offsets = encoder.offsets(text)
        assert len(offsets) == len(ids) - 2
        for unit in units:
            start, end = offsets[unit.token - 1]
            assert start < unit.end
            assert end > unit.start
            before = offsets[unit.token - 2] if unit.token > 1 else (0, 0)
            assert before[1] <= unit.start
    assert units_of(text, FORMS["classes"], encoder, 99) == ()
    cut = units_of(text, FORMS["spans"], encoder, 3)  # beginning, one token, end
    assert [text[u.start : u.end] for u in cut] == ["il"]


def test_labels_of_units_make_up_the_spans_again() -> None:
    head = SpansHead(["PER", "LOC"], 4)
    places = [(0, 8, "LOC"), (9, 11, "LOC"), (12, 15, "PER")]
    codes = head.codes(UNITS, places)
    assert codes == [3, 4, 3, 1]

    class Fixed(torch.nn.Module):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.one_hot(torch.tensor(codes), 5).float()

    head.out = Fixed()  # type: ignore[assignment]
    assert head.places(torch.zeros(6, 4), UNITS) == places
    codes = [2, 2, 4, 0]  # an inside that continues nothing begins a span
    assert head.places(torch.zeros(6, 4), UNITS) == [(0, 8, "PER"), (9, 11, "LOC")]
    assert head.places(torch.zeros(6, 4), ()) == []


def test_numbers_are_within_the_range_of_training_and_in_its_scale() -> None:
    form = Fields(template="{x}", numbers={"x": Number(low=0.0, high=9.0, decimals=2)})
    head = FieldsHead(form, 2)
    head.fit([{"x": 1.0}, {"x": 3.0}, {"x": 5.0}])
    with torch.no_grad():
        head.out.weight.fill_(1.0)
        head.out.bias.zero_()
    row = HeadRow([], 0, 0, "x", {"x": 3.0})
    deviation = (8 / 3) ** 0.5
    for state, expected in ((0.0, 3.0), (0.5, 3.0 + deviation), (9.0, 5.0), (-9.0, 1.0)):
        value, probabilities = head.value(torch.full((3, 2), state), row)
        assert value["x"] == pytest.approx(expected, abs=1e-5)
        assert probabilities is None
    # The mean of squares, standardised, halved.
    assert float(head.loss(torch.full((3, 2), 0.5), row).detach()) == pytest.approx(0.5)


def test_words_and_pairs_are_those_that_are_likelier_than_not() -> None:
    words = WordsHead(Words(words=["a", "b"], none="n"), 2)
    with torch.no_grad():
        words.out.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        words.out.bias.zero_()
    assert words.value(torch.ones(3, 2), HeadRow([], 0, 0, "w"))[0] == ["a"]
    head = PairsHead(FORMS["links"], 4)  # type: ignore[arg-type]
    places = [(0, 3, "result"), (4, 8, "test"), (9, 11, "test"), (12, 15, "result")]
    head.spans.places = lambda *_: places  # type: ignore[method-assign]
    scores = torch.tensor([[2.0, 1.0], [-3.0, -1.0]])
    head._scores = lambda *_: scores  # type: ignore[method-assign]
    found, _ = head.value(torch.zeros(6, 4), HeadRow([], 0, 0, "l", None, UNITS))
    assert found == [(0, 3, 4, 8), (0, 3, 9, 11), (12, 15, 9, 11)]


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("headed", [True, False], ids=["pretrained", "bare"])
def test_an_encoder_is_loaded_without_its_own_heads(
    name: str, headed: bool, tmp_path: Path
) -> None:
    save(name, tmp_path, headed=headed)
    assert settled(settings(tmp_path, family="auto")).family == "encoder-only"
    base = load_base(settings(tmp_path), CPU, FP32)
    ids = torch.tensor([[1, 50, 60, 70, 2]])
    own = AutoModel.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            base(input_ids=ids).last_hidden_state, own(input_ids=ids).last_hidden_state
        )
    with pytest.raises(InputError, match="model.family is decoder-only, but model.base"):
        settled(settings(tmp_path, family="decoder-only"))


def test_positions_of_roberta_begin_after_its_padding(tmp_path: Path) -> None:
    save("RoBERTa", tmp_path)
    base = load_base(settings(tmp_path), CPU, FP32)
    assert max_positions(base.config) == 129
    base(input_ids=torch.full((1, 129), 5))
    with pytest.raises((IndexError, RuntimeError)):
        base(input_ids=torch.full((1, 130), 5))
    with pytest.raises(InputError, match=r"model.pad_id: 2, but positions of a roberta begin"):
        load_base(settings(tmp_path, pad_id=2), CPU, FP32)


@pytest.mark.parametrize("name", ENCODERS)
def test_padding_changes_nothing(name: str, tmp_path: Path) -> None:
    save(name, tmp_path)
    asked = rows(tmp_path, 12) + [HeadRow([1, *range(10, 90), 2], 82, 0, "classes")]
    path = exact_heads_path(adapted(name, tmp_path).eval(), asked, 0)
    assert not path.alone


def test_heads_stand_beside_the_adapter(tmp_path: Path) -> None:
    save("BERT", tmp_path / "base")
    model = adapted("BERT", tmp_path / "base").eval()
    (tmp_path / "adapter").mkdir()
    save_adapter(model, tmp_path / "adapter")
    names = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", *HEADS}
    again = load_adapter(load_base(settings(tmp_path / "base"), CPU, FP32), tmp_path / "adapter")
    load_heads(again, tmp_path / "adapter")
    assert again.heads.forms == FORMS
    for row in rows(tmp_path / "base", 12, seed=5):
        batch = HeadsPath(model, 0).batch([row])
        states = [HeadsPath(m, 0).states(batch)[0] for m in (model, again.eval())]
        one, other = (m.heads.of(row.subtask) for m in (model, again))
        assert one.value(states[0], row) == other.value(states[1], row)
    before = adapter_fingerprint(tmp_path / "adapter")
    weights = tmp_path / "adapter" / HEADS[1]
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    assert adapter_fingerprint(tmp_path / "adapter") != before
    weights.write_bytes(b"no safetensors")
    with pytest.raises(InputError, match="the heads"):
        load_heads(again, tmp_path / "adapter")
    weights.unlink()
    with pytest.raises(InputError, match=f"no {HEADS[1]}"):
        load_heads(again, tmp_path / "adapter")


def test_a_sub_task_without_a_head_is_named() -> None:
    heads = Heads({"a": FORMS["classes"], "b": FORMS["words"]}, 4)
    with pytest.raises(InputError, match="no head for the sub-task c; it was trained on a, b"):
        heads.of("c")


def test_a_head_reads_its_own_row_alone(tmp_path: Path) -> None:
    """Rows of one batch do not change each other's loss."""
    save("ModernBERT", tmp_path)
    path = HeadsPath(adapted("ModernBERT", tmp_path).eval(), 0)
    asked = rows(tmp_path, 12)
    random.Random(1).shuffle(asked)
    with torch.no_grad():
        together = float(path.loss(path.batch(asked)))
        apart = sum(float(path.loss(path.batch([row]))) for row in asked)
    assert together == pytest.approx(apart, rel=1e-5)
