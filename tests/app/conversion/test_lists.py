"""What readers of office files take apart is put together again by its signs, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from app.conversion.lists import CONTINUED, RESUMED, rejoined
from app.conversion.schema import Json


def para(text: str, kind: str = "Para") -> Json:
    return {"t": kind, "c": [{"t": "Str", "c": text}] if text else []}


def bullets(*items: list[Json]) -> Json:
    return {"t": "BulletList", "c": list(items)}


def numbers(*items: list[Json]) -> Json:
    return {"t": "OrderedList", "c": [[1, {"t": "Decimal"}, {"t": "Period"}], list(items)]}


def quote(*blocks: Json) -> Json:
    return {"t": "BlockQuote", "c": list(blocks)}


def joined(*blocks: Json, quotations: bool = False) -> list[Json]:
    return rejoined(blocks, quotations=quotations)


MORE, AGAIN = para(CONTINUED + "more"), para(RESUMED + "b")
A, B = para("a"), para("b")


@pytest.mark.parametrize("made", [bullets, numbers])
def test_what_continues_an_item_is_in_it_and_the_list_goes_on(made: Any) -> None:
    found = joined(made([A], [B]), bullets([MORE], [MORE]), made([AGAIN], [B]))
    assert found == [made([A], [B, MORE, MORE], [AGAIN], [B])]


def test_another_kind_of_list_does_not_go_on() -> None:
    assert joined(bullets([A]), numbers([AGAIN])) == [bullets([A]), numbers([AGAIN])]
    assert joined(bullets([A]), bullets([B])) == [bullets([A]), bullets([B])], "without a sign they are two"


def test_signs_count_behind_a_list_only() -> None:
    for before in ([], [A], [bullets()]):
        assert joined(*before, bullets([MORE])) == [*before, bullets([MORE])]
    assert joined(bullets([A]), MORE) == [bullets([A]), MORE]


@pytest.mark.parametrize(
    "block",
    [
        MORE,
        para(CONTINUED, "Plain"),
        {"t": "CodeBlock", "c": [["", [], []], CONTINUED + "x"]},
        quote(MORE, A),
        bullets([MORE]),
        numbers([MORE]),
        {"t": "Div", "c": [["", [], []], [MORE]]},
    ],
)
def test_the_sign_is_found_in_whatever_the_item_begins_with(block: Json) -> None:
    assert joined(bullets([A]), bullets([block])) == [bullets([A, block])]


@pytest.mark.parametrize(
    "block",
    [
        para(""),
        para("x" + CONTINUED),
        {"t": "Para", "c": [{"t": "Space"}, {"t": "Str", "c": CONTINUED}]},
        {"t": "CodeBlock", "c": [["", [], []], ""]},
        quote(),
        bullets(),
        {"t": "Div", "c": [["", [], []], []]},
        {"t": "HorizontalRule"},
    ],
)
def test_without_a_sign_at_the_beginning_lists_are_two(block: Json) -> None:
    assert joined(bullets([A]), bullets([block])) == [bullets([A]), bullets([block])]


def test_divisions_that_only_name_a_style_are_looked_through() -> None:
    def styled(*blocks: Json, more: bool = False) -> Json:
        names = [["custom-style", "List"], *([["lang", "es"]] if more else [])]
        return {"t": "Div", "c": [["", [], names], list(blocks)]}

    assert joined(styled(bullets([A])), styled(styled(bullets([MORE])))) == [bullets([A, MORE])]
    kept = styled(A, more=True)
    assert joined(kept, {"t": "Div", "c": [["", [], []], [A]]}) == [
        kept,
        {"t": "Div", "c": [["", [], []], [A]]},
    ]


def test_neighbouring_quotations_are_one_where_each_paragraph_is_read_as_one() -> None:
    assert joined(quote(A), quote(B), A, quote(B), quotations=True) == [quote(A, B), A, quote(B)]
    assert joined(quote(A), quote(B)) == [quote(A), quote(B)]


def test_what_is_given_stays_as_it_is() -> None:
    first = bullets([A])
    joined(first, bullets([MORE]))
    assert first == bullets([A])
