"""What pandoc's reader of Word files loses about lists, carried past it.

In Word a list item is one paragraph. What follows in the same item is an indented paragraph, which
pandoc writes as an item of a list whose bullets are blank, and reads back as such (pandoc 3.9). Signs
at the beginning of these paragraphs tell lists.py what belongs together. ISO/IEC 29500-1, 17.9.
"""

from __future__ import annotations

import io
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from app.conversion.errors import NotConverted
from app.conversion.lists import CONTINUED, RESUMED
from app.conversion.packages import Package

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MAIN, _NUMBERING = "word/document.xml", "word/numbering.xml"
_Level = tuple[str, str]
"""numId and ilvl of a paragraph in a list."""


def carry(package: Package) -> None:
    """Rewrite a package's content for pandoc; raises NotConverted (file_broken, too_complex)."""
    if _MAIN not in package.parts or _NUMBERING not in package.parts:
        return
    try:
        blank = _blank_lists(ElementTree.fromstring(package.parts[_NUMBERING]))
        if not blank:
            return
        _register_names(package.parts[_MAIN])
        content = ElementTree.fromstring(package.parts[_MAIN])
        for parent in list(content.iter()):
            if parent.find(f"{_W}p") is not None:
                _sign(parent, blank)
        package.parts[_MAIN] = ElementTree.tostring(content, "utf-8", xml_declaration=True)
    except (ElementTree.ParseError, LookupError, ValueError):  # the last two: of its encoding
        raise NotConverted("file_broken", "this is no readable office file") from None
    except RecursionError:
        raise NotConverted("too_complex", "the file is nested too deeply") from None


def _register_names(data: bytes) -> None:
    """Keep the prefixes that the file uses: pandoc looks some things up by them."""
    for _, (prefix, uri) in ElementTree.iterparse(io.BytesIO(data), ["start-ns"]):
        if prefix and not prefix.startswith("ns"):
            ElementTree.register_namespace(prefix, uri)


def _blank_lists(numbering: Element) -> set[str]:
    """The lists (numId) whose bullets are blank."""
    blank = set()
    for abstract in numbering.iter(f"{_W}abstractNum"):
        texts = [level.find(f"{_W}lvlText") for level in abstract.iter(f"{_W}lvl")]
        kinds = {_value(level.find(f"{_W}numFmt")) for level in abstract.iter(f"{_W}lvl")}
        if texts and kinds == {"bullet"} and not "".join(_value(text) for text in texts).strip():
            blank.add(abstract.get(f"{_W}abstractNumId", ""))
    return {
        number.get(f"{_W}numId", "")
        for number in numbering.iter(f"{_W}num")
        if _value(number.find(f"{_W}abstractNumId")) in blank
    }


def _sign(parent: Element, blank: set[str]) -> None:
    seen: set[_Level] = set()
    interrupted: set[_Level] = set()  # lists in which an item was continued, since their last item
    for child in parent:
        level = _level(child) if child.tag == f"{_W}p" else None
        if level is None:
            seen, interrupted = set(), set()
        elif level[0] in blank:
            if seen:
                _begin(child, CONTINUED)
                interrupted |= seen
        else:
            if level in interrupted:
                _begin(child, RESUMED)
                interrupted.discard(level)
            seen.add(level)


def _level(paragraph: Element) -> _Level | None:
    found = paragraph.find(f"{_W}pPr/{_W}numPr")
    if found is None:
        return None
    return _value(found.find(f"{_W}numId")), _value(found.find(f"{_W}ilvl"))


def _begin(paragraph: Element, sign: str) -> None:
    run = Element(f"{_W}r")
    ElementTree.SubElement(run, f"{_W}t").text = sign
    paragraph.insert(1, run)  # behind its properties


def _value(element: Element | None) -> str:
    return "" if element is None else element.get(f"{_W}val", "")
