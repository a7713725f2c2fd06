"""Settings of params.yaml about answering."""

from typing import Annotated, Literal

from pydantic import Field

from stages.common.settings import Section


class Infer(Section):
    """How questions are answered; keys as in params.yaml."""

    adapter: bool
    engine: Literal["torch", "vllm"]
    score_closed: bool
    max_new_tokens: Annotated[int, Field(ge=1)]
