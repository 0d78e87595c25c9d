"""Inlines of foreign files become text with known marks; signs and white space do no harm."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversion.from_pandoc import Reading
from app.conversion.inlines import BEGIN, BEGUN, END, read_inlines, tidy
from app.conversion.limits import ConversionLimits
from app.conversion.schema import Json, link, node
from app.conversion.schema import text as txt
from tests.app.conversion.documents import PICTURE

LIMITS = ConversionLimits()
GIF = b"GIF89a" + bytes(94)


def words(value: str) -> Json:
    return {"t": "Str", "c": value}


SPACE, BREAK = {"t": "Space"}, {"t": "LineBreak"}
HARD = node("hardBreak")


def made(kind: str, *content: Any) -> Json:
    return {"t": kind, "c": list(content)}


def reading(**limits: int) -> Reading:
    return Reading(dataclasses.replace(LIMITS, **limits), "lv")


def read(*found: Json, into: Reading | None = None) -> list[Json]:
    return read_inlines(into or reading(), found, {})


def picture(address: str, *described: Json, **sizes: str) -> Json:
    return made(
        "Image", ["", [], [[name, size] for name, size in sizes.items()]], list(described), [address, ""]
    )


def test_neighbours_with_the_same_marks_are_one_and_spaces_are_one() -> None:
    strong = made("Strong", words("b"), SPACE)
    found = read(words("a"), SPACE, SPACE, strong, SPACE, strong, words("c"))
    assert found == [txt("a "), txt("b b ", {"bold": {}}), txt("c")]


def test_code_keeps_its_spaces_and_stands_alone() -> None:
    code = {"t": "Code", "c": [["", [], []], "a  b "]}
    assert read(made("Strong", code)) == [txt("a  b ", {"code": {}})]
    found = read(made("Link", ["", [], []], [code], ["https://x.org", ""]))
    assert found == [txt("a  b ", {"link": link("https://x.org")})]


def test_a_link_that_is_not_safe_is_its_text() -> None:
    for address in ("javascript:x", "", "#x", "file:///etc/passwd"):
        assert read(made("Link", ["", [], []], [words("x")], [address, ""])) == [txt("x")]


def test_what_has_no_mark_is_plain_and_counted() -> None:
    into = reading()
    raw = made("RawInline", "html", "<b>")
    found = read(made("Superscript", words("2")), made("SmallCaps", words("x")), raw, into=into)
    assert found == [txt("2x")]
    assert into.left_out == {"style": 2, "raw": 1}
    assert read({"t": "Math", "c": [{"t": "InlineMath"}, "x^2"]}) == [txt("x^2", {"code": {}})]
    assert read(made("Quoted", {"t": "DoubleQuote"}, [words("q")])) == [txt("“q”")]


# --- signs that carry styles past pandoc


def test_styles_carried_by_signs_are_marks_again() -> None:
    outer, inner = f"{BEGIN}u/{BEGUN}", f"{BEGIN}/es{BEGUN}"
    assert read(words(f"a{outer}b{inner}c"), made("Strong", words("d")), words(f"e{END}f{END}g")) == [
        txt("a"),
        txt("b", {"underline": {}}),
        txt("c", {"underline": {}, "language": {"lang": "es"}}),
        txt("d", {"underline": {}, "language": {"lang": "es"}, "bold": {}}),
        txt("e", {"underline": {}, "language": {"lang": "es"}}),
        txt("f", {"underline": {}}),
        txt("g"),
    ]
    assert read(words(f"{BEGIN}/lv{BEGUN}x{END}")) == [txt("x")], "the document's own language"


@given(st.lists(st.text(f"ab/u{BEGIN}{BEGUN}{END}", max_size=6), max_size=5))
def test_signs_in_disorder_neither_fail_nor_show(parts: list[str]) -> None:
    found = "".join(each["text"] for each in read(*map(words, parts)))
    assert set(found) <= set("ab/u")


# --- notes and pictures


def test_a_note_is_a_number_here_and_its_text_apart() -> None:
    into = reading()
    inner = made("Note", {"t": "Para", "c": [words("inner")]})
    note = made("Note", {"t": "Para", "c": [words("outer"), inner]})
    assert read(words("x"), made("Strong", note), into=into) == [txt("x"), txt("[1]", {"bold": {}})]
    assert into.notes == [[node("paragraph", [txt("outer[2]")])], [node("paragraph", [txt("inner")])]]


def test_a_note_is_in_the_language_of_what_it_belongs_to() -> None:
    into, spanish = reading(), {"language": {"lang": "es"}}
    note = made("Note", {"t": "Para", "c": [words("nota")]})
    read_inlines(into, [note], {**spanish, "bold": {}})
    assert into.notes == [[node("paragraph", [txt("nota", spanish)])]]


def test_pictures_count_against_their_limits_one_by_one() -> None:
    into = reading(image=100, images=250)
    into.pictures = {"a": GIF, "large": GIF + b"x", "svg": b"<svg/>"}.get
    source = "data:image/gif;base64," + base64.b64encode(GIF).decode()
    for _ in range(2):
        assert read(picture("a", words("x")), into=into) == [node("image", src=source, alt="x")]
    for address in ("a", "large", "svg", "missing", "http://x.org/a.gif"):
        assert read(picture(address, words("x")), into=into) == [txt("x")]
    assert into.left_out == {"picture_too_large": 2, "picture_kind": 1, "picture_missing": 2}


def test_a_picture_has_a_description_or_is_counted() -> None:
    into = reading()
    into.alternatives = {"https://x.org/a.png": "told beside it"}
    (found,) = read(picture("https://x.org/a.png"), into=into)
    assert found["attrs"]["alt"] == "told beside it"
    assert not into.left_out
    (found,) = read(picture(PICTURE, SPACE), into=into)
    assert found["attrs"] == {"src": PICTURE, "alt": ""}
    assert into.left_out == {"picture_without_text": 1}


@pytest.mark.parametrize(
    ("width", "pixels"),
    [
        ("40px", 40),
        ("40", 40),
        ("1in", 96),
        ("2.54cm", 96),
        ("25.4mm", 96),
        ("72pt", 96),
        ("0.1px", None),
        ("50%", None),
        ("10001px", None),
        ("-4px", None),
        ("9999999px", None),
        ("1e3px", None),
        ("", None),
    ],
)
def test_sizes_are_lengths(width: str, pixels: int | None) -> None:
    (found,) = read(picture("https://x.org/a.png", words("x"), width=width))
    assert found["attrs"].get("width") == pixels


# --- white space at the ends


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([txt(" a ")], [txt("a")]),
        ([txt(" "), HARD, txt(" a "), HARD, HARD, txt(" b "), HARD], [txt("a"), HARD, HARD, txt("b")]),
        ([HARD, txt(" ")], []),
        ([txt(" x ", {"code": {}})], [txt(" x ", {"code": {}})]),
        ([txt("a "), txt("b", {"bold": {}})], [txt("a "), txt("b", {"bold": {}})]),
        ([], []),
    ],
)
def test_no_white_space_where_no_reader_sees_it(given: list[Json], expected: list[Json]) -> None:
    assert tidy(given) == expected
    assert tidy(expected) == expected
