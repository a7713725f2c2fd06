"""Check: every key of params.yaml is known and every value in range, before any work begins.

Reads all of params.yaml, also the keys that no other stage reads, and the prompt file, and asks the
selected tasks how many runs their organisers read; writes nothing. It stands first in dvc.yaml and
runs whenever any value has changed: a misspelt key, which DVC would take for one that nothing
depends on, ends here and not in a run with the old results.

    python -m stages.check
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from stages.answering.settings import Infer, vllm_problems
from stages.common.command import InputError, folders, run
from stages.common.prompts import Prompts
from stages.common.settings import PARAMS, Names, Section, load, read, validate
from stages.linear.settings import Baseline
from stages.model.family import check_here
from stages.model.settings import Model
from stages.tasks import problems
from stages.toolkit.settings import Bootstrap, Data, Decode, Encode
from stages.training.settings import Finetune


class Cost(Section):
    """How costs are told (analysis/emissions.py); no result depends on it."""

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


class Settings(Section):
    """All of params.yaml."""

    tasks: Names
    data: Data
    encode: Encode
    model: Model
    finetune: Finetune
    cost: Cost
    infer: Infer
    baseline: Baseline
    decode: Decode
    evaluate: Bootstrap


def check(content: Any, source: str) -> Settings:
    """Checks all settings.

    Args:
        content: of params.yaml, as nested mappings; paths are relative to the current folder.
        source: where it comes from, for messages.

    Raises:
        InputError: if a key is unknown or absent, or a value is out of range, for all of them; if
            the settings contradict the base's own configuration.
    """
    settings = validate(Settings, content, source)
    found = list(problems(settings.tasks, settings.decode.run))
    prompts = Path(settings.data.prompts)
    instructions = read(Prompts, prompts).instructions
    if unknown := settings.finetune.weights.keys() - instructions.keys():
        found.append(f"finetune.weights: {prompts} has no sub-task {', '.join(sorted(unknown))}")
    if settings.infer.engine == "vllm":
        rank = settings.finetune.lora.rank if settings.infer.adapter is True else 0
        found += vllm_problems(settings.model.quantization, rank)
    if found:
        raise InputError("\n".join(f"{source}: {problem}" for problem in found))
    check_here(settings.model, settings.infer.engine)
    return settings


def main() -> None:
    """Runs the stage."""
    folders(__doc__)
    check(load(PARAMS), str(PARAMS))


if __name__ == "__main__":
    run(main)
