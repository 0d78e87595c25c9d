"""Order keys: there is always one more between any two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.order import DIGITS, between

KEYS = st.text(alphabet=DIGITS, min_size=1, max_size=12).map(lambda key: key.rstrip("0") or "1")


@given(st.sets(KEYS, min_size=2, max_size=2))
def test_a_key_between_two(pair: set[str]) -> None:
    low, high = sorted(pair)
    key = between(low, high)
    assert low < key < high
    assert not key.endswith("0")


@given(KEYS)
def test_a_key_at_either_end(key: str) -> None:
    before, after = between(None, key), between(key, None)
    assert before < key < after
    assert not before.endswith("0")
    assert not after.endswith("0")


@given(st.lists(st.integers(min_value=0), max_size=80))
def test_any_row_of_insertions_keeps_its_order(places: list[int]) -> None:
    keys: list[str] = []
    for place in places:
        index = place % (len(keys) + 1)
        low = keys[index - 1] if index else None
        high = keys[index] if index < len(keys) else None
        keys.insert(index, between(low, high))
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_keys_stay_short_when_items_are_appended() -> None:
    key = between(None, None)
    for _ in range(1_000):
        key = between(key, None)
    assert len(key) < 20


@pytest.mark.parametrize(("low", "high"), [("B", "A"), ("A", "A"), ("A0", None), ("A", "B0"), (None, "0")])
def test_impossible_questions_are_refused(low: str | None, high: str | None) -> None:
    with pytest.raises(ValueError, match=r"order key|come before"):
        between(low, high)
