"""Packed rows: each attends to itself alone, and they are shared out evenly."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from stages import model, packing
from stages.model import TokenRow
from tests.test_model import CPU, FP32, settings


def row(ids: list[int], answer: int = 2) -> TokenRow:
    return TokenRow(ids, len(ids) - answer, 0)


ROWS = [row([1, 5, 6, 7, 8]), row([1, 9, 2]), row([1, 11, 12, 13, 14, 15, 16, 2], 3)]


def test_a_pack_holds_rows_end_to_end() -> None:
    packed = packing.pack(ROWS[:2], CPU)
    assert packed.ids.tolist() == [[1, 5, 6, 7, 8, 1, 9, 2]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2]]
    assert packed.bounds.tolist() == [0, 5, 8]
    assert packed.labelled.tolist() == [2, 3, 5, 6]
    assert packed.labels.tolist() == [7, 8, 9, 2]


@pytest.mark.parametrize("key_heads", [4, 2])
def test_packed_rows_are_computed_as_if_alone(key_heads: int) -> None:
    """Also where groups of heads share keys and values."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=key_heads,
    )
    causal = LlamaForCausalLM(config).eval()
    alone = [
        causal.model(input_ids=torch.tensor([r.ids])).last_hidden_state[0, r.prompt - 1 : -1]
        for r in ROWS
    ]
    packing.use_packed_attention(causal)
    together = packing.hidden_states(causal.model, packing.pack(ROWS, CPU))
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-6)


@given(st.lists(st.integers(2, 90), min_size=1, max_size=40), st.integers(1, 300))
def test_rows_are_shared_out_over_packs_that_fit(lengths: list[int], tokens: int) -> None:
    rows = [row(list(range(length)), 1) for length in lengths]
    packs = list(packing.shared_out(rows, tokens))
    assert sorted(len(r.ids) for p in packs for r in p) == sorted(lengths)
    assert all(packs)
    for pack in packs:
        assert len(pack) == 1 or sum(len(r.ids) for r in pack) <= tokens


def test_packs_are_about_equally_long() -> None:
    rows = [row(list(range(length))) for length in range(10, 90)]
    sizes = [sum(len(r.ids) for r in pack) for pack in packing.shared_out(rows, 1000)]
    assert len(sizes) == 4
    assert max(sizes) - min(sizes) <= 20


def test_values_of_4_bit_layers_are_kept(tiny_base: Path) -> None:
    chosen = settings(tiny_base, quantization="nf4")
    ids = torch.tensor([[1, 5, 6, 7, 8, 9]])
    packed, plain = (model.load_base(chosen, CPU, FP32) for _ in "ab")
    assert model.four_bit_layers(packed)
    assert not model.dequantized_fits(packed)  # on a CPU they stay packed
    model.dequantize(plain, FP32)
    assert not model.four_bit_layers(plain)
    # In training mode and with gradients, for otherwise some CPUs compute with 4-bit ones in bf16.
    embedded = plain.get_input_embeddings()(ids).requires_grad_()
    logits = [base.train()(inputs_embeds=embedded).logits for base in (packed, plain)]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-5)
