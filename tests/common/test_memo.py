"""Memos."""

from stages.common.memo import Memo


def test_a_value_is_computed_once_for_a_key() -> None:
    computed: list[str] = []

    def length(text: str) -> int:
        computed.append(text)
        return len(text)

    memo = Memo(length)
    assert [memo["ab"], memo["ab"], memo[""], memo["ab"]] == [2, 2, 0, 2]
    assert computed == ["ab", ""]
