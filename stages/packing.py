"""Packing: the rows of a micro-batch as one sequence, so that nothing is padded or computed twice.

Positions begin at 0 in every row, and a row attends to itself alone. What several prompts begin
with, such as the header and the instruction of a sub-task, stands in the sequence once: the rows
grow from it like branches, and attend to it as to tokens of their own. On GPUs of compute
capability 8.0 and newer PyTorch's variable-length attention does that in one kernel; elsewhere each
branch goes through scaled dot-product attention by itself.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from stages.model import TokenRow

if TYPE_CHECKING:
    import torch

ATTENTION = "packed"
"""The name under which transformers knows this attention."""

COMPILE_FROM = 10**9  # parameters (4-bit ones are counted in pairs) from which compiling pays
SHARED = 4  # tokens that prompts must begin with alike for these to be computed once


class Branch(NamedTuple):
    """A stretch of the packed sequence.

    Attributes:
        ids: its token ids.
        position: of the first of them in its rows.
        parent: the number of the branch that it grows from, or None.
    """

    ids: list[int]
    position: int
    parent: int | None


def branches(rows: Sequence[TokenRow]) -> tuple[list[Branch], list[int]]:
    """Finds what prompts have in common.

    The last token of a prompt is never shared, for the answer follows from it.

    Returns:
        The branches, each after its parent; and for each row the number of its last one.
    """
    found: list[Branch] = []
    last = [0] * len(rows)

    def grow(group: list[int], start: int, parent: int | None) -> None:
        alike: dict[tuple[int, ...], list[int]] = {}
        for i in group:
            beginning = tuple(rows[i].ids[start : min(start + SHARED, rows[i].prompt - 1)])
            alike.setdefault(beginning, []).append(i)
        for beginning, members in alike.items():
            if len(members) == 1 or len(beginning) < SHARED:
                for i in members:
                    last[i] = len(found)
                    found.append(Branch(rows[i].ids[start:], start, parent))
            else:
                end = start + _common([rows[i].ids[start : rows[i].prompt - 1] for i in members])
                number = len(found)
                found.append(Branch(rows[members[0]].ids[start:end], start, parent))
                grow(members, end, number)

    grow(list(range(len(rows))), 0, None)
    return found, last


def _common(texts: Sequence[list[int]]) -> int:
    """The number of ids with which all texts begin alike."""
    first, final = min(texts), max(texts)  # those that differ soonest
    length = min(len(first), len(final))
    return next((i for i in range(length) if first[i] != final[i]), length)


class Packed(NamedTuple):
    """Rows as one sequence.

    Attributes:
        ids: token ids, of shape (1, tokens).
        positions: the position of each token in its rows, likewise.
        bounds: where branches begin, and where the last one ends, of shape (branches + 1,).
        lengths: tokens of each branch.
        keys: for each branch in turn the tokens that it may attend to, as indices into the
            sequence: those before it in its rows and its own. None where every branch is a row.
        key_bounds: where each branch's keys begin in `keys`, and where the last ones end.
        key_lengths: how many keys each branch has.
        last: for each row the number of its last branch, whose keys are the whole row.
        labelled: indices of the tokens before those that loss is computed on.
        labels: ids of the latter.
    """

    ids: "torch.Tensor"
    positions: "torch.Tensor"
    bounds: "torch.Tensor"
    lengths: list[int]
    keys: "torch.Tensor | None"
    key_bounds: "torch.Tensor"
    key_lengths: list[int]
    last: list[int]
    labelled: "torch.Tensor"
    labels: "torch.Tensor"

    @property
    def ends(self) -> "torch.Tensor":
        """The index of each row's last token, of shape (rows,)."""
        return self.bounds[1:][self.last].long() - 1


