"""Tables, both ways: each cell finds its place, and no table costs more than its limits."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversion.errors import NotConverted
from app.conversion.from_pandoc import Reading
from app.conversion.inlines import HEADER
from app.conversion.limits import ConversionLimits
from app.conversion.schema import Json, node
from app.conversion.tables import Cell, filled, is_simple, placed, read_table, write_table
from tests.app.conversion.documents import cell, data, head, par, table

LIMITS = ConversionLimits()
SIZES = st.lists(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), max_size=4), max_size=5)


def cells(*rows: str) -> list[list[Cell]]:
    """Cells from notes such as "2x1 1x3": columns x rows."""
    made = []
    for row in rows:
        sizes = [each.split("x") for each in row.split()]
        made.append([Cell(0, int(columns), int(down), False, None, None) for columns, down in sizes])
    return made


def test_cells_take_their_places_as_in_html() -> None:
    rows, width = placed(cells("1x2 2x1", "1x1 1x9", "3x1"), 10)
    assert width == 3
    assert [[(cell.column, cell.columns, cell.rows) for cell in row] for row in rows] == [
        [(0, 1, 2), (1, 2, 1)],
        [(1, 1, 1), (2, 1, 2)],
        [(0, 2, 1)],
    ]


def test_holes_are_filled() -> None:
    rows, width = placed(cells("1x1 1x1 1x1", "1x1", ""), 10)
    assert [len(row) for row in filled(rows, width, list)] == [3, 3, 3]


@given(SIZES)
def test_whatever_the_spans_each_place_in_the_grid_is_taken_once(sizes: list[list[tuple[int, int]]]) -> None:
    given = [[Cell(0, columns, down, False, None, None) for columns, down in row] for row in sizes]
    rows, width = placed(given, 100)
    taken: set[tuple[int, int]] = set()
    for i, row in enumerate(filled(rows, width, list)):
        for each in row:
            places = {(i + y, each.column + x) for x in range(each.columns) for y in range(each.rows)}
            assert not places & taken
            taken |= places
    assert taken == {(i, x) for i in range(len(rows)) for x in range(width)}


def test_a_huge_span_costs_nothing() -> None:
    rows, width = placed(cells("1x999999999", "1x1"), 10)
    assert (rows[0][0].rows, width) == (2, 2)
    with pytest.raises(NotConverted) as refused:
        placed(cells("999999999x1"), 10)
    assert refused.value.code == "too_complex"


# --- from the editor's rows


def written(*rows: list[Json]) -> Json:
    found = write_table(
        table(*rows)["content"], lambda each, header: each["content"] + [header] * header, 100
    )
    assert found is not None
    return found


def shape(found: Json) -> tuple[int, int, int]:
    """How many head rows, body rows and header columns there are."""
    _, _, _, (_, top), [(_, columns, _, rows)], _ = found["c"]
    return len(top), len(rows), columns


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[head("a"), head("b")], [data("c"), data("d")]], (1, 1, 0)),
        ([[head("a"), data("b")], [head("c"), data("d")]], (0, 2, 1)),
        ([[head("a"), head("b")], [head("c"), data("d")]], (1, 1, 1)),
        ([[head("a", rows=2), head("b")], [head("c")], [data("d"), data("e")]], (2, 1, 0)),
        ([[head("a", rows=2), head("b")], [data("c")]], (0, 2, 1)),
        ([[head("a", columns=2), data("b")], [head("c"), data("d"), data("e")]], (0, 2, 0)),
        ([[data("a")], [head("b")]], (0, 2, 0)),
    ],
)
def test_leading_header_cells_are_the_head_and_header_columns(
    rows: list[list[Json]], expected: tuple[int, int, int]
) -> None:
    assert shape(written(*rows)) == expected


def test_header_cells_below_the_head_are_told_apart() -> None:
    seen: list[bool] = []
    rows = table([head("a"), head("b")], [head("c"), data("d")])["content"]
    write_table(rows, lambda _, header: [seen.append(header)], 100)  # type: ignore[func-returns-value]
    assert seen == [True, False, False, False], "rows below the head first"


def test_an_empty_table_is_none_and_strange_attributes_are_ordinary_ones() -> None:
    def nothing(*_: Any) -> list[Json]:
        raise AssertionError

    for rows in ([], [node("tableRow")], [node("tableRow", [par("x")])]):
        assert write_table(rows, nothing, 100) is None
    wrong = node("tableCell", [par("x")], colspan="2", rowspan=-1, align='left" onclick')
    [(_, [(_, align, rows, columns, _)])] = written([wrong])["c"][4][0][3]
    assert (align, rows, columns) == ({"t": "AlignDefault"}, 1, 1)


def test_markdown_holds_one_head_row_and_a_line_in_each_cell() -> None:
    line, two = [{"t": "Plain", "c": []}], [{"t": "Para", "c": []}, {"t": "Para", "c": []}]

    def simple(rows: list[list[Json]], content: list[Json]) -> bool:
        found = write_table(table(*rows)["content"], lambda *_: content, 100)
        return found is not None and is_simple(found)

    headed = [[head("a"), head("b")], [data("c"), data("d")]]
    assert simple(headed, line)
    assert simple(headed, [])
    assert not simple(headed, two)
    assert not simple(headed, [{"t": "BulletList", "c": []}])
    assert not simple(headed[1:], line), "without a head"
    assert not simple([headed[0], headed[0], headed[1]], line)
    assert not simple([headed[0], [data("c", columns=2)]], line)
    assert not simple([headed[0], [head("c"), data("d")]], line)


# --- from pandoc's


def pandoc_cell(text: str, *, rows: int = 1, columns: int = 1, align: str = "AlignDefault") -> list[Any]:
    content = [{"t": "Plain", "c": [{"t": "Str", "c": text}]}] if text else []
    return [["", [], []], {"t": align}, rows, columns, content]


def pandoc_row(*cells: Any) -> list[Any]:
    return [["", [], []], [pandoc_cell(each) if isinstance(each, str) else each for each in cells]]


def read(
    top: list[Any], rows: list[Any], foot: list[Any], *, sides: int = 0, between: Any = ()
) -> list[Json]:
    empty: list[Any] = ["", [], []]
    columns = [
        [{"t": "AlignRight"}, {"t": "ColWidthDefault"}],
        [{"t": "AlignDefault"}, {"t": "ColWidthDefault"}],
    ]
    caption = [None, [{"t": "Plain", "c": [{"t": "Str", "c": "caption"}]}]]
    content = [empty, caption, columns, [empty, top], [[empty, sides, list(between), rows]], [empty, foot]]
    return read_table(Reading(LIMITS, "en"), content, {})


def test_head_bodies_and_foot_become_one_grid() -> None:
    row = pandoc_row
    told, found = read([row("a", "b")], [row("c", "d")], [row("e", "f")], sides=1, between=[row("g", "h")])
    assert told == par("caption")
    kinds = [[each["type"][5:] for each in one["content"]] for one in found["content"]]
    assert kinds == [["Header"] * 2, ["Header"] * 2, ["Header", "Cell"], ["Cell"] * 2]
    aligns = [[each["attrs"].get("align") for each in one["content"]] for one in found["content"]]
    assert aligns == [["right", None]] * 4


def test_a_cell_says_how_it_is_aligned_and_holds_a_paragraph_at_least() -> None:
    _, found = read([], [pandoc_row(pandoc_cell("", align="AlignCenter"), pandoc_cell("x", columns=9))], [])
    first, second = found["content"][0]["content"]
    assert first == node("tableCell", [node("paragraph")], colspan=1, rowspan=1, align="center")
    assert second["attrs"]["colspan"] == 9


def test_cells_do_not_reach_out_of_their_section() -> None:
    _, found = read([pandoc_row(pandoc_cell("a", rows=5), "b")], [pandoc_row("c", "d")], [])
    assert found["content"][1]["content"] == [
        cell("tableCell", par("c")) | {"attrs": {"colspan": 1, "rowspan": 1, "align": "right"}},
        data("d"),
    ]


def test_a_sign_in_the_text_makes_a_header_cell_below_the_head() -> None:
    _, found = read([], [pandoc_row("a", HEADER + "b")], [])
    first, second = found["content"][0]["content"]
    assert (first["type"], second["type"]) == ("tableCell", "tableHeader")
    assert second["content"] == [par("b")]


def test_a_table_of_nothing_is_its_caption_and_one_of_too_much_is_refused() -> None:
    assert read([], [], []) == [par("caption")]
    few = dataclasses.replace(LIMITS, nodes=1000)
    content = [["", [], []], [None, []], [], [["", [], []], []]]
    rows = [pandoc_row(pandoc_cell("", columns=50))] + [pandoc_row() for _ in range(30)]
    with pytest.raises(NotConverted):
        read_table(Reading(few, "en"), [*content, [[["", [], []], 0, [], rows]], [["", [], []], []]], {})
