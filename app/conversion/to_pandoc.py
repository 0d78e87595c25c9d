"""The editor's JSON → pandoc's document tree, for one kind of file.

Whoever writes a document over the protocol chooses what stands in it: what the schema does not
know is written as the text inside it, and no attribute goes on unchecked. Raw code of a format is
never made from content, except pictures and languages for typst, whose strings are checked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from app.conversion import pictures, schema
from app.conversion.errors import NotConverted
from app.conversion.inlines import LANGUAGE_STYLE
from app.conversion.limits import ConversionLimits
from app.conversion.schema import Json, Marks
from app.conversion.tables import HEADER_CELL, NO_ATTRIBUTES, is_simple, write_table

API_VERSION = [1, 23, 1]
_STYLES = {"a": "LowerAlpha", "A": "UpperAlpha", "i": "LowerRoman", "I": "UpperRoman"}
_ORDER = ("link", "language", "bold", "italic", "underline", "strike", "code")  # from the outside in
_WRAPPED = {"bold": "Strong", "italic": "Emph", "underline": "Underline", "strike": "Strikeout"}
_OFFICE = ("docx", "odt")
_CODE_LANGUAGE = re.compile(r"[\w+#.-]{1,50}")
_SPACES = re.compile(r"[ \t\n]+")
_INLINE = ("text", "hardBreak", "image")

Run = tuple[Any, Marks]
"""An inline (text or a node) and its marks."""


@dataclass(slots=True)
class Writing:
    """One document being written as `target` (a name in formats.FORMATS).

    Pictures that lie in the document are collected in `files` where the target takes files (pdf).
    `as_html` are tables that Markdown can't hold, with the places for their HTML. `alternatives`
    are the alternative texts of the pictures in the file, in order.
    """

    target: str
    limits: ConversionLimits
    files: dict[str, bytes] = field(default_factory=dict)
    as_html: list[tuple[Json, Json]] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)
    _depth: int = 0

    def document(self, doc: Json, *, title: str = "", language: str = "") -> Json:
        """The whole tree. Raises NotConverted (too_complex) beyond the limits."""
        meta: Json = {}
        if title:
            meta["title"] = {"t": "MetaInlines", "c": list(_words(title))}
        if schema.language(language):
            meta["lang"] = {"t": "MetaString", "c": language}
        blocks = self.blocks(doc.get("content", ()))
        return {"pandoc-api-version": API_VERSION, "meta": meta, "blocks": blocks}

    def blocks(self, nodes: Sequence[Json], *, tight: bool = False) -> list[Json]:
        """Blocks; text that stands between them becomes paragraphs."""
        self._depth += 1
        if self._depth > self.limits.depth:
            raise NotConverted("too_complex", "the document is nested too deeply")
        made: list[Json] = []
        for loose, group in groupby(nodes, lambda node: node.get("type") in _INLINE):
            if loose:
                made += self._paragraph(list(group), tight)
                continue
            for node in group:
                made += self._block(node, tight)
        self._depth -= 1
        return made

    def _block(self, node: Json, tight: bool) -> list[Json]:
        content: Sequence[Json] = node.get("content", ())
        attrs: Json = node.get("attrs") or {}
        match node["type"]:
            case "paragraph":
                return self._paragraph(content, tight)
            case "heading":
                level = schema.whole(attrs.get("level"), 1, most=schema.HEADINGS)
                inner = self.inlines(content)
                return [_made("Header", [level, NO_ATTRIBUTES, inner])] if inner else []
            case "blockquote":
                return [_made("BlockQuote", self.blocks(content))]
            case "bulletList":
                return [_made("BulletList", self._items(content))] if content else []
            case "orderedList":
                start = schema.whole(attrs.get("start"), 1, least=0, most=schema.MAX_NUMBER)
                style = {"t": _STYLES.get(str(attrs.get("type")), "Decimal")}
                return [_made("OrderedList", [[start, style, {"t": "Period"}], self._items(content)])]
            case "codeBlock":
                language = str(attrs.get("language") or "")
                classes = [language] if _CODE_LANGUAGE.fullmatch(language) else []
                return [_made("CodeBlock", [["", classes, []], schema.clean(schema.words(content))])]
            case "horizontalRule":
                return [{"t": "HorizontalRule"}]
            case "table":
                return self._table(content)
        return self.blocks(content)

    def _paragraph(self, content: Sequence[Json], tight: bool) -> list[Json]:
        inner = self.inlines(content)
        return [_made("Plain" if tight else "Para", inner)] if inner else []

    def _items(self, items: Sequence[Json]) -> list[list[Json]]:
        """A list is tight where each item is one paragraph, with lists below it at most."""
        tight = all(_is_tight(item.get("content", ()), self.target) for item in items)
        return [self.blocks(item.get("content", ()), tight=tight) for item in items]

    def _table(self, rows: Sequence[Json]) -> list[Json]:
        def cell(node: Json, header: bool) -> list[Json]:
            content: Sequence[Json] = node.get("content", ())
            if not header or self.target not in _OFFICE:
                return self.blocks(content, tight=len(content) == 1)
            name = HEADER_CELL.replace(" ", "_20_") if self.target == "odt" else HEADER_CELL
            inner = self.blocks(content) or [_made("Para", [])]
            return [_made("Div", [["", [], [["custom-style", name]]], inner])]

        found = [row for row in rows if row["type"] == "tableRow"]
        table = write_table(found, cell, self.limits.columns)
        if table is None:
            return []
        if self.target != "md" or is_simple(table):
            return [table]
        place = _made("RawBlock", ["html", ""])
        self.as_html.append((place, table))
        return [place]

    def inlines(self, nodes: Sequence[Json]) -> list[Json]:
        """Inlines; marks of neighbours that are the same become one."""
        runs: list[Run] = []
        for node in nodes:
            if node.get("type") == "text":
                runs.append((schema.clean(str(node.get("text", ""))), _marks(node)))
            elif node.get("type") in _INLINE:
                runs.append((node, {}))
            else:  # a block inside a line: its text
                runs.append((schema.words([node]), {}))
        return _trimmed(self._nested(runs, 0))

    def _nested(self, runs: Sequence[Run], at: int) -> list[Json]:
        if at == len(_ORDER):
            made: list[Json] = []
            for value, _ in runs:
                made += self._text(value) if isinstance(value, str) else self._inline(value)
            return made
        made = []
        for value, group in groupby(runs, lambda run: run[1].get(_ORDER[at])):
            inner = list(group)
            if value is None:
                made += self._nested(inner, at + 1)
            elif _ORDER[at] == "code":
                code = "".join(run[0] for run in inner if isinstance(run[0], str)).replace("\n", " ")
                made.append(_made("Code", [NO_ATTRIBUTES, code]))
                made += self._end if "`" in code else []  # else it is no call in typst
            else:
                made += [*self._marked(_ORDER[at], value, self._nested(inner, at + 1)), *self._end]
        return made

    @property
    def _end(self) -> list[Json]:
        """What ends a call in typst: a point and a word right behind it would reach into it."""
        return [_raw(";")] if self.target == "pdf" else []

    def _text(self, value: str) -> Iterator[Json]:
        for word in _words(value):
            if self.target == "md" and word["t"] == "Str" and "\\" in word["c"]:
                # pandoc's writer (3.9) drops some signs after a backslash, unless the word ends between them
                yield from (_made("Str", part) for part in re.split(r"(?<=\\)(?=.)", word["c"]))
            else:
                yield word

    def _marked(self, name: str, attrs: Json, inner: list[Json]) -> list[Json]:
        if name == "link":
            return [_made("Link", [NO_ATTRIBUTES, inner, [attrs["href"], ""]])]
        if name == "language" and self.target == "pdf":  # pandoc's typst writer leaves it out
            primary = attrs["lang"].partition("-")[0].lower()
            return [_raw(f'#text(lang: "{primary}")['), *inner, _raw("]")]
        if name == "language":
            given = [["lang", attrs["lang"]]]
            if self.target == "docx":
                given.append(["custom-style", LANGUAGE_STYLE + attrs["lang"]])
            return [_made("Span", [["", [], given], inner])]
        return [_made(_WRAPPED[name], inner)]

    def _inline(self, node: Json) -> list[Json]:
        if node["type"] == "hardBreak":
            return [{"t": "LineBreak"}]
        attrs: Json = node.get("attrs") or {}
        alternative = schema.clean(str(attrs.get("alt") or ""))
        described = list(_words(alternative))
        sizes = {name: schema.whole(attrs.get(name), 0, most=10_000) for name in ("width", "height")}
        unit = "px" if self.target in _OFFICE else ""
        given = [[name, f"{size}{unit}"] for name, size in sizes.items() if size]
        if found := pictures.embedded(attrs.get("src")):
            if self.target == "pdf":
                return [self._typst(*found, alternative, sizes)]
            self.alternatives.append(alternative)
            return [_made("Image", [["", [], given], described, [attrs["src"], ""]])]
        address = pictures.remote(attrs.get("src"))
        if address is None:
            return described
        if self.target in ("html", "md"):
            return [_made("Image", [["", [], given], described, [address, ""]])]
        # a picture elsewhere is not fetched: what a document names must not make the server call out
        return [_made("Link", [NO_ATTRIBUTES, described or list(_words(address)), [address, ""]]), *self._end]

    def _typst(self, kind: str, data: bytes, alternative: str, sizes: dict[str, int]) -> Json:
        name = f"picture{len(self.files)}.{kind}"
        self.files[name] = data
        width = f", width: {sizes['width'] * 0.75}pt" if sizes["width"] else ""
        alt = f", alt: {_typst_string(alternative)}" if alternative else ""
        return _raw(f'#picture("{name}"{width}{alt});')


def _made(kind: str, content: Any) -> Json:
    return {"t": kind, "c": content}


def _raw(source: str) -> Json:
    return _made("RawInline", ["typst", source])


def _typst_string(value: str) -> str:
    clean = _SPACES.sub(" ", schema.clean(value))
    return json.dumps(clean, ensure_ascii=False)


def _is_tight(blocks: Sequence[Json], target: str) -> bool:
    kinds = [block["type"] for block in blocks]
    # in Markdown, numbers other than 1 don't begin a list right below a line
    late = [b for b in blocks if b["type"] == "orderedList" and (b.get("attrs") or {}).get("start", 1) != 1]
    below_line = ("bulletList", "orderedList")
    return (
        kinds[:1] == ["paragraph"]
        and all(kind in below_line for kind in kinds[1:])
        and not (late and target == "md")
    )


def _words(value: str) -> Iterator[Json]:
    """Text as words and single spaces, as pandoc's own readers give it."""
    for i, word in enumerate(_SPACES.split(schema.clean(value))):
        if i:
            yield {"t": "Space"}
        if word:
            yield _made("Str", word)


def _trimmed(inlines: list[Json]) -> list[Json]:
    start, end = 0, len(inlines)
    while start < end and inlines[start]["t"] in ("Space", "LineBreak"):
        start += 1
    while end > start and inlines[end - 1]["t"] in ("Space", "LineBreak"):
        end -= 1
    return inlines[start:end]


def _marks(node: Json) -> Marks:
    """The marks of a text node that are known, checked."""
    found: dict[str, Json] = {}
    for each in node.get("marks", ()):
        name, attrs = each.get("type"), each.get("attrs")
        attrs = attrs if isinstance(attrs, dict) else {}
        check = _CHECKED.get(name)
        value = check(attrs) if check else None
        if value is not None:
            found[name] = value
    return found


def _checked_link(attrs: Json) -> Json | None:
    href = schema.safe_link(attrs.get("href"))
    return {"href": href} if href else None


def _checked_language(attrs: Json) -> Json | None:
    tag = schema.language(attrs.get("lang"))
    return {"lang": tag} if tag else None


def _plain(_: Json) -> Json | None:
    return {}


_CHECKED: dict[str, Callable[[Json], Json | None]] = {
    **dict.fromkeys((*_WRAPPED, "code"), _plain),
    "link": _checked_link,
    "language": _checked_language,
}
