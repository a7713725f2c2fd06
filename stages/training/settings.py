"""Settings of params.yaml about fine-tuning and its cost."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from stages.common.settings import Section, Seed

Positive = Annotated[float, Field(gt=0.0, le=1e30)]  # as far as numbers of 32 bits go
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Lora(Section):
    """The adapter's shape; keys as in params.yaml."""

    rank: Annotated[int, Field(ge=1, le=1024)]
    alpha: Annotated[float, Field(gt=0.0, le=100_000.0)]
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    targets: Annotated[list[str], Field(min_length=1)]


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


class Cost(Section):
    """How costs are told; keys as in params.yaml."""

    country: Annotated[str, Field(pattern="^[A-Z]{3}$")]

    @field_validator("country")
    @classmethod
    def _is_known(cls, country: str) -> str:
        from codecarbon.input import DataSource

        if country not in (known := DataSource().get_global_energy_mix_data()):
            raise ValueError(
                "codecarbon has no energy mix of this country; expected a three-letter ISO code"
                f" such as ITA, one of {len(known)}"
            )
        return country
