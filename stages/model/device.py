"""The device of this process: its number type, its free memory, what it is able to do."""

import math
from typing import Any

import torch
from torch.utils._triton import has_triton
from transformers.pytorch_utils import Conv1D

from stages.model import processes

# Parameters of linear layers from which compiling pays: it took 28 to 67 s on hosts of H100s, and
# saved 6 us a token of a model of a billion parameters in training, 2 us with 135 million.
COMPILE_FROM = 10**9


def device_and_dtype() -> tuple[torch.device, torch.dtype]:
    """Chooses what this process computes with: bf16 or fp16 on its GPU, fp32 on a CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu"), torch.float32
    device = torch.device("cuda", processes.here().local_rank)
    torch.cuda.set_device(device)
    has_fast_bf16 = torch.cuda.get_device_capability() >= (8, 0)
    return device, torch.bfloat16 if has_fast_bf16 else torch.float16


def has_varlen_attention(device: torch.device, dtype: torch.dtype) -> bool:
    """Says whether a device has variable-length attention, one kernel for all segments, of a type.

    Args:
        device: where attention is computed.
        dtype: number type of queries, keys and values.
    """
    if device.type != "cuda" or dtype == torch.float32:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0)


def free_memory(device: torch.device) -> float:
    """Returns the bytes of a GPU's memory that this process may still use."""
    free, total = torch.cuda.mem_get_info(device)
    used = torch.cuda.memory_allocated(device)
    share = torch.cuda.get_per_process_memory_fraction(device)
    return float(min(total * share - used, free + torch.cuda.memory_reserved(device) - used))


def can_compile(model: Any) -> bool:
    """Says whether compiling a model's layers is possible and pays: large ones, on newer GPUs."""
    return (
        linear_parameters(model) >= COMPILE_FROM
        and has_varlen_attention(model.device, model.dtype)
        and has_triton()
    )


def linear_parameters(model: Any) -> int:
    """Returns the number of parameters of linear layers: a token costs twice as many operations."""
    linear = (m for m in model.modules() if isinstance(m, (torch.nn.Linear, Conv1D)))
    return sum(math.prod(_shape(layer)) for layer in linear)


def _shape(layer: Any) -> tuple[int, int]:
    """Sizes of input and output; quantised weights have other shapes."""
    if isinstance(layer, Conv1D):
        return layer.nx, layer.nf
    return layer.in_features, layer.out_features


def compile_layers(decoder: Any) -> None:
    """Compiles a decoder's layers for packed sequences of any length."""
    for layer in decoder.layers:
        layer.compile(dynamic=True)
