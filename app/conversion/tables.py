"""Tables, both ways. The editor has one grid of header and ordinary cells; pandoc has head, bodies and
foot, with a number of header columns for each body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.conversion import schema
from app.conversion.errors import NotConverted
from app.conversion.inlines import HEADER
from app.conversion.schema import Json, Marks

if TYPE_CHECKING:
    from app.conversion.from_pandoc import Reading

NO_ATTRIBUTES: list[Any] = ["", [], []]
HEADER_CELL = "Table Heading"  # the paragraph style of header cells, in office files
_ALIGN = {"AlignLeft": "left", "AlignCenter": "center", "AlignRight": "right"}
_ALIGNED = {value: name for name, value in _ALIGN.items()}


@dataclass(slots=True)
class Cell:
    """A cell in its grid, at `column`; spans stay inside the grid."""

    column: int
    columns: int
    rows: int
    header: bool
    align: str | None
    content: Any


def placed(rows: Sequence[Sequence[Cell]], limit: int) -> tuple[list[list[Cell]], int]:
    """Give each cell its column, as HTML does; returns the rows and the width of the grid.

    Spans that reach out of the grid, or into another cell, are cut. Raises NotConverted.
    """
    taken: list[int] = []  # for each column, how many more rows are covered from above
    width = 0
    for left, row in zip(range(len(rows), 0, -1), rows, strict=True):
        column = 0
        for cell in row:
            while column < len(taken) and taken[column]:
                column += 1
            free = next((i for i in range(column, len(taken)) if taken[i]), column + cell.columns) - column
            cell.column, cell.columns = column, max(1, min(cell.columns, free))
            cell.rows = max(1, min(cell.rows, left))
            column += cell.columns
            if column > limit:
                raise NotConverted("too_complex", "a table has too many columns")
            taken += [0] * (column - len(taken))
            taken[cell.column : column] = [cell.rows] * cell.columns
        width = max(width, len(taken))
        taken = [max(0, more - 1) for more in taken]
    return [list(row) for row in rows], width


def filled(rows: list[list[Cell]], width: int, empty: Callable[[], Any]) -> Iterator[list[Cell]]:
    """The rows with ordinary empty cells where nothing stands: the editor would add them."""
    taken = [0] * width
    for row in rows:
        cells = {cell.column: cell for cell in row}
        made: list[Cell] = []
        for column in range(width):
            if cell := cells.get(column):
                made.append(cell)
                taken[column : column + cell.columns] = [cell.rows] * cell.columns
            elif not taken[column]:
                made.append(Cell(column, 1, 1, False, None, empty()))
                taken[column] = 1
        yield made
        taken = [max(0, more - 1) for more in taken]


# --- from pandoc


def read_table(reading: Reading, content: Any, marks: Marks) -> list[Json]:
    """A table as a node, after its caption as a paragraph."""
    _, (_, caption), columns, (_, head), bodies, (_, foot) = content
    aligned = [align["t"] for align, _ in columns]
    sections = [(head, -1)]
    for _, header_columns, between, rows in bodies:
        sections += [(between, -1), (rows, header_columns)]
    sections.append((foot, 0))
    rows = []
    for section, header_columns in sections:
        found, _ = placed([_cells(row) for row in section], reading.limits.columns)
        for row in found:
            for cell in row:
                cell.header = header_columns < 0 or cell.column < header_columns
                column = aligned[cell.column] if cell.column < len(aligned) else ""
                cell.align = cell.align or _ALIGN.get(column)
        rows += found
    rows, width = placed(rows, reading.limits.columns)
    if not width:
        return reading.blocks(caption, marks)
    reading.count(len(rows) * (width + 1))
    made = [
        schema.node("tableRow", [_node(reading, cell, marks) for cell in row])
        for row in filled(rows, width, list)
    ]
    return [*reading.blocks(caption, marks), schema.node("table", made)]


def _cells(row: Any) -> list[Cell]:
    return [
        Cell(0, columns, rows, False, _ALIGN.get(align["t"]), content)
        for _, align, rows, columns, content in row[1]
    ]


def _node(reading: Reading, cell: Cell, marks: Marks) -> Json:
    inner = reading.blocks(cell.content, marks) or [schema.node("paragraph")]
    kind = "tableHeader" if cell.header or _is_styled(cell.content) else "tableCell"
    return schema.node(kind, inner, colspan=cell.columns, rowspan=cell.rows, align=cell.align)


def _is_styled(content: Sequence[Json]) -> bool:
    """Whether all blocks of a cell have the style of header cells (see odt.py, and write_table)."""
    return bool(content) and all(_is_heading(each) for each in content)


def _is_heading(block: Json) -> bool:
    if block["t"] == "Div":
        return ["custom-style", HEADER_CELL] in block["c"][0][2]
    if block["t"] not in ("Para", "Plain"):
        return False
    return any(each["t"] == "Str" and HEADER in each["c"] for each in block["c"][:1])


# --- to pandoc


def write_table(rows: Sequence[Json], blocks: Callable[[Json, bool], list[Json]], limit: int) -> Json | None:
    """A Table of the editor's rows; None if there are none. Raises NotConverted.

    Leading rows of header cells are the head, leading columns of them header columns.
    `blocks(cell, header)` gives a cell's content, `header` for a header cell below the head.
    """
    found = [[_cell(cell) for cell in row.get("content", ()) if cell["type"] in _CELLS] for row in rows]
    grid, width = placed(found, limit)
    if not width:
        return None
    full = list(filled(grid, width, lambda: None))
    head = _head(full)
    columns = [[_align(_common(full, i)), {"t": "ColWidthDefault"}] for i in range(width)]

    def made(row: list[Cell], below: bool) -> list[Any]:
        cells = [
            [
                NO_ATTRIBUTES,
                _align(cell.align),
                cell.rows,
                cell.columns,
                [] if cell.content is None else blocks(cell.content, below and cell.header),
            ]
            for cell in row
        ]
        return [NO_ATTRIBUTES, cells]

    rows_below = [made(row, True) for row in full[head:]]
    body = [NO_ATTRIBUTES, _header_columns(full[head:], width), [], rows_below]
    top = [NO_ATTRIBUTES, [made(row, False) for row in full[:head]]]
    return {"t": "Table", "c": [NO_ATTRIBUTES, [None, []], columns, top, [body], [NO_ATTRIBUTES, []]]}


def is_simple(table: Json) -> bool:
    """Whether Markdown's tables can hold it: one head row, no spans, a line of text in each cell."""
    _, _, _, (_, head), [(_, header_columns, _, rows)], _ = table["c"]
    cells = [cell for _, row in (*head, *rows) for cell in row]
    return (
        len(head) == 1
        and not header_columns
        and all(rows == columns == 1 and _is_line(content) for _, _, rows, columns, content in cells)
    )


