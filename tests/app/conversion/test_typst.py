"""A PDF is made of whatever source pandoc writes; if not as well as it could be, then plainer."""

from __future__ import annotations

import pytest

from app.conversion import typst
from app.conversion.errors import NotConverted
from app.conversion.limits import ConversionLimits
from app.conversion.pictures import embedded
from app.conversion.schema import Json, node
from app.conversion.schema import text as txt
from app.conversion.writing import write
from tests.app.conversion.documents import LINK, PICTURE, doc, par, picture
from tests.app.conversion.test_writing import unpacked

PNG = (embedded(PICTURE) or ("", b""))[1]


def test_what_allows_it_says_that_it_is_accessible() -> None:
    good = typst.compile('= A\n#picture("a.png", alt: "x")', {"a.png": PNG}, "T", "lv")
    assert b"pdfuaid:part" in unpacked(good)
    plain = typst.compile('= A\n#picture("a.png")', {"a.png": PNG}, "T", "lv")
    assert b"pdfuaid:part" not in unpacked(plain)
    assert b"/Subtype/Image" in unpacked(plain).replace(b" ", b"")


def test_for_a_broken_picture_stands_its_description() -> None:
    found = unpacked(typst.compile('#picture("a.png", alt: "x")', {"a.png": PNG[:30]}, "T", "lv"))
    assert b"/Subtype/Image" not in found.replace(b" ", b"")


@pytest.mark.parametrize("title", ["", 'a"b\\#c', "a\x0bb\tc\r\n", "Ādaži 😀", '#read("x")'])
def test_any_title_can_stand_above_it(title: str) -> None:
    assert typst.compile("x", {}, title, "lv").startswith(b"%PDF")


@pytest.mark.parametrize(
    ("tag", "told"),
    [("lv", b"lv"), ("lv-LV", b"lv-LV"), ("ES-mx", b"es-MX"), ("sr-Latn-RS", b"sr"), ("es-419", b"es")],
)
def test_it_says_its_language(tag: str, told: bytes) -> None:
    found = unpacked(typst.compile("x", {}, "T", tag)).replace(b"/Lang (", b"/Lang(")
    assert b"/Lang(" + told + b")" in found


@pytest.mark.parametrize("source", ["#nothing()", '#read("/etc/passwd")', '#image("../../etc/passwd")', "#["])
def test_what_cannot_be_set_is_refused(source: str) -> None:
    with pytest.raises(NotConverted) as refused:
        typst.compile(source, {}, "T", "lv")
    assert refused.value.code == "failed"


def test_a_word_behind_a_point_reaches_into_nothing_before_it() -> None:
    firsts: list[Json] = [txt("a", {"bold": {}, "italic": {}}), txt("a", {"link": LINK}), picture("a")]
    firsts += [txt("a`b", {"code": {}}), txt("a", {"language": {"lang": "es"}}), txt("a", {"code": {}})]
    document = doc(
        *(par(first, end) for first in firsts for end in (".org", "(x)", "; y")), node("horizontalRule")
    )
    assert write(document, "pdf", ConversionLimits(), title="T", language="lv").startswith(b"%PDF")
