"""Forms of answers with numbers."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from stages.common.command import InputError
from stages.common.forms import NumberForm, read_forms

PLACE = NumberForm(after="[geo] ", ranges=((-1.0, 1.0), (6.0, 9.0)), decimals=1)


def test_the_numbers_of_a_range_are_written_with_their_decimals() -> None:
    texts = [text for text, _ in PLACE.numbers(0)]
    assert (texts[0], texts[10], texts[-1], len(texts)) == ("-1.0", "0.0", "1.0", 21)
    assert PLACE.write(-0.04) == "0.0"
    assert PLACE.clip(1, 9.7) == 9.0


@pytest.mark.parametrize(
    ("answer", "filled"),
    [
        ("[regione] Lazio [geo] 4 5 6", "[regione] Lazio [geo] 0.3 7.0"),
        ("[regione] Lazio [geo]", "[regione] Lazio [geo] 0.3 7.0"),
        ("[regione] Lazio", None),
        ("", None),
    ],
)
def test_other_numbers_are_put_into_an_answer(answer: str, filled: str | None) -> None:
    assert PLACE.fill(answer, [0.3, 7.0]) == filled


def test_forms_are_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    with pytest.raises(InputError, match=r"numbers\.json: no such file, which encode always"):
        read_forms(path)
    path.write_text(f'{{"a": {PLACE.model_dump_json()}}}', encoding="utf-8")
    assert read_forms(path) == {"a": PLACE}
    for text in ("[]", '{"a": {}}', '{"a": {"ranges": [[1, 0]], "decimals": 1}}', "{"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="expected the form of the numbers of sub-tasks"):
            read_forms(path)


def test_ranges_without_end_are_refused() -> None:
    with pytest.raises(ValidationError, match="expected ranges of fewer than"):
        NumberForm(ranges=((0.0, 1000.0),), decimals=4)