def _is_line(content: Sequence[Json]) -> bool:
    return not content or (len(content) == 1 and content[0]["t"] in ("Para", "Plain"))


_CELLS = ("tableCell", "tableHeader")


def _cell(node: Json) -> Cell:
    attrs = node.get("attrs") or {}
    columns = schema.whole(attrs.get("colspan"), 1)
    rows = schema.whole(attrs.get("rowspan"), 1, most=65534)
    align = attrs.get("align")
    return Cell(0, columns, rows, node["type"] == "tableHeader", align if align in _ALIGNED else None, node)


def _head(rows: list[list[Cell]]) -> int:
    """How many leading rows are all header cells and end together."""
    reach = head = 0
    for i, row in enumerate(rows):
        if not all(cell.header for cell in row):
            break
        reach = max([reach, *(i + cell.rows for cell in row)])
        if reach == i + 1:
            head = reach
    return head


def _header_columns(rows: list[list[Cell]], width: int) -> int:
    """How many leading columns are all header cells and end together."""
    if not rows:
        return 0
    ordinary = min((cell.column for row in rows for cell in row if not cell.header), default=width)
    edge = ordinary
    while edge and any(cell.column < edge < cell.column + cell.columns for row in rows for cell in row):
        edge -= 1
    return edge


def _common(rows: list[list[Cell]], column: int) -> str | None:
    """The alignment that all cells of a column share."""
    aligned = {cell.align for row in rows for cell in row if cell.column == column}
    return aligned.pop() if len(aligned) == 1 else None


def _align(align: str | None) -> Json:
    return {"t": _ALIGNED.get(align or "", "AlignDefault")}
