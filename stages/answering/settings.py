"""Settings of params.yaml about answering."""

from typing import Annotated, Literal

from pydantic import Field

from stages.common.settings import Section

HubAdapter = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+@[0-9a-f]{40}$")]
"""A hub id and its commit, as org/name@commit."""


class Infer(Section):
    """How questions are answered; keys as in params.yaml."""

    adapter: bool | HubAdapter
    engine: Literal["torch", "plain", "vllm"]
    score_closed: bool
    expectations: bool = True
    dev: Annotated[int, Field(ge=0, le=1_000_000)] | None = 200
    max_new_tokens: Annotated[int, Field(ge=1, le=100_000)]
