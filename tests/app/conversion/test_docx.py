"""Paragraphs of one list item are signed in Word files, so that they can be put together again."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from app.conversion import docx
from app.conversion.errors import NotConverted
from app.conversion.lists import CONTINUED, RESUMED
from app.conversion.packages import Package

URI = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
W = f'xmlns:w="{URI}"'
BULLETS, BLANK, MIXED = "1", "2", "3"


def abstract(id: str, *levels: tuple[str, str]) -> str:
    inner = "".join(
        f'<w:lvl><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/></w:lvl>' for kind, text in levels
    )
    return f'<w:abstractNum w:abstractNumId="a{id}">{inner}</w:abstractNum>'


def lists(*ids: str) -> str:
    return "".join(f'<w:num w:numId="{id}"><w:abstractNumId w:val="a{id}"/></w:num>' for id in ids)


NUMBERING = (
    f"<w:numbering {W}>"
    + abstract(BULLETS, ("bullet", "•"), ("bullet", " "))
    + abstract(BLANK, ("bullet", " "), ("bullet", ""))
    + abstract(MIXED, ("bullet", " "), ("decimal", ""))
    + "".join(
        f'<w:num w:numId="{id}"><w:abstractNumId w:val="a{id}"/></w:num>' for id in (BULLETS, BLANK, MIXED)
    )
    + "</w:numbering>"
)


def item(text: str, list: str = "", level: int = 0) -> str:
    number = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list}"/></w:numPr>' if list else ""
    return f"<w:p><w:pPr>{number}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def package(body: str, numbering: str = NUMBERING) -> Package:
    content = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    return Package("docx", {"word/document.xml": content.encode(), "word/numbering.xml": numbering.encode()})


def carried(body: str) -> list[str]:
    """The text of each paragraph, signs included."""
    given = package(body)
    docx.carry(given)
    found = ElementTree.fromstring(given.parts["word/document.xml"])
    return ["".join(each.itertext()) for each in found.iter(f"{{{URI}}}p")]


def test_what_continues_an_item_and_the_next_item_are_signed() -> None:
    body = (
        item("a", BULLETS)
        + item("more", BLANK)
        + item("most", BLANK)
        + item("b", BULLETS)
        + item("c", BULLETS)
    )
    assert carried(body) == ["a", f"{CONTINUED}more", f"{CONTINUED}most", f"{RESUMED}b", "c"]


def test_each_level_goes_on_by_itself() -> None:
    body = item("a", BULLETS) + item("b", BULLETS, 1) + item("more", BLANK, 1) + item("c", BULLETS, 1)
    assert carried(body + item("d", BULLETS)) == [
        "a", "b", f"{CONTINUED}more", f"{RESUMED}c", f"{RESUMED}d",
    ]  # fmt: skip


def test_an_ordinary_paragraph_or_a_table_ends_it() -> None:
    assert carried(item("a", BULLETS) + item("x") + item("b", BLANK) + item("c", BULLETS)) == list("axbc")
    cell = f"<w:tbl><w:tr><w:tc>{item('x', BLANK)}</w:tc></w:tr></w:tbl>"
    assert carried(item("a", BULLETS) + cell + item("b", BLANK)) == list("axb")


def test_in_a_cell_it_begins_anew() -> None:
    cell = f"<w:tbl><w:tr><w:tc>{item('x', BULLETS)}{item('y', BLANK)}</w:tc></w:tr></w:tbl>"
    assert carried(item("a", BULLETS) + cell) == ["a", "x", f"{CONTINUED}y"]


def test_a_list_with_other_levels_than_blank_bullets_is_an_ordinary_one() -> None:
    assert carried(item("a", BULLETS) + item("b", MIXED)) == ["a", "b"]


@pytest.mark.parametrize("missing", ["word/document.xml", "word/numbering.xml"])
def test_without_lists_nothing_is_touched(missing: str) -> None:
    given = package(item("a", BULLETS) + item("b", BLANK))
    del given.parts[missing]
    parts = dict(given.parts)
    docx.carry(given)
    assert given.parts == parts
    plain = package(item("a"), f"<w:numbering {W}/>")
    before = plain.parts["word/document.xml"]
    docx.carry(plain)
    assert plain.parts["word/document.xml"] is before


def test_prefixes_stay_as_they_are() -> None:
    """Pandoc looks some things up by them."""
    given = package(
        '<w:p xmlns:ns0="urn:a" xmlns:strange="urn:b"><strange:x/><ns0:y/></w:p>' + item("a", BULLETS)
    )
    docx.carry(given)
    made = given.parts["word/document.xml"]
    assert b"<w:body>" in made
    assert b"<strange:x" in made


@pytest.mark.parametrize("part", ["word/document.xml", "word/numbering.xml"])
@pytest.mark.parametrize("xml", ["<a>", "", "<a>&b;</a>", '<?xml version="1.0" encoding="big5"?><a/>'])
def test_what_is_no_xml_is_refused(part: str, xml: str) -> None:
    given = package(item("a", BULLETS))
    given.parts[part] = xml.encode()
    with pytest.raises(NotConverted) as refused:
        docx.carry(given)
    assert refused.value.code == "file_broken"
