from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from projections.catalogue import VIEWS
from projections.ports import (
    LAST_POSITION,
    check_limit,
    cursor,
    later,
    overlay,
    page,
    read_cursor,
)


@given(st.integers(1, LAST_POSITION - 1))
def test_a_cursor_gives_its_position_back(position: int) -> None:
    assert read_cursor("list", cursor("list", position)) == position


def test_no_cursor_stands_after_everything() -> None:
    assert read_cursor("list", None) == LAST_POSITION


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "abc",
        "a" * 81,
        "'; DROP TABLE views; --",
        "\x00",
        "ā",
        "\ud800",
        "\n",
        cursor("other", 5),
        cursor("list", 5) + "=",
        cursor("list", 5) + "\n",
        cursor("list", 0),
        cursor("list", -5),
        cursor("list", LAST_POSITION),
        cursor("list", 2**64),
        _encoded("list"),
        _encoded("list."),
        _encoded("list.5.6"),
        _encoded("list.05"),
        _encoded("list.+5"),
        _encoded("list. 5"),
        _encoded("list.5_0"),
        _encoded("list.٥"),
        _encoded("list." + "9" * 40),
    ],
)
def test_what_is_no_cursor_of_this_list_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_cursor("list", text)
    assert refused.value.code == "cursor_invalid"


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with suppress(Invalid):
        assert cursor("list", read_cursor("list", text)) == text


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_a_page_has_its_bounds(limit: int) -> None:
    with pytest.raises(Invalid, match="1 to 500"):
        check_limit(limit)


def test_a_page_tells_whether_more_follows() -> None:
    full = page("list", [9, 8, 7], 2, lambda item: item)
    assert full.items == [9, 8]
    assert full.next is not None
    assert read_cursor("list", full.next) == 8
    assert page("list", [9, 8], 2, lambda item: item).next is None


def test_merges() -> None:
    assert later(("k", 1), ("k", 2)) == ("k", 2)
    assert overlay(("k", 1, None), ("k", None, 3)) == ("k", 1, 3)


def test_a_view_has_another_version_when_its_tables_or_its_meaning_change() -> None:
    view = VIEWS[0]
    assert replace(view).version == view.version
    assert replace(view, revision=2).version != view.version
    assert replace(view, ddl=view.ddl + " ").version != view.version
    assert replace(view, types=view.types | {"new"}).version != view.version
