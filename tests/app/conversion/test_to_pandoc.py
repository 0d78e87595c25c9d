"""What the editor holds as pandoc's tree: nothing unchecked goes on, and no text is lost on the way."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest

from app.conversion.errors import NotConverted
from app.conversion.limits import ConversionLimits
from app.conversion.schema import Json, node
from app.conversion.schema import text as txt
from app.conversion.to_pandoc import Writing
from tests.app.conversion.documents import (
    LINK,
    PICTURE,
    bullets,
    data,
    doc,
    head,
    numbers,
    par,
    picture,
    table,
)

LIMITS = ConversionLimits()


def blocks(*content: Json, target: str = "html") -> list[Json]:
    found: list[Json] = Writing(target, LIMITS).document(doc(*content))["blocks"]
    return found


def inlines(*content: Json | str, target: str = "html") -> list[Json]:
    (block,) = blocks(par(*content), target=target)
    assert block["t"] == "Para"
    inner: list[Json] = block["c"]
    return inner


def kinds(found: Any) -> list[str]:
    """All kinds in a tree, from the outside in."""
    if isinstance(found, list):
        return [kind for each in found for kind in kinds(each)]
    return [found["t"], *kinds(found.get("c", []))] if isinstance(found, dict) else []


def said(*content: Json | str) -> str:
    """Typst's source, as far as it is written here."""
    return "".join(
        each["c"][1] if each["t"] == "RawInline" else each.get("c", " ")
        for each in inlines(*content, target="pdf")
        if each["t"] in ("RawInline", "Str", "Space")
    )


def test_marks_stand_in_one_order_and_neighbours_share_them() -> None:
    bold, both = {"bold": {}}, {"italic": {}, "bold": {}}
    found = inlines(txt("a", bold), txt("b", both), txt("c", bold))
    assert kinds(found) == ["Strong", "Str", "Emph", "Str", "Str"]
    every: dict[str, Any] = {"strike": {}, "underline": {}, "italic": {}, "bold": {}}
    every |= {"language": {"lang": "es"}, "link": LINK}
    order = ["Link", "Span", "Strong", "Emph", "Underline", "Strikeout", "Str"]
    for marks in itertools.islice(itertools.permutations(every.items()), 0, None, 100):
        assert kinds(inlines(txt("x", dict(marks)))) == order


@pytest.mark.parametrize(
    "mark",
    [
        {"type": "link", "attrs": {"href": "javascript:x"}},
        {"type": "link", "attrs": {"href": 5}},
        {"type": "link"},
        {"type": "link", "attrs": "https://x.org"},
        {"type": "language", "attrs": {"lang": 'es"]'}},
        {"type": "unknown", "attrs": {"x": "y"}},
        {"attrs": {}},
    ],
)
def test_a_mark_that_is_not_as_it_should_be_is_none(mark: Json) -> None:
    assert inlines({"type": "text", "text": "x", "marks": [mark]}) == [{"t": "Str", "c": "x"}]


def test_white_space_is_one_space_and_none_at_the_ends() -> None:
    assert kinds(inlines(node("hardBreak"), "  a \n\t b ", node("hardBreak"))) == ["Str", "Space", "Str"]
    assert blocks(par("  "), node("heading", [txt(" ")], level=2), par()) == []


def test_numbers_and_levels_stay_within_bounds() -> None:
    def level(value: object) -> object:
        return blocks(node("heading", [txt("x")], level=value))[0]["c"][0]

    assert [level(value) for value in (1, 6, 7, 0, "2", None, 10**400, True)] == [1, 6, 1, 1, 1, 1, 1, 1]
    (found,) = blocks(numbers(-1, [par("x")], type="z"))
    assert found["c"][0] == [1, {"t": "Decimal"}, {"t": "Period"}]
    (found,) = blocks(numbers(0, [par("x")], type="i"))
    assert found["c"][0] == [0, {"t": "LowerRoman"}, {"t": "Period"}]


def test_a_language_of_code_is_a_word() -> None:
    for language, classes in (("c++", ["c++"]), ('x" onclick="y', []), ("a" * 51, []), (None, [])):
        (found,) = blocks(node("codeBlock", [txt("x\x00\n")], language=language))
        assert found["c"] == [["", classes, []], "x\n"]


def test_a_list_is_tight_where_each_item_is_a_line() -> None:
    def first(item: list[Json], target: str = "md") -> object:
        return blocks(bullets(item, [par("y")]), target=target)[0]["c"][0][0]["t"]

    assert first([par("x")]) == "Plain"
    assert first([par("x"), bullets([par("z")])]) == "Plain"
    assert first([par("x"), par("z")]) == "Para"
    late = [par("x"), numbers(4, [par("z")])]
    assert (first(late), first(late, "html")) == ("Para", "Plain"), "in Markdown it would be no list"


