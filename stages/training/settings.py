"""Settings of params.yaml about fine-tuning."""

from typing import Annotated, Literal, Self

from pydantic import Field

from stages.common.settings import Names, Section, Seed

Positive = Annotated[float, Field(gt=0.0, le=1e30)]  # as far as numbers of 32 bits go
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Lora(Section):
    """The adapter's shape; keys as in params.yaml."""

    targets: Names | Literal["all", "attention", "mlp"]
    rank: Annotated[int, Field(ge=1, le=1024)]
    alpha: Annotated[float, Field(gt=0.0, le=100_000.0)]
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    rslora: bool = False
    dora: bool = False
    b_rate: Annotated[float, Field(ge=1.0, le=1000.0)] = 1.0


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
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    clip: Annotated[float, Field(ge=1e-6, le=1e30)]
    keep: Literal["best", "last"]
    encoder_rate: Positive = 1.0
    lora: Lora

    def for_family(self, family: str) -> Self:
        """Returns the settings with the learning rate of a family of bases."""
        if family != "encoder-only":
            return self
        return self.model_copy(update={"learning_rate": self.learning_rate * self.encoder_rate})
