"""What pandoc would drop of OpenDocument text is carried past it, and a hostile file gets no further."""

from __future__ import annotations

import io
import zipfile
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from app.conversion import odt
from app.conversion.errors import NotConverted
from app.conversion.inlines import BEGIN, BEGUN, CARRIED, CODE, END, HEADER, RULE
from app.conversion.limits import ConversionLimits
from app.conversion.packages import Package
from tests.app.conversion.test_reading import writer

LIMITS = ConversionLimits()
CODE_STYLE = (
    '<style:style style:name="P9" style:family="paragraph" style:parent-style-name="Preformatted_20_Text"/>'
)
UNDERLINED = (
    '<style:style style:name="T1" style:family="text">'
    '<style:text-properties style:text-underline-style="solid"/></style:style>'
)


def package(body: str, styles: str = "") -> Package:
    return Package.open(writer(body, styles), "odt", LIMITS)


def carried(body: str, styles: str = "") -> list[str]:
    """What pandoc gets to see of each block: its text, or the address of the link in its place."""
    given = package(body, styles)
    odt.carry(given)
    (text,) = ElementTree.fromstring(given.parts["content.xml"]).iter(odt._name("office:text"))
    links = [each.find(odt._LINK) for each in text]
    return [
        unquote(link.get(odt._HREF, "")) if link is not None else "".join(each.itertext())
        for each, link in zip(text, links, strict=True)
    ]


def line(text: str) -> str:
    return f'<text:p text:style-name="P9">{text}</text:p>'


def test_lines_of_code_that_follow_each_other_are_one_block() -> None:
    rule = '<text:p text:style-name="Horizontal_20_Line"/>'
    body = line("a") + line("") + line("b &lt;") + "<text:p>c</text:p>" + line("d") + rule + rule + line("e")
    blocks = [f"{CODE}a\n\nb <", "c", f"{CODE}d", RULE, RULE, f"{CODE}e"]
    assert carried(body, CODE_STYLE) == [each if each == "c" else CARRIED + each for each in blocks]


def test_a_long_block_of_code_takes_no_longer_than_its_lines() -> None:
    """10,000 of them took minutes when each line looked at those behind it."""
    (found,) = carried(line("x") * 10_000, CODE_STYLE)
    assert found.count("\n") == 9_999


@pytest.mark.parametrize(
    ("count", "spaces"),
    [
        *(("3", 3), ("1000", 1000), ("1001", 1000), ("999999999", 1000), ("0", 0)),
        *((wrong, 1) for wrong in ("-3", "x", "²", "9" * 5000, "", "1e3")),
    ],
)
def test_spaces_are_written_as_a_number_of_them(count: str, spaces: int) -> None:
    body = line(
        f'a<text:s text:c="{count}"/>b<text:tab/>c<text:line-break/><text:span>d<text:s/></text:span>e'
    )
    assert carried(body, CODE_STYLE) == [f"{CARRIED}{CODE}a{' ' * spaces}b\tc\nd e"]


def test_styles_of_text_stand_between_signs() -> None:
    body = (
        '<text:p>a <text:span text:style-name="T1">b<text:span text:style-name="T1">c</text:span></text:span>'
        '</text:p><text:p text:style-name="P1">d<text:span text:style-name="T9">e</text:span> f</text:p>'
    )
    spanish = (
        '<style:style style:name="P1" style:family="paragraph"><style:text-properties fo:language="es" '
        'fo:country="none" style:text-underline-style="solid"/></style:style>'
    )
    under = f"{BEGIN}u/{BEGUN}"
    assert carried(body, UNDERLINED + spanish) == [
        f"a {under}b{under}c{END}{END}",
        f"{BEGIN}/es{BEGUN}de f{END}",
    ]


def test_a_style_says_what_its_parents_say_and_no_circle_is_followed_for_ever() -> None:
    child = '<style:style style:name="T2" style:family="text" style:parent-style-name="T1"/>'
    circle = '<style:style style:name="T3" style:family="text" style:parent-style-name="T3"/>'
    loop = '<style:style style:name="P3" style:family="paragraph" style:parent-style-name="P3"/>'
    span = '<text:span text:style-name="{}">x</text:span>'
    body = f'<text:p>{span.format("T2")}</text:p><text:p text:style-name="P3">{span.format("T3")}</text:p>'
    assert carried(body, UNDERLINED + child + circle + loop) == [f"{BEGIN}u/{BEGUN}x{END}", "x"]


def test_header_cells_below_the_head_are_signed() -> None:
    row = "".join(
        f'<table:table-cell><text:p text:style-name="{style}">x</text:p></table:table-cell>'
        for style in ("Table_20_Heading", "Standard")
    )
    assert carried(f"<table:table><table:table-row>{row}</table:table-row></table:table>") == [f"{HEADER}xx"]


def test_the_title_is_taken_out_and_descriptions_are_told() -> None:
    def frame(name: str, *told: str) -> str:
        return f'<draw:frame><draw:image xlink:href="{name}"/>{"".join(told)}</draw:frame>'

    title, desc = "<svg:title>a title</svg:title>", "<svg:desc> what it shows </svg:desc>"
    pictures = frame("a.png", title, desc) + frame("b.png", title, "<svg:desc> </svg:desc>") + frame("c.png")
    given = package(
        f'<text:p text:style-name="Title"> A <text:span>b</text:span></text:p><text:p>{pictures}</text:p>'
    )
    found = odt.carry(given)
    assert found.title == "A b"
    assert found.alternatives == {"a.png": "what it shows", "b.png": "a title"}
    assert b"Title" not in given.parts["content.xml"]
    assert odt.carry(package("<text:p>A</text:p>")).title == ""
    assert odt.carry(package("")).title == ""


DECLARED = '<?xml version="1.0" encoding="{}"?><a/>'


@pytest.mark.parametrize("part", ["content.xml", "styles.xml"])
@pytest.mark.parametrize("xml", ["<a>", "", "&a;", "<a>&b;</a>", *map(DECLARED.format, ("x", "big5"))])
def test_what_is_no_xml_is_refused(part: str, xml: str) -> None:
    given = package("")
    given.parts[part] = xml.encode()
    with pytest.raises(NotConverted) as refused:
        odt.carry(given)
    assert refused.value.code == "file_broken"


def test_descriptions_are_put_behind_the_pictures_of_a_made_file() -> None:
    frames = "<a><draw:frame>1</draw:frame><draw:frame>2</draw:frame><draw:frame>3</draw:frame></a>"
    made = Package("odt", {"mimetype": b"x", "content.xml": frames.encode(), "b": b"</draw:frame>"}).packed()
    assert odt.with_alternatives(made, ["", ""]) == made
    with zipfile.ZipFile(io.BytesIO(odt.with_alternatives(made, ["", '<&"ā']))) as package:
        assert package.namelist() == ["mimetype", "content.xml", "b"]
        assert package.read("b") == b"</draw:frame>"
        content = package.read("content.xml").decode()
    told = [frame.rpartition("<svg:desc>")[2] for frame in content.split("</svg:desc></draw:frame>")[:-1]]
    assert told == ["", "&lt;&amp;&quot;ā", ""]
