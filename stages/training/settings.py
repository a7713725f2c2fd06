"""Settings of params.yaml about fine-tuning."""

from typing import Annotated, Literal

from pydantic import Field

from stages.common.settings import Section

Positive = Annotated[float, Field(gt=0.0)]


class Lora(Section):
    """The adapter's shape; keys as in params.yaml."""

    targets: Annotated[list[str], Field(min_length=1)]
    rank: Annotated[int, Field(ge=1, le=1024)]
    alpha: Positive
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]


class Finetune(Section):
    """How the adapter is trained; keys as in params.yaml."""

    engine: Literal["torch", "plain"]
    seed: Annotated[int, Field(ge=0)]
    cap: Annotated[int, Field(ge=1)] | None
    weights: dict[str, Annotated[float, Field(ge=0.0, le=100.0)]]
    epochs: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    learning_rate: Positive
    warmup: Annotated[float, Field(ge=0.0, le=1.0)]
    clip: Positive
    keep: Literal["best", "last"]
    lora: Lora
