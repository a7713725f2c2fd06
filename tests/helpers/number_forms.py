"""Forms of answers with numbers."""

from stages.forms.forms import Fields, Number


def number_form(*ranges: tuple[float, float], decimals: int, before: str = "") -> Fields:
    """Returns the form of numbers with single blanks between, after a text."""
    names = "abc"[: len(ranges)]
    numbers = {
        name: Number(low=low, high=high, decimals=decimals)
        for name, (low, high) in zip(names, ranges, strict=True)
    }
    return Fields(template=before + " ".join(f"{{{n}}}" for n in names), numbers=numbers)
