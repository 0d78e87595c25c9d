"""Pandoc's tree as the editor's JSON: only what its schema knows, and never more than the limits."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from app.conversion.errors import NotConverted
from app.conversion.from_pandoc import Reading, lang_of, meta_text
from app.conversion.inlines import CARRIED, CODE, RULE
from app.conversion.limits import ConversionLimits
from app.conversion.schema import Json, node
from app.conversion.schema import text as txt
from tests.app.conversion.documents import PICTURE, bullets, doc, numbers, par

LIMITS = ConversionLimits()
NOTHING: list[Any] = ["", [], []]
SPANISH = {"language": {"lang": "es"}}


def made(kind: str, *content: Any) -> Json:
    return {"t": kind, "c": list(content)}


def para(text: str, kind: str = "Para") -> Json:
    return made(kind, {"t": "Str", "c": text})


def read(*blocks: Json, into: Reading | None = None, **meta: Json) -> Json:
    return (into or Reading(LIMITS, "lv")).document({"blocks": blocks, "meta": meta})


def ordered(start: Any, *items: list[Json], style: str = "Decimal") -> Json:
    return made("OrderedList", [start, {"t": style}, {"t": "Period"}], list(items))


def test_blocks_become_nodes() -> None:
    head = made("Header", 9, NOTHING, [{"t": "Str", "c": "h"}])
    lines = made("LineBlock", [{"t": "Str", "c": "a"}], [{"t": "Str", "c": "b"}])
    terms = made("DefinitionList", [[{"t": "Str", "c": "term"}], [[para("one")], [para("two", "Plain")]]])
    assert read(head, made("BlockQuote", para("q")), {"t": "HorizontalRule"}, lines, terms) == doc(
        node("heading", [txt("h")], level=6),
        node("blockquote", [par("q")]),
        node("horizontalRule"),
        par("a", node("hardBreak"), "b"),
        par(txt("term", {"bold": {}})),
        par("one"),
        par("two"),
    )


def test_what_is_empty_is_nothing() -> None:
    empty = (made("Para"), made("Header", 1, NOTHING, []), made("BlockQuote"), made("BulletList"), ordered(1))
    assert read(*empty, made("Div", NOTHING, [])) == doc()


def test_lists_begin_with_a_paragraph_and_with_their_number() -> None:
    quote = made("BlockQuote", para("q"))
    assert read(made("BulletList", [quote], [])) == doc(
        bullets([par(), node("blockquote", [par("q")])], [par()])
    )
    found = read(*(ordered(start, [para("x")], style="LowerRoman") for start in (0, 7, -1, 10**9, 10**400)))
    assert found == doc(*(numbers(start, [par("x")], type="i") for start in (0, 7, 1, 1, 1)))


def test_code_keeps_its_lines_and_a_word_of_a_language() -> None:
    found = read(
        made("CodeBlock", ["", ["x" * 60, "other"], []], "a\r\n\tb\x00\n\n"), made("CodeBlock", NOTHING, "")
    )
    assert found == doc(node("codeBlock", [txt("a\n\tb")], language="x" * 50), node("codeBlock"))


def test_blocks_that_came_in_the_address_of_a_link() -> None:
    def carried(what: str) -> Json:
        return made("Para", made("Link", NOTHING, [{"t": "Str", "c": "—"}], [CARRIED + what, ""]))

    assert read(carried(CODE + "a%20b%0A%3C%00"), carried(RULE)) == doc(
        node("codeBlock", [txt("a b\n<")]), node("horizontalRule")
    )
    assert read(carried("else")) == doc(par("—")), "no address of our own is kept"


def test_a_language_is_marked_where_it_is_another() -> None:
    def spoken(tag: str, *blocks: Json) -> Json:
        return made("Div", ["", [], [["lang", tag]]], list(blocks))

    assert read(spoken("es", para("a"), spoken("lv-LV", para("b"), spoken("x y", para("c"))))) == doc(
        par(txt("a", SPANISH)), par("b"), par("c")
    )
    whole = {"t": "MetaString", "c": "es"}
    note = made("Para", {"t": "Str", "c": "a"}, made("Note", para("n")))
    found = read(note, lang=whole)
    assert found["content"][-1] == numbers(1, [par(txt("n", SPANISH))])
    assert read(para("a"), lang={"t": "MetaString", "c": "not a language"}) == doc(par("a"))


def test_a_caption_that_says_what_the_picture_says_is_not_said_twice() -> None:
    def figure(caption: str) -> Json:
        image = made("Image", NOTHING, [{"t": "Str", "c": "alt"}], [PICTURE, ""])
        return made("Figure", NOTHING, [None, [para(caption, "Plain")]], [made("Plain", image)])

    picture = par(node("image", src=PICTURE, alt="alt"))
    assert read(figure("alt"), figure("else")) == doc(picture, picture, par("else"))


def test_the_title_in_pandocs_own_html_is_no_text_and_raw_code_is_counted() -> None:
    into = Reading(LIMITS, "lv")
    title = made("Div", ["title-block-header", [], []], [para("T")])
    assert read(title, made("RawBlock", "html", "<script>"), para("x"), into=into) == doc(par("x"))
    assert into.left_out == {"raw": 1}


def test_depth_and_number_are_bounded() -> None:
    deep = para("x")
    for _ in range(6):
        deep = made("BlockQuote", deep)
    assert read(deep, deep, into=Reading(dataclasses.replace(LIMITS, depth=8), "lv"))
    wide = made("BulletList", *([para("x")] for _ in range(10)))
    assert read(wide, into=Reading(dataclasses.replace(LIMITS, nodes=31), "lv"))
    for block, limits in ((deep, {"depth": 7}), (wide, {"nodes": 30})):
        with pytest.raises(NotConverted) as refused:
            read(block, into=Reading(dataclasses.replace(LIMITS, **limits), "lv"))
        assert refused.value.code == "too_complex"


def test_metadata_as_text() -> None:
    inlines = [{"t": "Str", "c": "A"}, {"t": "Space"}, made("Emph", {"t": "Str", "c": "b"})]
    code = made("Code", NOTHING, " c")
    quoted = made("Quoted", {"t": "SingleQuote"}, [{"t": "Str", "c": "d"}])
    tree = {"meta": {"title": made("MetaInlines", *inlines, code, quoted), "map": {"t": "MetaMap", "c": {}}}}
    assert meta_text(tree, "title") == "A b cd"
    assert meta_text(tree, "map") == meta_text(tree, "else") == meta_text({}, "title") == ""
    deep: Json = {"t": "Str", "c": "x"}
    for _ in range(500):
        deep = made("Emph", deep)
    assert meta_text({"meta": {"title": made("MetaInlines", deep)}}, "title") == ""


def test_the_first_language_that_attributes_give() -> None:
    assert lang_of(["", [], [["x", "y"], ["lang", "es"]]]) == "es"
    assert lang_of(["", [], [["lang", "no language"]]]) is None
    assert lang_of(NOTHING) is None
