"""Files that are made, whatever stands in the document."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from html.parser import HTMLParser

import pytest

from app.conversion.errors import NotConverted
from app.conversion.limits import ConversionLimits
from app.conversion.schema import Json, node
from app.conversion.schema import text as txt
from app.conversion.writing import write
from tests.app.conversion.documents import EVERYTHING, PICTURE, doc, par, picture

LIMITS = ConversionLimits()
HOSTILE = doc(
    par(txt("a", {"link": {"href": "javascript:alert(1)"}}), txt("b", {"link": {"href": "jAvA\tscript:x"}})),
    par(txt("c", {"link": {"href": "data:text/html,<script>x</script>"}})),
    par(txt('<img src=x onerror=alert(1)><script>alert(1)</script>"&#x22;')),
    par(node("image", src="javascript:x", alt='"><script>')),
    par(node("image", src="https://example.org/x.png\"onload='x'", alt="a")),
    par(node("image", src="data:image/svg+xml;base64,PHN2Zy8+", alt="svg")),
    node("codeBlock", [txt("</code></pre><script>x</script>")], language='x" onclick="y'),
    node("script", [par("in an unknown node")], onclick="x"),
    par(txt("d", {"evil": {"onclick": "x"}, "language": {"lang": '"><script>'}})),
    node("heading", [txt("h")], level="1 onclick=x", id="x"),
    node("orderedList", [node("listItem", [par("i")])], start="9 onclick", type="x"),
    node(
        "table", [node("tableRow", [node("tableCell", [par("t")], colspan=10**9, rowspan="x", align="x;y")])]
    ),
    txt("loose"),
)
_ALLOWED = {
    "href",
    "src",
    "alt",
    "lang",
    "start",
    "type",
    "class",
    "width",
    "height",
    "colspan",
    "rowspan",
    "style",
}


class Attributes(HTMLParser):
    """All tags and attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.found: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [(name, value or "") for name, value in attrs]


def made(document: Json, target: str, **options: bool) -> bytes:
    return write(document, target, LIMITS, title='T<script>"', language="lv", **options)


def test_html_runs_nothing_whatever_is_in_the_document() -> None:
    html = made(HOSTILE, "html", whole=False).decode()
    page = Attributes(html)
    assert not page.tags & {"script", "iframe", "object", "svg", "style", "form"}
    for name, value in page.found:
        assert name in _ALLOWED, name
        assert not re.match(r"\s*(javascript|data:text|vbscript)", value, re.IGNORECASE), value
        assert "onclick" not in value
    for kept in ("a", "b", "c", "in an unknown node", "loose", "svg"):
        assert kept in html
    whole = made(HOSTILE, "html").decode()
    assert "<title>T&lt;script&gt;&quot;</title>" in whole
    assert "script-src" not in whole
    assert "default-src 'none'" in whole


def test_markdown_holds_no_active_code_either() -> None:
    blocks = [each for each in HOSTILE["content"] if each["type"] != "codeBlock"]
    markdown = made(doc(*blocks), "md").decode()
    assert "<script" not in markdown.replace("\\<script", "")
    assert "](javascript" not in markdown.lower()
    assert "lang: lv" in markdown


@pytest.mark.parametrize("target", ["docx", "odt", "pdf"])
def test_every_target_takes_anything(target: str) -> None:
    assert made(HOSTILE, target)


def test_office_files_know_their_language_title_and_pictures() -> None:
    document = doc(par(picture("what it shows", width=300)))
    with zipfile.ZipFile(io.BytesIO(made(document, "docx"))) as package:
        assert re.search(r'<w:lang [^>]*w:val="lv"', package.read("word/styles.xml").decode())
        assert 'descr="what it shows"' in package.read("word/document.xml").decode()
    with zipfile.ZipFile(io.BytesIO(made(document, "odt"))) as package:
        assert 'fo:language="lv"' in package.read("styles.xml").decode()
        assert "<svg:desc>what it shows</svg:desc>" in package.read("content.xml").decode()
        assert package.infolist()[0].filename == "mimetype"


def unpacked(pdf: bytes) -> bytes:
    """A PDF with its streams inflated."""
    found = [pdf]
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            continue
    return b"\n".join(found)


def test_a_pdf_is_tagged_and_says_its_language() -> None:
    *others, last = EVERYTHING["content"]
    pdf = made(doc(*others, {**last, "attrs": {"level": 2}}), "pdf")
    assert pdf.startswith(b"%PDF-1.7")
    all_ = unpacked(pdf)
    assert b"/Lang (lv)" in all_ or b"/Lang(lv)" in all_
    for tag in (b"/StructTreeRoot", b"/H1", b"/TH", b"/LI", b"/Link", b"/Alt", b"/MarkInfo", b"pdfuaid:part"):
        assert tag in all_, tag


def test_a_pdf_without_alternative_texts_is_made_all_the_same() -> None:
    pdf = made(doc(par(picture(""))), "pdf")
    assert b"pdfuaid" not in unpacked(pdf)


def test_pictures_elsewhere_are_links_where_they_would_be_fetched() -> None:
    document = doc(par(node("image", src="https://example.org/x.png", alt="a map")))
    assert b'src="https://example.org/x.png"' in made(document, "html")
    with zipfile.ZipFile(io.BytesIO(made(document, "docx"))) as package:
        assert "https://example.org/x.png" in package.read("word/_rels/document.xml.rels").decode()
        assert not [name for name in package.namelist() if name.startswith("word/media")]


def test_for_a_broken_picture_stands_its_description() -> None:
    bad = PICTURE[:60] + "A" * 40 + PICTURE[100:]
    pdf = made(doc(par(node("image", src=bad, alt="x"))), "pdf")
    assert b"/Subtype/Image" not in unpacked(pdf).replace(b" ", b"")
    assert b"/Subtype/Image" in unpacked(made(doc(par(picture())), "pdf")).replace(b" ", b"")


def test_tables_with_too_many_columns_are_refused() -> None:
    row = node("tableRow", [node("tableCell", [par("x")])] * 500)
    with pytest.raises(NotConverted):
        made(doc(node("table", [row])), "html")
