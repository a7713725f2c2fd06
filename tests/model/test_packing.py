"""Packed rows: each attends to itself alone, and packs are about equally long."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stages.model import attention, packing
from stages.model.last_layer import LastLayer
from stages.model.loading import dequantize, dequantized_fits, four_bit_layers, load_base
from stages.model.text import TokenRow
from tests.helpers import tiny
from tests.helpers.models import CPU, FP32, model_settings
from tests.helpers.varlen import use_varlen_attention


def row(ids: list[int], answer: int = 2) -> TokenRow:
    return TokenRow(ids, len(ids) - answer, 0)


ROWS = [row([1, 5, 6, 7, 8]), row([1, 9, 2]), row([1, 11, 12, 13, 14, 15, 16, 2], 3)]


def test_a_pack_holds_rows_end_to_end_without_the_last_token_of_answers() -> None:
    packed = packing.pack([*ROWS[:2], TokenRow([1, 4, 5], 3, 0)], CPU, FP32)
    assert packed.ids.tolist() == [[1, 5, 6, 7, 1, 9, 1, 4, 5]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 0, 1, 0, 1, 2]]
    assert packed.branches.keys is packed.rows.keys is None
    assert packed.branches.lengths == ([4, 2, 3], [4, 2, 3])
    assert packed.rows.lengths == ([2, 2, 1], [4, 2, 3])
    assert packed.predicting.tolist() == [2, 3, 4, 5, 8]
    assert packed.labels.tolist() == [7, 8, 9, 2]


HEADER = [1, *range(100, 112)]
TASK_A, TASK_B = [*HEADER, *range(20, 30)], [*HEADER, *range(30, 40)]
BRANCHING = [
    row([*TASK_A, 40, 41, 42]),
    row([*TASK_B, 40, 3]),
    row([*TASK_A, 50, 51, 52, 2], 1),
    row([1, 5, 6, 7, 8]),
    row([*TASK_B, 60]),  # whose prompt all but its end belongs to the other one, too
    row([*TASK_A, 40, 41, 42]),  # the same once more
]


def test_a_common_prefix_stands_in_a_pack_once() -> None:
    branches, last_branch = packing.prefix_tree(BRANCHING)
    assert branches == [
        (HEADER, 0, None),
        (TASK_A[13:], 13, 0),
        ([40, 41], 23, 1),
        ([40, 41], 23, 1),
        ([50, 51, 52], 23, 1),
        (TASK_B[13:21], 13, 0),
        ([38, 39, 40], 21, 5),
        ([38, 39], 21, 5),
        ([1, 5, 6, 7], 0, None),
    ]
    assert last_branch == [2, 6, 4, 8, 7, 3]
    packed = packing.pack(BRANCHING, CPU, FP32)
    sequence, keys, predicting = packed.ids[0], packed.rows.keys, iter(packed.predicting.tolist())
    for whole, tokens in zip(BRANCHING, keys.split(packed.rows.lengths[1]), strict=True):
        assert sequence[tokens].tolist() == whole.ids[:-1]
        assert packed.positions[0, tokens].tolist() == list(range(len(whole.ids) - 1))
        expected = tokens[whole.prompt - 1 :].tolist()
        assert list(islice(predicting, len(expected))) == expected
    labels = [i for whole in BRANCHING for i in whole.ids[whole.prompt :]]
    assert packed.labels.tolist() == labels


SHORT = [row([1, 5, 7]), row([1, 30, 18, 16, 9]), row([1, 6, 8]), row([1, 31, 18, 16, 9])]
"""Rows in another order than the branches of their pack, none of which is shared."""


@pytest.mark.parametrize("on", ["CPU", "GPU", "a T4"])
@pytest.mark.parametrize("kind", ["a LLaMA", "another"])
@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize("rows", [ROWS, BRANCHING, SHORT], ids=["rows", "branches", "short"])
def test_packed_rows_are_computed_as_if_alone(
    rows: list[TokenRow], key_heads: int, kind: str, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """States and gradients, also where groups of heads share keys and values."""
    causal = tiny.causal(key_heads, seed=1)
    trained = [weight for layer in causal.model.layers for weight in layer.parameters()]
    alone = torch.cat(
        [causal(input_ids=torch.tensor([r.ids])).logits[0, r.prompt - 1 : -1] for r in rows]
    )
    expected = torch.autograd.grad(alone.pow(3).sum(), trained)
    if kind == "another":  # whose last layer gives out all tokens
        monkeypatch.setattr(attention, "use_short_last_layer", lambda _: lambda: None)
    if on == "GPU":
        use_varlen_attention(monkeypatch)
    elif on == "a T4":
        monkeypatch.setattr(packing, "form_for", lambda *_: packing.Form.RELATION)
    attention.use_packed_attention(causal)
    assert isinstance(causal.model.layers[-1], LastLayer) == (kind == "a LLaMA")
    packed = packing.pack(rows, CPU, FP32)
    if on == "GPU":
        for pattern in (packed.branches, packed.rows):
            assert pattern.longest == tuple(int(bounds.diff().max()) for bounds in pattern.bounds)
    together = attention.packed_logits(causal, packed)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
    gradients = torch.autograd.grad(together.pow(3).sum(), trained)
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-4)


@given(
    st.lists(st.integers(2, 90), min_size=1, max_size=40), st.integers(1, 300), st.integers(1, 9)
)
def test_rows_are_split_into_packs_that_fit(lengths: list[int], tokens: int, kinds: int) -> None:
    rows = [
        row([n % kinds] * (length // 2) + [n] * (length - length // 2), 1)
        for n, length in enumerate(lengths)
    ]
    packs = packing.split_by_tokens(rows, tokens)
    assert sorted(i for pack in packs for i in pack) == list(range(len(rows)))
    assert all(packs)
    for pack in packs:
        assert len(pack) == 1 or packing.packed_length([rows[i] for i in pack]) <= tokens


def test_packs_are_about_equally_long() -> None:
    rows = [row([n, *range(length)]) for n, length in enumerate(range(10, 90))]
    packs = packing.split_by_tokens(rows, 1000)
    sizes = [packing.packed_length([rows[i] for i in pack]) for pack in packs]
    assert len(sizes) == 5
    assert max(sizes) - min(sizes) <= 150


@given(st.lists(st.integers(2, 90), max_size=20), st.integers(1, 9))
def test_rows_are_split_evenly_into_a_number_of_packs(lengths: list[int], count: int) -> None:
    rows = [row([n, *range(length)]) for n, length in enumerate(lengths)]
    packs = packing.split_evenly(rows, count)
    assert len(packs) == count
    assert sorted(i for pack in packs for i in pack) == list(range(len(rows)))
    longest = max(sum(len(rows[i].ids) for i in pack) for pack in packs)
    assert longest <= sum(len(row.ids) for row in rows) / count + max(lengths, default=0) + 1


def test_rows_with_a_common_prefix_come_together() -> None:
    rows = [row([kind] * 50 + [n], 1) for n in range(10) for kind in (1, 2, 3)]
    packs = packing.split_by_tokens(rows, 100)
    assert [{rows[i].ids[0] for i in pack} for pack in packs] == [{1}, {2}, {3}]
    assert packing.split_evenly(rows, 3) == packs


def test_values_of_4_bit_layers_are_kept(tiny_base: Path) -> None:
    settings = model_settings(tiny_base, quantization="nf4")
    ids = torch.tensor([[1, 5, 6, 7, 8, 9]])
    packed, plain = (load_base(settings, CPU, FP32) for _ in "ab")
    assert four_bit_layers(packed)
    assert not dequantized_fits(packed)  # on a CPU they stay packed
    dequantize(plain, FP32)
    assert not four_bit_layers(plain)
    # In training mode and with gradients, for otherwise some CPUs compute with 4-bit ones in bf16.
    embedded = plain.get_input_embeddings()(ids).requires_grad_()
    logits = [base.train()(inputs_embeds=embedded).logits for base in (packed, plain)]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("window", [3, 8, 40])
def test_windows_are_the_same_with_a_mask(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers with a sliding window, segment by segment and with a mask."""
    causal = tiny.causal(2, seed=1)
    attention.use_packed_attention(causal)
    outputs = []
    for form in (packing.Form.LENGTHS, packing.Form.RELATION):
        monkeypatch.setattr(packing, "form_for", lambda *_, form=form: form)
        packed = packing.pack(BRANCHING, CPU, FP32)
        outputs.append(attention.packed_logits(causal, packed, sliding_window=window))
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-5, atol=1e-6)
