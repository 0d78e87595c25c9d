"""Files as others make them."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import pytest

from app.conversion.errors import NotConverted
from app.conversion.limits import ConversionLimits
from app.conversion.reading import File, Found, Into, decoded, read, read_text
from app.conversion.schema import link, node
from app.conversion.schema import text as txt
from tests.app.conversion.documents import PICTURE, bullets, code, data, doc, head, numbers, par, table

LIMITS = ConversionLimits()
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LINK = link("https://x.org")
PNG = base64.b64decode(PICTURE.partition(",")[2])


def opened(kind: str, content: bytes | str, *, title: str = "Known", language: str = "lv") -> Found:
    given = content.encode() if isinstance(content, str) else content
    return read(File(kind, given), Into(title, language), LIMITS)


def package(**parts: str | bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return made.getvalue()


def word(body: str) -> bytes:
    """A Word file with the least that one needs, written by hand."""
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>'
    )
    document = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": types,
        "_rels/.rels": relations,
        "word/document.xml": document,
    }
    return package(**parts)


def writer(body: str, styles: str = "") -> bytes:
    """An OpenDocument text as LibreOffice writes it, by hand, with one picture."""
    names = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for prefix, name in {
            "office": "office", "text": "text", "style": "style", "table": "table", "draw": "drawing",
            "fo": "xsl-fo-compatible", "svg": "svg-compatible",
        }.items()
    )  # fmt: skip
    content = (
        f'<office:document-content {names} xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    parts: dict[str, str | bytes] = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": content,
        "styles.xml": f"<office:document-styles {names}/>",
        "Pictures/a.png": PNG,
    }
    return package(**parts)


def run(value: str) -> str:
    return f"<w:p><w:r><w:t>{value}</w:t></w:r></w:p>"


def test_a_word_file_by_hand() -> None:
    bold = "<w:r><w:rPr><w:b/></w:rPr><w:t>bold</w:t></w:r>"
    bold = f"<w:p>{bold}<w:r><w:t xml:space='preserve'> not</w:t></w:r></w:p>"
    cells = "".join(f"<w:tc>{run(value)}</w:tc>" for value in "ab")
    grid = f"<w:tbl><w:tblGrid><w:gridCol/><w:gridCol/></w:tblGrid><w:tr>{cells}</w:tr></w:tbl>"
    found = opened("docx", word(bold + grid))
    assert found.document == doc(par(txt("bold", {"bold": {}}), " not"), table([data("a"), data("b")]))


def test_an_opendocument_text_by_hand() -> None:
    styles = (
        '<style:style style:name="T1" style:family="text">'
        '<style:text-properties fo:language="es" fo:country="ES" '
        'style:text-underline-style="solid"/></style:style>'
        '<style:style style:name="P9" style:family="paragraph" '
        'style:parent-style-name="Preformatted_20_Text"/>'
        '<style:style style:name="P8" style:family="paragraph"><style:text-properties fo:language="it" '
        'fo:country="IT"/></style:style>'
    )
    body = (
        '<text:p text:style-name="Title">Cita</text:p>'
        '<text:p>one <text:span text:style-name="T1">dos</text:span></text:p>'
        '<text:p text:style-name="P8">tutto <text:a xlink:href="https://x.org">'
        '<text:span text:style-name="T1">enlace</text:span> e</text:a> fine</text:p>'
        '<text:p text:style-name="P9">if x:</text:p>'
        '<text:p text:style-name="P9"><text:s text:c="2"/>y</text:p>'
        '<text:p text:style-name="Horizontal_20_Line"/>'
        '<text:p><draw:frame svg:width="1in" svg:height="0.5in"><draw:image xlink:href="Pictures/a.png"/>'
        "<svg:title>t</svg:title><svg:desc>what it shows</svg:desc></draw:frame></text:p>"
    )
    italian: dict[str, Any] = {"language": {"lang": "it-IT"}}
    found = opened("odt", writer(body, styles))
    assert found.document == doc(
        node("heading", [txt("Cita")], level=1),
        par("one ", txt("dos", {"underline": {}, "language": {"lang": "es-ES"}})),
        par(
            txt("tutto ", italian),
            txt("enlace", {"underline": {}, "language": {"lang": "es-ES"}, "link": LINK}),
            txt(" e", {**italian, "link": LINK}),
            txt(" fine", italian),
        ),
        code("if x:\n  y"),
        node("horizontalRule"),
        par(node("image", src=PICTURE, alt="what it shows", width=96, height=48)),
    )
    assert opened("odt", writer(body, styles), title="cita").document["content"][0]["type"] == "paragraph"


def test_markdown_with_html_in_it() -> None:
    found = opened(
        "md",
        "---\ntitle: Known\nlang: lv-LV\n---\n\n# H\n\na <u>b</u> <span lang='es'>c</span><br>"
        "d $5 and $6 :smile:\n\n"
        "- [x] done\n\n<table><tr><th>x</th></tr><tr><td>y</td></tr></table>\n\ntext[^1]\n\n[^1]: note\n",
    )
    kinds = [each["type"] for each in found.document["content"]]
    assert kinds == [
        "heading",
        "paragraph",
        "bulletList",
        "table",
        "paragraph",
        "horizontalRule",
        "orderedList",
    ]
    assert found.document["content"][1] == par(
        "a ",
        txt("b", {"underline": {}}),
        " ",
        txt("c", {"language": {"lang": "es"}}),
        node("hardBreak"),
        "d $5 and $6 :smile:",
    )
    assert found.document["content"][-1] == numbers(1, [par("note")])


def test_html_keeps_what_the_schema_knows_and_nothing_else() -> None:
    html = """<!DOCTYPE html><html lang="en"><head><title>T</title><style>p{}</style><script>x</script></head>
      <nav><a href="javascript:x" onclick="x">menu</a></nav><iframe src="https://x.org"></iframe>
      <dl><dt>term<dd>meaning</dl><p>H<sub>2</sub>O<p><img src="a.png" alt="far"><img src="https://x.org/a.png">
      <table><tr><th>r</th><td>v</td></tr><tr><th>s</th><td>w</td></tr></table>
      <form><input value="secret"></form>"""
    found = opened("html", html, language="en")
    assert found.document == doc(
        par("menu"),
        par(txt("term", {"bold": {}})),
        par("meaning"),
        par("H2O"),
        par("far", node("image", src="https://x.org/a.png", alt="")),
        table([head("r"), data("v")], [head("s"), data("w")]),
    )
    assert found.left_out == {"style": 1, "picture_missing": 1, "picture_without_text": 1}


def test_a_file_in_another_language_says_so() -> None:
    html = '<html lang="es"><p>hola <span lang="lv-LV">sveiki</span></p></html>'
    spanish: dict[str, Any] = {"language": {"lang": "es"}}
    assert opened("html", html).document == doc(par(txt("hola ", spanish), "sveiki"))
    assert opened("html", html, language="es-MX").document == doc(
        par("hola ", txt("sveiki", {"language": {"lang": "lv-LV"}}))
    )


def test_pictures_beyond_the_limits_are_left_out() -> None:
    large = "data:image/png;base64," + base64.b64encode(PNG + bytes(LIMITS.image)).decode()
    found = opened("html", f'<p><img src="{large}" alt="large"> <img src="{PICTURE}" alt="small"></p>')
    assert found.document == doc(par("large ", node("image", src=PICTURE, alt="small")))
    assert found.left_out == {"picture_too_large": 1}
    svg = "data:image/svg+xml;base64,PHN2Zy8+"
    assert opened("html", f'<p><img src="{svg}" alt="s"></p>').document == doc(par("s"))


def test_text_becomes_paragraphs() -> None:
    assert opened("txt", "a\r\nb\n\n\n  \nc").document == doc(par("a", node("hardBreak"), "b"), par("c"))


def test_plain_text_documents_take_the_text() -> None:
    file = File("html", b"<h1>a</h1><ul><li>b</ul>")
    assert read_text(file, Into("", "en"), LIMITS).document == {"text": "a\n\n- b"}
    assert read_text(File("md", b"# a"), Into("", "en"), LIMITS).document == {"text": "# a"}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (File("txt", "ā".encode("utf-8-sig")), "ā"),
        (File("txt", "ā".encode("utf-16")), "ā"),
        (File("txt", "ā".encode("cp1257"), "windows-1257"), "ā"),
        (File("html", b'<meta charset="iso-8859-13">\xe2'), '<meta charset="iso-8859-13">ā'),
    ],
    ids=["bom", "utf-16", "declared", "meta"],
)
def test_text_in_other_encodings(file: File, expected: str) -> None:
    assert decoded(file) == expected


@pytest.mark.parametrize("charset", ["utf-8", "nonsense", "zlib", "idna\x00"])
def test_what_is_no_text_is_refused(charset: str) -> None:
    with pytest.raises(NotConverted):
        decoded(File("txt", b"\xff\x00", charset))


def test_a_list_goes_on_after_a_second_paragraph() -> None:
    expected = doc(bullets([par("a"), par("b")], [par("c")]))
    assert opened("md", "- a\n\n  b\n\n- c\n").document == expected


def test_hostile_packages() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
    )
    for kind, given in (
        ("docx", package(**{"[Content_Types].xml": "", "word/document.xml": bomb + "]><w>&j;</w>"})),
        ("docx", word("<w:p>" * 3000 + "</w:p>" * 3000)[:-40]),
        ("docx", package(**{f"p{i}": "" for i in range(6000)})),
        ("odt", package(**{"content.xml": bomb + "]><w>&j;</w>"})),
        ("odt", package(**{"content.xml": "<a>" * 100_000 + "</a>" * 100_000})),
        ("docx", writer("")),
    ):
        with pytest.raises(NotConverted):
            opened(kind, given)
