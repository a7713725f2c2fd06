"""Kernels of our own, in Triton, for what PyTorch computes in many small ones.

They compute in fp32 and round once. Triton comes with PyTorch for GPUs; on a CPU this module cannot
be imported.
"""

import torch
import triton
import triton.language as tl

BLOCK = 1024  # values of a row that a program computes


def rotate(
    states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *, back: bool
) -> torch.Tensor:
    """Rotates the halves of vectors by angles, or gives the gradient of that.

    See `stages.model.rotations.rotate`.
    """
    tokens, heads, size = states.shape
    states, cos, sin = map(_with_whole_rows, (states, cos, sin))
    result = states.new_empty(tokens, heads, size)
    if result.numel():
        _rotate[(tokens,)](
            states,
            result,
            cos,
            sin,
            states.stride(0),
            states.stride(1),
            cos.stride(0),
            sin.stride(0),
            heads,
            size // 2,
            HEADS=triton.next_power_of_2(heads),
            HALF=triton.next_power_of_2(size // 2),
            BACK=back,
        )
    return result


def gate(gates: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Computes silu(gates) * values of two matrices."""
    gates, values = _with_whole_rows(gates), _with_whole_rows(values)
    result = torch.empty_like(values, memory_format=torch.contiguous_format)
    strides = gates.stride(0), values.stride(0)
    _gate[_grid(values)](gates, values, result, *strides, values.shape[1], BLOCK)
    return result


def gate_back(
    gradient: torch.Tensor, gates: torch.Tensor, values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes the gradients of `gate`, given that of its result."""
    gradient, gates, values = map(_with_whole_rows, (gradient, gates, values))
    results = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(2)]
    strides = gradient.stride(0), gates.stride(0), values.stride(0)
    _gate_back[_grid(values)](gradient, gates, values, *results, *strides, values.shape[1], BLOCK)
    return results[0], results[1]


def _with_whole_rows(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix, or a copy of it whose rows are contiguous."""
    return matrix if matrix.stride(-1) == 1 else matrix.contiguous()


def _grid(matrix: torch.Tensor) -> tuple[int, int]:
    return matrix.shape[0], triton.cdiv(matrix.shape[1], BLOCK)


@triton.jit
def _rotate(
    states,
    result,
    cos,
    sin,
    token_stride,
    head_stride,
    cos_stride,
    sin_stride,
    heads,
    half,
    HEADS: tl.constexpr,
    HALF: tl.constexpr,
    BACK: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    head, place = tl.arange(0, HEADS)[:, None], tl.arange(0, HALF)[None, :]
    inside = (head < heads) & (place < half)
    read = states + token * token_stride + head * head_stride + place
    first = tl.load(read, mask=inside).to(tl.float32)
    second = tl.load(read + half, mask=inside).to(tl.float32)
    cos, sin = cos + token * cos_stride + place, sin + token * sin_stride + place
    near = place < half
    cos_first = tl.load(cos, mask=near).to(tl.float32)
    cos_second = tl.load(cos + half, mask=near).to(tl.float32)
    sin_first = tl.load(sin, mask=near).to(tl.float32)
    sin_second = tl.load(sin + half, mask=near).to(tl.float32)
    if BACK:
        new_first = first * cos_first + second * sin_second
        new_second = second * cos_second - first * sin_first
    else:
        new_first = first * cos_first - second * sin_first
        new_second = second * cos_second + first * sin_second
    write = result + (token * heads + head) * 2 * half + place
    tl.store(write, new_first, mask=inside)
    tl.store(write + half, new_second, mask=inside)


@triton.jit
def _gate(gates, values, result, gate_stride, value_stride, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = place < width
    gating = tl.load(gates + row * gate_stride + place, mask=inside).to(tl.float32)
    value = tl.load(values + row * value_stride + place, mask=inside).to(tl.float32)
    tl.store(result + row * width + place, gating * tl.sigmoid(gating) * value, mask=inside)


@triton.jit
def _gate_back(
    gradient,
    gates,
    values,
    to_gates,
    to_values,
    gradient_stride,
    gate_stride,
    value_stride,
    width,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = place < width
    given = tl.load(gradient + row * gradient_stride + place, mask=inside).to(tl.float32)
    gating = tl.load(gates + row * gate_stride + place, mask=inside).to(tl.float32)
    value = tl.load(values + row * value_stride + place, mask=inside).to(tl.float32)
    sigmoid = tl.sigmoid(gating)
    slope = sigmoid * (1 + gating * (1 - sigmoid))
    tl.store(to_gates + row * width + place, given * value * slope, mask=inside)
    tl.store(to_values + row * width + place, given * gating * sigmoid, mask=inside)
