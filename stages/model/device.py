"""What this process computes with: its device, its number type, its memory."""

import torch

from stages.model import processes


def device_and_dtype() -> tuple[torch.device, torch.dtype]:
    """Finds what this process computes with: bf16 or fp16 on its GPU, fp32 on a CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu"), torch.float32
    device = torch.device("cuda", processes.here().local_rank)
    torch.cuda.set_device(device)
    fast = torch.cuda.get_device_capability() >= (8, 0)
    return device, torch.bfloat16 if fast else torch.float16


def free_memory(device: torch.device) -> float:
    """Bytes of a GPU's memory that this process may still use."""
    free, total = torch.cuda.mem_get_info(device)
    used = torch.cuda.memory_allocated(device)
    share = torch.cuda.get_per_process_memory_fraction(device)
    return float(min(total * share - used, free + torch.cuda.memory_reserved(device) - used))
