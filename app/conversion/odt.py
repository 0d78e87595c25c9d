"""What pandoc's reader of OpenDocument text drops, carried past it.

It reads underlined text as italics, and drops the language of text, header cells outside the head
of a table, code blocks, rules, and the alternative text of pictures (pandoc 3.9). Signs in the text of
the package's XML survive it; inlines.py and tables.py turn them back. (Links would not do for text:
of links in links, pandoc drops the inner one with all its text.)
OpenDocument 1.3, part 3.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from app.conversion import schema
from app.conversion.errors import NotConverted
from app.conversion.inlines import BEGIN, BEGUN, CARRIED, CODE, END, HEADER, RULE
from app.conversion.packages import Package
from app.conversion.tables import HEADER_CELL

_NAMES = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "draw": "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0",
    "fo": "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0",
    "svg": "urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0",
    "xlink": "http://www.w3.org/1999/xlink",
    "dc": "http://purl.org/dc/elements/1.1/",
}
for _prefix, _uri in _NAMES.items():
    ElementTree.register_namespace(_prefix, _uri)


def _name(short: str) -> str:
    prefix, _, local = short.partition(":")
    return f"{{{_NAMES[prefix]}}}{local}"


_STYLE_NAME, _PARENT = _name("style:name"), _name("style:parent-style-name")
_UNDERLINE = _name("style:text-underline-style")
_USED, _HREF = _name("text:style-name"), _name("xlink:href")
_COUNT = re.compile(r"[0-9]{1,9}")
_SPAN, _LINK, _PARAGRAPH, _HEADING = (_name(f"text:{each}") for each in ("span", "a", "p", "h"))


@dataclass(slots=True)
class Carried:
    """What was found beside the text: the title paragraph, and alternative texts by picture."""

    title: str = ""
    alternatives: dict[str, str] = field(default_factory=dict)


def carry(package: Package) -> Carried:
    """Rewrite a package's content for pandoc; raises NotConverted (file_broken, too_complex)."""
    try:
        content = ElementTree.fromstring(package.parts["content.xml"])
        named = ElementTree.fromstring(package.parts.get("styles.xml", b"<none/>"))
        styles = _Styles([content, named])
        carried = Carried(_take_title(content, styles), dict(_alternatives(content)))
        _carry_blocks(content, styles)
        for each in list(content.iter(_SPAN)):
            _carry_style(each, styles.own("text", each.get(_USED)))
        for each in list(
            content.iter(
                _PARAGRAPH,
            )
        ) + list(content.iter(_HEADING)):
            found = styles.own("paragraph", each.get(_USED))
            _carry_style(each, _Style(found.language, False))
        _carry_header_cells(content, styles)
        styles.forget_underlines()
        package.parts["content.xml"] = ElementTree.tostring(content, "utf-8", xml_declaration=True)
        if "styles.xml" in package.parts:
            package.parts["styles.xml"] = ElementTree.tostring(named, "utf-8", xml_declaration=True)
    except (ElementTree.ParseError, LookupError, ValueError):  # the last two: of its encoding
        raise NotConverted("file_broken", "this is no readable office file") from None
    except RecursionError:
        raise NotConverted("too_complex", "the file is nested too deeply") from None
    return carried


@dataclass(frozen=True, slots=True)
class _Style:
    language: str | None = None
    underlined: bool = False


class _Styles:
    """Styles by family and name."""

    def __init__(self, trees: list[Element]) -> None:
        self._found: dict[tuple[str | None, str | None], Element] = {}
        for tree in trees:
            for style in tree.iter(_name("style:style")):
                key = (style.get(_name("style:family")), style.get(_STYLE_NAME))
                self._found.setdefault(key, style)

    def own(self, family: str, name: str | None) -> _Style:
        """What a style says itself, or for text, its parents."""
        for _ in range(10):
            style = self._found.get((family, name))
            if style is None:
                return _Style()
            found = _of(style)
            if family != "text" or found != _Style():
                return found
            name = style.get(_PARENT)
        return _Style()

    def is_or_inherits(self, name: str | None, wanted: str) -> bool:
        """Whether a paragraph style is the wanted one, or made from it."""
        for _ in range(10):
            if name == wanted:
                return True
            style = self._found.get(("paragraph", name))
            if style is None:
                return False
            name = style.get(_PARENT)
        return False

    def forget_underlines(self) -> None:
        """Pandoc would read them as italics."""
        for style in self._found.values():
            for properties in style.iter(_name("style:text-properties")):
                properties.attrib.pop(_UNDERLINE, None)


