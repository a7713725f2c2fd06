"""Settings of params.yaml about answering."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from stages.common.settings import Section, expected

HubAdapter = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+@[0-9a-f]{40}$")]
"""A hub id and its commit, as org/name@commit."""

VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # largest ranks of an adapter that vLLM knows


class Infer(Section):
    """How questions are answered; keys as in params.yaml."""

    adapter: Annotated[
        bool | HubAdapter,
        expected("true, false, or a hub id with its commit, org/name@ and 40 hex digits"),
    ]
    engine: Literal["torch", "plain", "vllm"]
    score_closed: bool
    expectations: bool = True
    dev: Annotated[int, Field(ge=0, le=1_000_000)] | None = 200
    max_new_tokens: Annotated[int, Field(ge=1, le=100_000)]


def vllm_problems(quantization: str, rank: int) -> Iterator[str]:
    """Yields what vLLM lacks (docs/vllm.md), as key and reason.

    Args:
        quantization: of the base.
        rank: of the adapter; 0 without one.
    """
    if quantization != "none":
        yield (
            f"infer.engine: vllm has no {quantization} of bitsandbytes; set model.quantization to"
            " none, or infer.engine to torch"
        )
    if rank > VLLM_RANKS[-1]:
        yield (
            f"infer.engine: vllm has no adapters of rank {rank}, but up to {VLLM_RANKS[-1]}; set"
            " infer.engine to torch"
        )
