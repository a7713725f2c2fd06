"""Packed rows: each attends to itself alone, and they are shared out evenly."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stages.model import last_layer, packing
from stages.model.loading import dequantize, dequantized_fits, four_bit_layers, load_base
from stages.model.text import TokenRow
from tests.helpers import tiny
from tests.model.test_loading import CPU, FP32, settings


def row(ids: list[int], answer: int = 2) -> TokenRow:
    return TokenRow(ids, len(ids) - answer, 0)


ROWS = [row([1, 5, 6, 7, 8]), row([1, 9, 2]), row([1, 11, 12, 13, 14, 15, 16, 2], 3)]


def test_a_pack_holds_rows_end_to_end_without_the_last_token_of_answers() -> None:
    packed = packing.pack([*ROWS[:2], TokenRow([1, 4, 5], 3, 0)], CPU)
    assert packed.ids.tolist() == [[1, 5, 6, 7, 1, 9, 1, 4, 5]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 0, 1, 0, 1, 2]]
    assert packed.branches.keys is packed.rows.keys is None
    assert packed.branches.lengths == ([4, 2, 3], [4, 2, 3])
    assert packed.rows.lengths == ([2, 2, 1], [4, 2, 3])
    assert packed.wanted.tolist() == [2, 3, 4, 5, 8]
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


def test_what_prompts_begin_with_stands_in_a_pack_once() -> None:
    found, last = packing.branches(BRANCHING)
    assert found == [
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
    assert last == [2, 6, 4, 8, 7, 3]
    packed = packing.pack(BRANCHING, CPU)
    sequence, keys, wanted = packed.ids[0], packed.rows.keys, iter(packed.wanted.tolist())
    for whole, of_row in zip(BRANCHING, keys.split(packed.rows.lengths[1]), strict=True):
        assert sequence[of_row].tolist() == whole.ids[:-1]
        assert packed.positions[0, of_row].tolist() == list(range(len(whole.ids) - 1))
        asking = of_row[whole.prompt - 1 :].tolist()
        assert list(islice(wanted, len(asking))) == asking
    labels = [i for whole in BRANCHING for i in whole.ids[whole.prompt :]]
    assert packed.labels.tolist() == labels


def kernel(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    query_bounds: torch.Tensor,
    key_bounds: torch.Tensor,
    most_queries: int,
    most_keys: int,
    *,
    scale: float,
    window_size: tuple[int, int],
) -> torch.Tensor:
    """What the one kernel of GPUs computes, from its definition."""
    assert window_size == (-1, 0)
    queries_of, keys_of = query_bounds.diff().tolist(), key_bounds.diff().tolist()
    assert max(queries_of) <= most_queries
    assert max(keys_of) <= most_keys
    assert (query_bounds[-1], key_bounds[-1]) == (len(q), len(k))
    outs = []
    for queries, keys, values in zip(
        q.split(queries_of), k.split(keys_of), v.split(keys_of), strict=True
    ):
        scores = torch.einsum("qhd,khd->hqk", queries, keys) * scale
        after = torch.ones(scores.shape[1:]).triu(1 + len(keys) - len(queries)).bool()
        weights = scores.masked_fill(after, -torch.inf).softmax(dim=-1)
        outs.append(torch.einsum("hqk,khd->qhd", weights, values))
    return torch.cat(outs)


@pytest.mark.parametrize("on", ["CPU", "GPU"])
@pytest.mark.parametrize("kind", ["a LLaMA", "another"])
@pytest.mark.parametrize("key_heads", [4, 2])
@pytest.mark.parametrize("rows", [ROWS, BRANCHING], ids=["rows", "branches"])
def test_packed_rows_are_computed_as_if_alone(
    rows: list[TokenRow], key_heads: int, kind: str, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """States and gradients, also where groups of heads share keys and values."""
    causal = tiny.causal(key_heads, seed=1)
    learnt = [weight for layer in causal.model.layers for weight in layer.parameters()]
    alone = torch.cat(
        [
            causal.model(input_ids=torch.tensor([r.ids])).last_hidden_state[0, r.prompt - 1 : -1]
            for r in rows
        ]
    )
    expected = torch.autograd.grad(alone.pow(3).sum(), learnt)
    if kind == "another":  # whose last layer gives out all tokens
        monkeypatch.setattr(last_layer, "shorten", lambda _: None)
    if on == "GPU":
        monkeypatch.setattr(packing, "one_kernel", lambda _: True)
        monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", kernel)
    packing.use_packed_attention(causal)
    assert isinstance(causal.model.layers[-1], last_layer.LastLayer) == (kind == "a LLaMA")
    packed = packing.pack(rows, CPU)
    if on == "GPU":
        for pattern in (packed.branches, packed.rows):
            assert pattern.longest == tuple(int(side.diff().max()) for side in pattern.bounds)
    together = packing.hidden_states(causal.model, packed)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
    found = torch.autograd.grad(together.pow(3).sum(), learnt)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@given(
    st.lists(st.integers(2, 90), min_size=1, max_size=40), st.integers(1, 300), st.integers(1, 9)
)
def test_rows_are_shared_out_over_packs_that_fit(
    lengths: list[int], tokens: int, kinds: int
) -> None:
    rows = [
        row([n % kinds] * (length // 2) + [n] * (length - length // 2), 1)
        for n, length in enumerate(lengths)
    ]
    packs = packing.shared_out(rows, tokens)
    assert sorted(i for pack in packs for i in pack) == list(range(len(rows)))
    assert all(packs)
    for pack in packs:
        assert len(pack) == 1 or packing.packed_length([rows[i] for i in pack]) <= tokens


def test_packs_are_about_equally_long() -> None:
    rows = [row([n, *range(length)]) for n, length in enumerate(range(10, 90))]
    packs = packing.shared_out(rows, 1000)
    sizes = [packing.packed_length([rows[i] for i in pack]) for pack in packs]
    assert len(sizes) == 5
    assert max(sizes) - min(sizes) <= 150


@given(st.lists(st.integers(2, 90), max_size=20), st.integers(1, 9))
def test_rows_are_divided_into_so_many_packs(lengths: list[int], count: int) -> None:
    rows = [row([n, *range(length)]) for n, length in enumerate(lengths)]
    packs = packing.divided(rows, count)
    assert len(packs) == count
    assert sorted(i for pack in packs for i in pack) == list(range(len(rows)))
    longest = max(sum(len(rows[i].ids) for i in pack) for pack in packs)
    assert longest <= sum(len(row.ids) for row in rows) / count + max(lengths, default=0) + 1


def test_rows_that_begin_alike_come_together() -> None:
    rows = [row([kind] * 50 + [n], 1) for n in range(10) for kind in (1, 2, 3)]
    packs = packing.shared_out(rows, 100)
    assert [{rows[i].ids[0] for i in pack} for pack in packs] == [{1}, {2}, {3}]
    assert packing.divided(rows, 3) == packs


def test_values_of_4_bit_layers_are_kept(tiny_base: Path) -> None:
    chosen = settings(tiny_base, quantization="nf4")
    ids = torch.tensor([[1, 5, 6, 7, 8, 9]])
    packed, plain = (load_base(chosen, CPU, FP32) for _ in "ab")
    assert four_bit_layers(packed)
    assert not dequantized_fits(packed)  # on a CPU they stay packed
    dequantize(plain, FP32)
    assert not four_bit_layers(plain)
    # In training mode and with gradients, for otherwise some CPUs compute with 4-bit ones in bf16.
    embedded = plain.get_input_embeddings()(ids).requires_grad_()
    logits = [base.train()(inputs_embeds=embedded).logits for base in (packed, plain)]
    torch.testing.assert_close(*logits, rtol=1e-4, atol=1e-5)
