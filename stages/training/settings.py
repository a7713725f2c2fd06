"""Settings of params.yaml about fine-tuning."""

from typing import Annotated, Literal

from pydantic import Field

from stages.common.settings import Section, Seed

Positive = Annotated[float, Field(gt=0.0, le=1e30)]  # as far as numbers of 32 bits go
Count = Annotated[int, Field(ge=1, le=1_000_000)]

ALL = "all"
"""In the place of names of layers: every linear layer but the head."""


class Lora(Section):
    """The adapter's shape; keys as in params.yaml."""

    targets: Literal["all"] | Annotated[list[str], Field(min_length=1)]
    rank: Annotated[int, Field(ge=1, le=1024)]
    alpha: Annotated[float, Field(gt=0.0, le=100_000.0)]
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]


class Finetune(Section):
    """How the adapter is trained; keys as in params.yaml."""

    engine: Literal["torch", "plain"]
    seed: Seed
    cap: Count | None
    weights: dict[str, Annotated[float, Field(ge=0.0, le=100.0)]]
    epochs: Count
    batch: Count
    learning_rate: Positive
    warmup: Annotated[float, Field(ge=0.0, le=1.0)]
    clip: Annotated[float, Field(ge=1e-6, le=1e30)]
    keep: Literal["best", "last"]
    lora: Lora