def test_what_is_not_known_is_the_text_inside_it() -> None:
    assert kinds(blocks(node("box", [par("a"), node("x", [txt("b")])]), txt("c"))) == [
        "Para", "Str", "Para", "Str", "Para", "Str",
    ]  # fmt: skip
    assert inlines("a", node("blockquote", [par("b")])) == [{"t": "Str", "c": "a"}, {"t": "Str", "c": "b"}]


def test_tables_that_markdown_cannot_hold_have_a_place_for_html() -> None:
    simple, sides = table([head("a")], [data("b")]), table([head("a"), data("b")])
    writing = Writing("md", LIMITS)
    found = writing.document(doc(simple, sides))["blocks"]
    assert [block["t"] for block in found] == ["Table", "RawBlock"]
    assert [place for place, _ in writing.as_html] == [found[1]]
    assert [block["t"] for block in blocks(simple, sides)] == ["Table", "Table"]


def test_nesting_is_bounded() -> None:
    inner = par("x")
    for _ in range(LIMITS.depth - 1):
        inner = node("blockquote", [inner])
    assert blocks(inner)
    with pytest.raises(NotConverted) as refused:
        blocks(node("blockquote", [inner]))
    assert refused.value.code == "too_complex"
    with pytest.raises(NotConverted):
        Writing("html", dataclasses.replace(LIMITS, columns=1)).document(doc(table([data("a"), data("b")])))


def test_title_and_language_are_checked() -> None:
    assert Writing("html", LIMITS).document(doc(), title=" ", language='x">')["meta"]["title"]["c"] == [
        {"t": "Space"}
    ]
    assert "lang" not in Writing("html", LIMITS).document(doc(), language='x">')["meta"]
    assert Writing("html", LIMITS).document(doc(), language="lv")["meta"] == {
        "lang": {"t": "MetaString", "c": "lv"}
    }


# --- pictures


@pytest.mark.parametrize("target", ["html", "md", "docx", "odt", "pdf"])
def test_a_picture_of_no_known_kind_is_its_description(target: str) -> None:
    for source in ("javascript:x", "http://x.org/a.png", "data:image/svg+xml;base64,PHN2Zy8+", None, 5):
        assert kinds(inlines(node("image", src=source, alt="a b"), target=target)) == ["Str", "Space", "Str"]


def test_a_description_holds_nothing_that_xml_cannot() -> None:
    writing = Writing("odt", LIMITS)
    writing.document(doc(par(picture("a\x0bb\ud800\ufdd0\uffff <c>"), picture(""))))
    assert writing.alternatives == ["ab <c>", ""]


def test_pictures_for_a_pdf_are_files_beside_it() -> None:
    writing = Writing("pdf", LIMITS)
    writing.document(doc(par(picture("x"), picture("y"), node("image", src="https://x.org/z.png", alt="z"))))
    assert list(writing.files) == ["picture0.png", "picture1.png"]
    assert all(file.startswith(b"\x89PNG") for file in writing.files.values())
    assert PICTURE not in str(writing.document(doc(par(picture()))))


def test_strings_for_typst_cannot_leave_their_quotes() -> None:
    source = said(picture('a"), read("/etc/passwd") //\\', width=40))
    assert source == '#picture("picture0.png", width: 30.0pt, alt: "a\\"), read(\\"/etc/passwd\\") //\\\\");'
    assert said(txt("a#b", {"language": {"lang": "es-MX"}})) == '#text(lang: "es")[a#b];'


@pytest.mark.parametrize(
    "first",
    [
        *(txt("a", {name: {}}) for name in ("bold", "italic", "underline", "strike")),
        txt("a", {"link": LINK}),
        txt("a", {"language": {"lang": "es"}}),
        txt("a`b", {"code": {}}),
        picture("a"),
        node("image", src="https://x.org/a.png", alt="a"),
    ],
)
def test_a_call_in_typst_ends_before_what_follows(first: Json) -> None:
    """Else a word behind a point right after it would be looked up in it, and no PDF is made."""
    assert said(first, ".org").endswith(";.org")
    assert "RawInline" not in kinds(inlines(first, ".org", target="docx"))


def test_code_that_is_no_call_needs_no_end() -> None:
    assert said(txt("a", {"code": {}}), ".org") == ".org"
