"""Settings of params.yaml that the tasks and their scores read."""

from typing import Annotated

from pydantic import Field

from stages.common.settings import Section, Seed


class Run(Section):
    """Names under which answers are submitted."""

    team: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
    run: Annotated[int, Field(ge=1, le=5)]

    def file_name(self, template: str) -> str:
        """The name of a submission file: a template with ``{team}`` and ``{run}`` filled in."""
        return template.format(team=self.team, run=self.run)


class Bootstrap(Section):
    """How intervals are computed: the number of resamples and their seed."""

    resamples: Annotated[int, Field(ge=100, le=100_000)]
    seed: Seed
