"""Pandoc's document tree → the editor's JSON. Only what the editor's schema knows comes through.

Source of the tree: pandoc-types 1.23, Text.Pandoc.Definition, as `pandoc -t json` writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from app.conversion import schema
from app.conversion.errors import NotConverted
from app.conversion.inlines import CARRIED, CODE, RULE, read_inlines, tidy
from app.conversion.limits import ConversionLimits
from app.conversion.lists import rejoined
from app.conversion.schema import Json, Marks
from app.conversion.tables import read_table

_NUMBERS = {"LowerAlpha": "a", "UpperAlpha": "A", "LowerRoman": "i", "UpperRoman": "I"}
TITLE_BLOCK = "title-block-header"  # where pandoc's own HTML repeats the title


def _no_picture(_: str) -> bytes | None:
    return None


@dataclass(slots=True)
class Reading:
    """One file being read. `language` is that of the document it goes into.

    `pictures` gives the bytes of pictures that came with the file. `left_out` counts what could
    not be kept, by code.
    """

    limits: ConversionLimits
    language: str
    pictures: Callable[[str], bytes | None] = _no_picture
    alternatives: Mapping[str, str] = field(default_factory=dict)
    joins_quotations: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[list[Json]] = field(default_factory=list)
    picture_bytes: int = 0
    _nodes: int = 0
    _depth: int = 0

    def document(self, tree: Json) -> Json:
        """The whole document. Raises NotConverted (too_complex) beyond the limits."""
        base = schema.language(meta_text(tree, "lang"))
        blocks = self.blocks(tree["blocks"], self.with_language({}, base))
        if self.notes:
            items = [schema.node("listItem", _starting_with_paragraph(note)) for note in self.notes]
            blocks += [schema.node("horizontalRule"), schema.node("orderedList", items, start=1)]
        return {"type": "doc", "content": blocks}

    def blocks(self, found: Sequence[Json], marks: Marks) -> list[Json]:
        """Block nodes; `marks` are those of everything inside."""
        self._depth += 1
        if self._depth > self.limits.depth:
            raise NotConverted("too_complex", "the file is nested too deeply")
        made: list[Json] = []
        for each in rejoined(found, quotations=self.joins_quotations):
            made += self._block(each["t"], each.get("c"), marks)
        self._depth -= 1
        self.count(len(made))
        return made

    def count(self, nodes: int) -> None:
        """Note that so many nodes were made; raises NotConverted."""
        self._nodes += nodes
        if self._nodes > self.limits.nodes:
            raise NotConverted("too_complex", "the file has too many parts")

    def inlines(self, found: Sequence[Json], marks: Marks) -> list[Json]:
        """Text and what stands in it."""
        self._depth += 1
        if self._depth > self.limits.depth:
            raise NotConverted("too_complex", "the file is nested too deeply")
        made = read_inlines(self, found, marks)
        self._depth -= 1
        self.count(len(made))
        return made

    def with_language(self, marks: Marks, tag: str | None) -> Marks:
        """The marks with another language; the document's own needs none."""
        if tag is None:
            return marks
        others = {name: value for name, value in marks.items() if name != "language"}
        return others if schema.same_language(tag, self.language) else {**others, "language": {"lang": tag}}

    def _block(self, kind: str, content: Any, marks: Marks) -> list[Json]:
        match kind:
            case "Para" | "Plain":
                return self._paragraph(content, marks)
            case "Header":
                level = min(max(content[0], 1), schema.HEADINGS)
                inner = tidy(self.inlines(content[2], self.with_language(marks, lang_of(content[1]))))
                return [schema.node("heading", inner, level=level)] if inner else []
            case "CodeBlock":
                return [_code(content)]
            case "BlockQuote":
                inner = self.blocks(content, marks)
                return [schema.node("blockquote", inner)] if inner else []
            case "BulletList":
                return [schema.node("bulletList", self._items(content, marks))] if content else []
            case "OrderedList":
                return self._numbered(content, marks)
            case "HorizontalRule":
                return [schema.node("horizontalRule")]
            case "Table":
                return read_table(self, content, marks)
            case "Div":
                return self._division(content, marks)
            case _:
                return self._rare(kind, content, marks)

    def _rare(self, kind: str, content: Any, marks: Marks) -> list[Json]:
        match kind:
            case "LineBlock":
                lines: list[Json] = []
                for line in content:
                    lines += [{"t": "LineBreak"}, *line] if lines else line
                return self._paragraph(lines, marks)
            case "DefinitionList":
                return self._definitions(content, marks)
            case "Figure":
                return self._figure(content, marks)
            case _:  # raw code of some format
                self.left_out["raw"] += 1
                return []

    def _paragraph(self, content: Sequence[Json], marks: Marks) -> list[Json]:
        if carried := _carried(content):
            return [carried]
        inner = tidy(self.inlines(content, marks))
        return [schema.node("paragraph", inner)] if inner else []

    def _numbered(self, content: Any, marks: Marks) -> list[Json]:
        (start, style, _), items = content
        if not items:
            return []
        first = schema.whole(start, 1, least=0, most=schema.MAX_NUMBER)
        made = self._items(items, marks)
        return [schema.node("orderedList", made, start=first, type=_NUMBERS.get(style["t"]))]

    def _items(self, items: Sequence[Sequence[Json]], marks: Marks) -> list[Json]:
        self.count(len(items))
        return [schema.node("listItem", _starting_with_paragraph(self.blocks(item, marks))) for item in items]

    def _definitions(self, content: Any, marks: Marks) -> list[Json]:
        """A term as a bold paragraph, what it means below it: the schema has no such lists."""
        made: list[Json] = []
        for term, meanings in content:
            made += self._paragraph(term, {**marks, "bold": {}})
            for meaning in meanings:
                made += self.blocks(meaning, marks)
        return made

    def _figure(self, content: Any, marks: Marks) -> list[Json]:
        _, (_, caption), inner = content
        made = self.blocks(inner, marks)
        told = self.blocks(caption, marks)
        said = "".join(picture["attrs"].get("alt", "") for picture in _pictures(made))
        return made if schema.words(told).strip() == said.strip() else made + told

    def _division(self, content: Any, marks: Marks) -> list[Json]:
        attributes, inner = content
        if attributes[0] == TITLE_BLOCK:
            return []
        return self.blocks(inner, self.with_language(marks, lang_of(attributes)))