def _of(style: Element) -> _Style:
    properties = style.find(_name("style:text-properties"))
    if properties is None:
        return _Style()
    tag, country = properties.get(_name("fo:language")), properties.get(_name("fo:country"))
    whole = f"{tag}-{country}" if tag and country and country != "none" else tag
    return _Style(schema.language(whole), properties.get(_UNDERLINE, "none") != "none")


def _carry_style(element: Element, style: _Style) -> None:
    if style == _Style():
        return
    underlined = "u" if style.underlined else ""
    element.text = f"{BEGIN}{underlined}/{style.language or ''}{BEGUN}{element.text or ''}"
    if len(element):
        element[-1].tail = (element[-1].tail or "") + END
    else:
        element.text += END


def _replace(element: Element, what: str) -> None:
    """Put a link of our own in the place of everything inside."""
    element[:] = [Element(_LINK, {_HREF: CARRIED + what})]
    element[0].text = "—"
    element.text = None


def _carry_header_cells(content: Element, styles: _Styles) -> None:
    wanted = HEADER_CELL.replace(" ", "_20_")
    for cell in content.iter(_name("table:table-cell")):
        for paragraph in cell.findall(_PARAGRAPH):
            if styles.is_or_inherits(paragraph.get(_USED), wanted):
                paragraph.text = HEADER + (paragraph.text or "")


def _carry_blocks(content: Element, styles: _Styles) -> None:
    """Code blocks, of which each line is a paragraph, and horizontal rules."""

    def kind(child: Element) -> str:
        used = child.get(_USED) if child.tag == _PARAGRAPH else None
        return next((each for each in (code, rule) if used and styles.is_or_inherits(used, each)), "")

    code, rule = "Preformatted_20_Text", "Horizontal_20_Line"
    for parent in list(content.iter()):
        kept: list[Element] = []
        for found, group in groupby(parent, kind):
            children = list(group)
            if found == code:
                lines = "\n".join(map(_verbatim, children))
                del children[1:]
                _replace(children[0], CODE + quote(schema.clean(lines)))
            elif found == rule:
                for child in children:
                    _replace(child, RULE)
            kept += children
        if len(kept) < len(parent):
            parent[:] = kept


def _verbatim(line: Element) -> str:
    """The text of a paragraph with its spaces, which OpenDocument writes as elements."""
    found = [line.text or ""]
    for child in line:
        if child.tag == _name("text:s"):
            count = child.get(_name("text:c"), "1")
            found.append(" " * min(int(count), 1000) if _COUNT.fullmatch(count) else " ")
        elif child.tag == _name("text:tab"):
            found.append("\t")
        elif child.tag == _name("text:line-break"):
            found.append("\n")
        else:
            found.append(_verbatim(child))
        found.append(child.tail or "")
    return "".join(found)


def with_alternatives(made: bytes, alternatives: Sequence[str]) -> bytes:
    """A package that pandoc made, with the alternative texts of its pictures, which it leaves out."""
    if not any(alternatives):
        return made
    waiting = iter(alternatives)
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(result, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "content.xml":
                end = b"</draw:frame>"
                *frames, rest = content.split(end)
                told = (f"<svg:desc>{escape(next(waiting, ''))}</svg:desc>".encode() for _ in frames)
                content = (
                    b"".join(frame + desc + end for frame, desc in zip(frames, told, strict=True)) + rest
                )
            new.writestr(info, content)
    return result.getvalue()


def _take_title(content: Element, styles: _Styles) -> str:
    """The title that a document begins with; it is no part of the text."""
    body = content.find(f"./{_name('office:body')}/{_name('office:text')}")
    first = next((each for each in body or () if each.tag in (_PARAGRAPH, _HEADING)), None)
    if body is None or first is None or not styles.is_or_inherits(first.get(_USED), "Title"):
        return ""
    body.remove(first)
    return "".join(first.itertext()).strip()


def _alternatives(content: Element) -> Iterator[tuple[str, str]]:
    for frame in content.iter(_name("draw:frame")):
        picture = frame.find(_name("draw:image"))
        told = [frame.findtext(_name(f"svg:{each}")) for each in ("desc", "title")]
        said = next((each.strip() for each in told if each and each.strip()), "")
        if picture is not None and said:
            yield picture.get(_HREF, ""), said
