"""Settings of params.yaml about the base model."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stages.common.settings import Place, Section, expected

TokenId = Annotated[int, Field(ge=0, lt=2**31)]
Family = Literal["decoder-only", "encoder-decoder", "encoder-only"]
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Model(Section):
    """The base model and how texts are given to it; keys as in params.yaml."""

    base: Place
    family: Literal["auto"] | Family
    revision: Revision | None
    tokenizer: Place | None
    tokenizer_revision: Revision | None
    pad_id: TokenId
    bos_id: TokenId | None
    eos_id: Annotated[
        TokenId | Annotated[list[TokenId], Field(min_length=1)],
        expected("a token id, or a list of one or more"),
    ]
    start_id: TokenId | None
    quantization: Literal["nf4", "int8", "none"]
    cutoff: Annotated[int, Field(ge=16, le=1_000_000)]
    max_characters: Annotated[int, Field(ge=1, le=1_000_000_000)] | None

    @property
    def end_ids(self) -> tuple[int, ...]:
        """The tokens that end an answer; the model learns to write the first one."""
        return tuple(self.eos_id) if isinstance(self.eos_id, list) else (self.eos_id,)

    @property
    def stated_ids(self) -> dict[str, int]:
        """All ids that are stated, by a name for messages."""
        ids = {"pad_id": self.pad_id, "bos_id": self.bos_id}
        ids |= {f"eos_id[{n}]": token for n, token in enumerate(self.end_ids)}
        if self.family == "encoder-decoder":
            ids["start_id"] = self.start_id
        return {name: token for name, token in ids.items() if token is not None}

    @property
    def has_encoder(self) -> bool:
        """Whether the base has an encoder, which reads a prompt with an end token.

        Raises:
            ValueError: if it is not known yet (stages/model/loading.py: `settled`).
        """
        if self.family == "auto":
            raise ValueError("the family of the base is not settled")
        return self.family != "decoder-only"

    @model_validator(mode="after")
    def _hub_ids_are_pinned(self) -> Self:
        for what, place, revision in (
            ("base", self.base, self.revision),
            ("tokenizer", self.tokenizer, self.tokenizer_revision),
        ):
            if revision is not None and not revision.strip("0"):
                raise ValueError(
                    f"in the place of the zeros belongs the commit of {place!r} that you pin"
                )
            if place and not Path(place).is_dir() and revision is None:
                raise ValueError(
                    f"model.{what} {place!r} is no folder here; a hub id needs its commit"
                    f" (40 hex digits) as {'' if what == 'base' else 'tokenizer_'}revision"
                )
        return self
