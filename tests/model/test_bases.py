"""Bases of many families, with their peculiarities on: exact, on whatever path, or refused."""

from pathlib import Path

import pytest

from tests.helpers.exactness import PAGE, line, measure_all
from tests.helpers.families import FAMILIES

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::UserWarning"),  # of peft, about layers of GPT-2
]


@pytest.mark.parametrize("name", FAMILIES)
def test_loss_gradient_and_answers_are_those_of_transformers_and_peft(
    name: str, tmp_path: Path
) -> None:
    found = measure_all(FAMILIES[name], tmp_path)
    assert found["none"] is not None, "refused without a quantization"
    for quantization, one in found.items():
        assert one is None or one.is_exact(), (quantization, one)
    shown = f"| {' | '.join(line(name, found))} | "
    assert shown in PAGE.read_text(encoding="utf-8"), "python -m tests.helpers.exactness"
