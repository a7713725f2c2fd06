"""Settings of params.yaml about the linear baseline."""

from typing import Annotated

from pydantic import Field

from stages.common.settings import Section


class Baseline(Section):
    """How linear models are fitted; the key as in params.yaml."""

    regularization: Annotated[
        float, Field(ge=1e-4, le=1e6)
    ]  # beyond, fitting does not come to an end
