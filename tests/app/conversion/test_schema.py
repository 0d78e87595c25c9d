"""Addresses, languages, numbers: what may stand in a document."""

from __future__ import annotations

import base64

import pytest

from app.conversion import formats, pictures, schema
from app.conversion.tables import Cell, filled, placed
from tests.app.conversion.documents import PICTURE


@pytest.mark.parametrize(
    "address",
    [
        "javascript:x",
        " JavaScript:x",
        "java\nscript:x",
        "data:text/html,x",
        "//x.org",
        "/x",
        "#x",
        "vbscript:x",
        "",
        5,
    ],
)
def test_unsafe_links(address: object) -> None:
    assert schema.safe_link(address) is None


def test_safe_links() -> None:
    assert schema.safe_link(" https://x.org/a b ") == "https://x.org/a%20b"
    assert schema.safe_link("MAILTO:a@x.org") == "MAILTO:a@x.org"
    assert schema.safe_link("tel:+371") == "tel:+371"


def test_whole_numbers() -> None:
    assert [schema.whole(v, 7) for v in (3, 3.0, "3", True, None, 0, 10**9, float("nan"), float("inf"))] == [
        3, 3, 7, 7, 7, 7, 7, 7, 7,
    ]  # fmt: skip


def test_languages() -> None:
    assert schema.language("sr-Latn-RS") == "sr-Latn-RS"
    assert [schema.language(v) for v in ("", "e", 'en"', "en onclick", 3)] == [None] * 5
    assert schema.same_language("lv", "LV-lv")
    assert not schema.same_language("lv", None)


def test_pictures_are_what_their_bytes_say() -> None:
    kind, data = pictures.embedded(PICTURE) or ("", b"")
    assert kind == "png"
    assert pictures.as_address(data) == PICTURE
    script = "data:image/png;base64," + base64.b64encode(b"<svg onload=x>").decode()
    for wrong in (script, PICTURE + "\n", PICTURE.replace("png", "svg+xml"), "data:image/png,x", None, 3):
        assert pictures.embedded(wrong) is None
    assert pictures.kind_of(b"RIFF1234WEBPVP8 ") == "webp"
    assert pictures.remote("https://x.org/a.png")
    for wrong in ("http://x.org", "https://x.org/\"onload='x'", "https:// x", None):
        assert pictures.remote(wrong) is None


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


def test_kinds_of_files() -> None:
    def kind(name: str, media_type: str = "") -> str | None:
        found = formats.of_file(name, media_type)
        return found.name if found else None

    assert kind("A.DOCX", "text/plain") == "docx"
    assert kind("", "text/markdown; charset=utf-8") == "md"
    assert kind("notes", "text/plain") == "txt"
    assert kind("a.exe", "text/plain") is None
    assert kind("a.pdf", "application/pdf") is None
    assert kind("", "") is None
