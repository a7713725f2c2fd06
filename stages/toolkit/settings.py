"""Settings of params.yaml that concern the tasks and their scores."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from stages.common.settings import Section, Seed, Text
from stages.toolkit.splits import HoldOut


class Data(Section):
    """Where the raw files and the prompt file are."""

    raw: Text
    prompts: Text


class Run(Section):
    """Names under which answers are submitted.

    Section decode has a further key, which decode alone reads; it refuses unknown ones.
    """

    model_config = ConfigDict(extra="ignore")

    team: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
    run: Annotated[int, Field(ge=1, le=5)]

    def file_name(self, template: str) -> str:
        """The name of a submission file: a template with ``{team}`` and ``{run}`` filled in."""
        return template.format(team=self.team, run=self.run)


class Decode(Run):
    """Section decode of params.yaml: names, and whether rules learnt on dev decide answers."""

    model_config = ConfigDict(extra="forbid")

    rule: Literal["dev", "plain"]


class Bootstrap(Section):
    """How intervals are computed: the number of resamples and their seed."""

    resamples: Annotated[int, Field(ge=100, le=100_000)]
    seed: Seed


class Encode(HoldOut):
    """Section encode of params.yaml: what is held out, and whether leaks are left out or kept."""

    model_config = ConfigDict(extra="forbid")

    leaks: Literal["drop", "keep"]
