"""The device of this process: its number type, its free memory, what it is able to do."""

from typing import Any

import torch
from torch.utils._triton import has_triton

from stages.model import processes

COMPILE_FROM = 10**9  # parameters (4-bit ones are counted in pairs) from which compiling pays


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
    parameters = sum(p.numel() for p in model.parameters())
    return (
        parameters >= COMPILE_FROM
        and has_varlen_attention(model.device, model.dtype)
        and has_triton()
    )


def compile_layers(decoder: Any) -> None:
    """Compiles a decoder's layers for packed sequences of any length."""
    for layer in decoder.layers:
        layer.compile(dynamic=True)