def pack(rows: Sequence[TokenRow], device: "torch.device") -> Packed:
    """Joins rows to one sequence."""
    import torch

    found, last = branches(rows)
    lengths = [len(branch.ids) for branch in found]
    bounds = [0, *accumulate(lengths)]
    spans: list[list[tuple[int, int]]] = []  # what each branch attends to
    for number, branch in enumerate(found):
        before = [] if branch.parent is None else spans[branch.parent]
        spans.append([*before, (bounds[number], bounds[number + 1])])
    key_lengths = [branch.position + len(branch.ids) for branch in found]
    labelled: list[int] = []
    labels: list[int] = []
    for row, number in zip(rows, last, strict=True):
        offset = bounds[number] - found[number].position
        labelled += range(offset + row.prompt - 1, offset + len(row.ids) - 1)
        labels += row.ids[row.prompt :]
    keys = None
    if any(branch.parent is not None for branch in found):
        keys = torch.cat([torch.arange(*span) for span in chain.from_iterable(spans)]).to(device)
    positions = [torch.arange(b.position, b.position + len(b.ids)) for b in found]
    return Packed(
        torch.tensor([list(chain.from_iterable(branch.ids for branch in found))]).to(device),
        torch.cat(positions)[None].to(device),
        torch.tensor(bounds, dtype=torch.int32).to(device),
        lengths,
        keys,
        torch.tensor([0, *accumulate(key_lengths)], dtype=torch.int32).to(device),
        key_lengths,
        last,
        torch.tensor(labelled, dtype=torch.long).to(device),
        torch.tensor(labels, dtype=torch.long).to(device),
    )


def packed_length(rows: Sequence[TokenRow]) -> int:
    """How many tokens rows have once they are packed."""
    return sum(len(branch.ids) for branch in branches(rows)[0])


def shared_out(rows: Sequence[TokenRow], tokens: int) -> list[list[int]]:
    """Shares rows out over as few packs as will do, which are about equally long.

    Rows that begin alike come together.

    Args:
        rows: what to share out.
        tokens: of a pack, at most; a longer row is alone.

    Returns:
        For each pack the numbers of its rows.
    """
    order = sorted(range(len(rows)), key=lambda i: rows[i].ids)
    saved = [0]
    for one, other in pairwise(rows[i] for i in order):
        common = _common([one.ids[: one.prompt - 1], other.ids[: other.prompt - 1]])
        saved.append(max(0, common - SHARED + 1))  # at least; branches may part a little sooner

    def packs(size: int) -> list[list[int]]:
        found: list[list[int]] = []
        filled = 0
        for i, common in zip(order, saved, strict=False):
            length = len(rows[i].ids)
            if found and filled + length - common <= size:
                found[-1].append(i)
                filled += length - common
            else:
                found.append([i])
                filled = length
        return found

    fewest = len(packs(tokens))
    low, high = 0, tokens  # the smallest size that needs no more packs, by bisection
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if len(packs(middle)) == fewest else (middle, high)
    return packs(high)


def one_kernel(device: "torch.device") -> bool:
    """Whether a device has variable-length attention in one kernel."""
    import torch

    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def can_compile(model: Any) -> bool:
    """Whether compiling a model's layers is possible and pays: large ones, on newer GPUs."""
    from torch.utils._triton import has_triton

    parameters = sum(p.numel() for p in model.parameters())
    return parameters >= COMPILE_FROM and one_kernel(model.device) and has_triton()


def hidden_states(
    decoder: Any, packed: Packed, wanted: "torch.Tensor", **more: Any
) -> "torch.Tensor":
    """Runs a decoder, whose attention is this module's, on packed rows.

    Args:
        decoder: the model without its head.
        packed: the rows.
        wanted: indices of the tokens whose states are returned.
        **more: for the attention.

    Returns:
        The last hidden states, of shape (wanted, size).
    """
    kernel = one_kernel(packed.ids.device)
    before = None if kernel else lower_triangle(max(packed.key_lengths), packed.ids.device)
    states = decoder(
        input_ids=packed.ids,
        position_ids=packed.positions,
        use_cache=False,
        packed_keys=packed.keys,
        packed_bounds=(packed.bounds, packed.key_bounds) if kernel else None,
        packed_longest=(max(packed.lengths), max(packed.key_lengths)) if kernel else None,
        packed_lengths=None if kernel else (packed.lengths, packed.key_lengths),
        packed_before=before,
        **more,
    ).last_hidden_state
    return states[0, wanted]  # type: ignore[no-any-return]