def _pictures(nodes: Sequence[Json]) -> list[Json]:
    found: list[Json] = []
    for each in nodes:
        found += [each] if each["type"] == "image" else _pictures(each.get("content", ()))
    return found


def _starting_with_paragraph(blocks: list[Json]) -> list[Json]:
    """A list item begins with a paragraph."""
    if blocks and blocks[0]["type"] == "paragraph":
        return blocks
    return [schema.node("paragraph"), *blocks]


def _carried(inlines: Sequence[Json]) -> Json | None:
    """A block that came past pandoc in the address of a link (see odt.py)."""
    if len(inlines) != 1 or inlines[0]["t"] != "Link":
        return None
    address: str = inlines[0]["c"][2][0]
    if address.startswith(CARRIED + CODE):
        return _code([["", [], []], unquote(address.removeprefix(CARRIED + CODE))])
    return schema.node("horizontalRule") if address == CARRIED + RULE else None


def _code(content: Any) -> Json:
    (_, classes, _), value = content
    language = classes[0][:50] if classes else None
    value = schema.clean(value.replace("\r\n", "\n")).rstrip("\n")
    return schema.node("codeBlock", [schema.text(value)] if value else [], language=language)


def lang_of(attributes: Any) -> str | None:
    """The language that attributes give."""
    return next((schema.language(value) for name, value in attributes[2] if name == "lang"), None)


def meta_text(tree: Json, name: str) -> str:
    """A metadata field as text; empty if there is none."""
    value = tree.get("meta", {}).get(name)
    return _meta(value, 0).strip() if value else ""


def _meta(value: Json, depth: int) -> str:
    content: Any = value.get("c")
    match value["t"]:
        case "MetaString" | "Str" | "MetaBool":
            return str(content)
        case "Space" | "SoftBreak" | "LineBreak":
            return " "
        case "Code" | "Math":
            return str(content[1])
    if depth > 20 or not isinstance(content, list):
        return ""
    children = content[1] if value["t"] in ("Span", "Link", "Quoted") else content
    return "".join(_meta(each, depth + 1) for each in children if isinstance(each, dict))
