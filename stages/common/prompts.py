"""Prompts: a template, a header, and an instruction for each sub-task, from one YAML file.

Read by ``settings.read(Prompts, path)``. encode writes those of the encoded sub-tasks to
prompts.json, from which finetune and infer read them, so that a remark in the file, or the
instruction of another sub-task, reruns neither.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Self

from pydantic import field_validator

from stages.common.command import InputError
from stages.common.settings import Section, Text

_PLACE = re.compile(r"(\{(?:header|instruction|input)\})")


class Prompts(Section):
    """What the model is shown.

    Attributes:
        template: text with ``{header}``, ``{instruction}`` and ``{input}``, the last just once;
            other braces stand for themselves. The answer follows the filled template directly.
        header: a sentence about all the tasks; may be empty.
        instructions: an instruction for each sub-task, by its name.
    """

    template: Text
    header: str
    instructions: Mapping[str, Text]

    @field_validator("template")
    @classmethod
    def _has_one_input(cls, template: str) -> str:
        if template.count("{input}") != 1:
            raise ValueError("{input} must stand in the template once")
        return template

    def select(self, subtasks: Iterable[str]) -> Self:
        """Returns the prompts of some sub-tasks alone, in the order of their names.

        Raises:
            InputError: if there is no instruction for one of them.
        """
        names = sorted(subtasks)
        if absent := [name for name in names if name not in self.instructions]:
            raise InputError(
                f"the prompt file has no instruction for the sub-task {', '.join(absent)}"
            )
        instructions = {name: self.instructions[name] for name in names}
        return self.model_copy(update={"instructions": instructions})

    def render(self, task: str, text: str) -> str:
        """Fills the template for a sub-task.

        Raises:
            InputError: if there is no instruction for the sub-task.
        """
        if task not in self.instructions:
            raise InputError(f"the prompt file has no instruction for the sub-task {task}")
        values = {
            "{header}": self.header,
            "{instruction}": self.instructions[task],
            "{input}": text,
        }
        return "".join(values.get(piece, piece) for piece in _PLACE.split(self.template))