def use_packed_attention(causal: Any) -> None:
    """Makes a model of transformers attend branch by branch, as `hidden_states` asks it to."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, packed_attention)
    causal.set_attn_implementation(ATTENTION)


def packed_attention(
    module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: None,
    *,
    scaling: float,
    packed_keys: "torch.Tensor | None",
    packed_bounds: "tuple[torch.Tensor, torch.Tensor] | None",
    packed_longest: tuple[int, int] | None,
    packed_lengths: tuple[list[int], list[int]] | None,
    packed_before: "torch.Tensor | None",
    packed_keep: "Callable[[torch.Tensor, torch.Tensor], None] | None" = None,
    **_: Any,
) -> "tuple[torch.Tensor, None]":
    """Causal attention of each branch to itself and to what it grows from.

    In the form that transformers calls; keyword arguments come from `hidden_states`; their names
    are such as transformers will hardly use itself.

    Args:
        module: the attention layer.
        query: of shape (1, heads, tokens, size).
        key: likewise; there may be fewer heads, shared by groups of the query's.
        value: like the key.
        attention_mask: none.
        scaling: of the products of queries and keys.
        packed_keys: see `Packed`.
        packed_bounds: where branches and their keys begin; for the one kernel, else None.
        packed_longest: tokens of the longest branch and the most keys of one, for the one kernel.
        packed_lengths: of branches and their keys, where each goes by itself, else None.
        packed_before: the lower triangle of a matrix as large as the longest keys, likewise.
        packed_keep: is given the keys and values as `packed_keys` puts them.

    Returns:
        The output, of shape (1, tokens, heads, size), and no weights.
    """
    import torch

    if packed_keys is not None:
        key, value = (gathered(side, packed_keys) for side in (key, value))
    if packed_keep is not None:
        packed_keep(key, value)
    if (groups := query.shape[1] // key.shape[1]) > 1:
        key, value = (side.repeat_interleave(groups, dim=1) for side in (key, value))
    if packed_lengths is None or packed_before is None:
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = (side.squeeze(0).transpose(0, 1) for side in (query, key, value))
        window = (-1, 0)  # every token before, none after; the last query stands at the last key
        out: torch.Tensor = varlen_attn(  # type: ignore[assignment]
            *(q, k, v, *cast(Any, packed_bounds), *cast(Any, packed_longest)),
            scale=scaling,
            window_size=window,
        )
        return out.unsqueeze(0), None
    outs = []
    for q, k, v in zip(
        torch.split(query, packed_lengths[0], dim=2),
        *(torch.split(side, packed_lengths[1], dim=2) for side in (key, value)),
        strict=True,
    ):
        tokens, of_keys = q.shape[2], k.shape[2]
        mask = packed_before[of_keys - tokens : of_keys, :of_keys] if tokens < of_keys else None
        outs.append(
            torch.nn.functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling
            )
        )
    return torch.cat(outs, dim=2).transpose(1, 2), None


def lower_triangle(size: int, device: "torch.device") -> "torch.Tensor":
    """A matrix of (query, key) that is true where the key does not come after the query."""
    import torch

    return torch.ones(size, size, dtype=torch.bool, device=device).tril()


def gathered(side: "torch.Tensor", keys: "torch.Tensor") -> "torch.Tensor":
    """Picks keys or values of shape (1, heads, tokens, size) by token.

    As an embedding, whose gradient is summed in fp32 also where the values have 16 bits.
    """
    import torch

    _, heads, _, size = side.shape
    picked = torch.nn.functional.embedding(keys, side.squeeze(0).transpose(0, 1).flatten(1))
    return picked.view(-1, heads, size).transpose(0, 1).unsqueeze(0)
