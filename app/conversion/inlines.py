"""Pandoc's inlines → text nodes with marks, hard breaks and pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.conversion import pictures, schema
from app.conversion.schema import Json, Marks

if TYPE_CHECKING:
    from app.conversion.from_pandoc import Reading

# What pandoc's reader drops is carried past it by odt.py: blocks in the address of a link of our own,
# styles between noncharacters in the text, which nothing around them can take away.
CARRIED = "interlink:"
CODE, RULE = "code/", "rule"
BEGIN, BEGUN, END, HEADER = "\ufdd2", "\ufdd3", "\ufdd4", "\ufdd5"
_SIGNS = re.compile(f"({BEGIN}[^{BEGUN}]*{BEGUN}|{END})")
LANGUAGE_STYLE = "Language "  # character styles of text in another language, in office files
_MARKS = {"Strong": "bold", "Emph": "italic", "Strikeout": "strike", "Underline": "underline"}
_QUOTES = {"SingleQuote": ("‘", "’"), "DoubleQuote": ("“", "”")}
_TRANSPARENT = ("Superscript", "Subscript", "SmallCaps")
_PIXELS = {"px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "pt": 96 / 72, "": 1.0}
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,20})?)(px|in|cm|mm|pt|)")


def read_inlines(reading: Reading, found: Sequence[Json], marks: Marks) -> list[Json]:
    """Inline nodes; neighbours with the same marks are one node, white space is one space."""
    made: list[Json] = []
    outer: list[Marks] = []
    for each in found:
        if each["t"] != "Str" or not _SIGNS.search(each["c"]):
            made += _inline(reading, each["t"], each.get("c"), marks)
            continue
        for part in _SIGNS.split(each["c"]):
            if part.startswith(BEGIN):
                outer.append(marks)
                marks = _carried(reading, part[1:-1], marks)
            elif part == END:
                marks = outer.pop() if outer else marks
            else:
                made += _text(part, marks)
    return _joined(made)


def tidy(nodes: list[Json]) -> list[Json]:
    """Without white space at the ends and around hard breaks, where no reader sees it."""
    made: list[Json] = []
    for i, each in enumerate(nodes):
        if each["type"] == "text" and not _is_code(each):
            value: str = each["text"]
            if i == 0 or nodes[i - 1]["type"] == "hardBreak":
                value = value.lstrip(" ")
            if i == len(nodes) - 1 or nodes[i + 1]["type"] == "hardBreak":
                value = value.rstrip(" ")
            if not value:
                continue
            made.append({**each, "text": value})
        else:
            made.append(each)
    first = next((i for i, each in enumerate(made) if each["type"] != "hardBreak"), len(made))
    while made and made[-1]["type"] == "hardBreak":
        made.pop()
    return made[first:]


def _is_code(node: Json) -> bool:
    return any(mark["type"] == "code" for mark in node.get("marks", ()))


def _joined(nodes: list[Json]) -> list[Json]:
    made: list[Json] = []
    for each in nodes:
        last = made[-1] if made else None
        if each["type"] != "text" or last is None or last["type"] != "text":
            made.append(each)
            continue
        value: str = each["text"]
        if last["text"].endswith(" ") and not _is_code(last) and not _is_code(each):
            value = value.lstrip(" ")
        if not value:
            continue
        if last.get("marks") == each.get("marks"):
            made[-1] = {**last, "text": last["text"] + value}
        else:
            made.append({**each, "text": value})
    return made


def _inline(reading: Reading, kind: str, content: Any, marks: Marks) -> list[Json]:
    match kind:
        case "Str":
            return _text(content, marks)
        case "Space" | "SoftBreak":
            return [schema.text(" ", marks)]
        case "LineBreak":
            return [schema.node("hardBreak")]
        case "Strong" | "Emph" | "Strikeout" | "Underline":
            return reading.inlines(content, {**marks, _MARKS[kind]: {}})
        case "Code":
            return _text(_SIGNS.sub("", content[1]), marks if "link" in marks else {"code": {}})
        case "Link":
            return _link(reading, content, marks)
        case "Image":
            return _picture(reading, content, marks)
        case "Span":
            return _span(reading, content, marks)
        case "Quoted":
            before, after = _QUOTES[content[0]["t"]]
            return [
                schema.text(before, marks),
                *reading.inlines(content[1], marks),
                schema.text(after, marks),
            ]
        case "Cite":
            return reading.inlines(content[1], marks)
        case "Math":
            return _text(content[1], {"code": {}})
        case "Note":
            return _note(reading, content, marks)
        case _ if kind in _TRANSPARENT:
            reading.left_out["style"] += 1
            return reading.inlines(content, marks)
    reading.left_out["raw"] += 1
    return []


def _text(value: str, marks: Marks) -> list[Json]:
    clean = schema.clean(value).replace("\t", " ").replace("\n", " ")
    return [schema.text(clean, marks)] if clean else []


def _link(reading: Reading, content: Any, marks: Marks) -> list[Json]:
    _, inner, (address, _) = content
    href = schema.safe_link(address)
    return reading.inlines(inner, {**marks, "link": schema.link(href)} if href else marks)


def _carried(reading: Reading, what: str, marks: Marks) -> Marks:
    underlined, _, tag = what.partition("/")
    marks = reading.with_language(marks, schema.language(tag))
    return {**marks, "underline": {}} if underlined else marks


def _span(reading: Reading, content: Any, marks: Marks) -> list[Json]:
    attributes, inner = content
    tag: object = None
    for name, value in attributes[2]:
        if name == "lang":
            tag = value
        elif name == "custom-style" and value.startswith(LANGUAGE_STYLE):
            tag = value.removeprefix(LANGUAGE_STYLE)
    marks = reading.with_language(marks, schema.language(tag))
    return reading.inlines(inner, {**marks, "underline": {}} if "underline" in attributes[1] else marks)


def _note(reading: Reading, content: Any, marks: Marks) -> list[Json]:
    """A footnote: its number here, its text in a list at the end."""
    reading.notes.append([])
    number = len(reading.notes)
    spoken = {name: value for name, value in marks.items() if name == "language"}
    reading.notes[number - 1] = reading.blocks(content, spoken)
    return [schema.text(f"[{number}]", marks)]


def _picture(reading: Reading, content: Any, marks: Marks) -> list[Json]:
    attributes, described, (address, _) = content
    alternative = schema.words(reading.inlines(described, {})).strip()
    alternative = alternative or reading.alternatives.get(address, "")
    source = _source(reading, address)
    if source is None:
        return _text(alternative, marks)
    if not alternative:
        reading.left_out["picture_without_text"] += 1
    sizes = _sizes(dict(attributes[2]))
    return [schema.node("image", src=source, alt=alternative, **sizes)]


def _source(reading: Reading, address: str) -> str | None:
    """Where the picture is kept: in its address, or elsewhere on the web; None: it is left out."""
    if found := pictures.remote(address):
        return found
    embedded = pictures.embedded(address)
    data = embedded[1] if embedded else reading.pictures(address)
    if data is None:
        reading.left_out["picture_missing"] += 1
        return None
    reading.picture_bytes += len(data)
    limits = reading.limits
    if len(data) > limits.image or reading.picture_bytes > limits.images:
        reading.picture_bytes -= len(data)
        reading.left_out["picture_too_large"] += 1
        return None
    made = pictures.as_address(data)
    if made is None:
        reading.left_out["picture_kind"] += 1
    return made


def _sizes(given: Mapping[str, str]) -> dict[str, int]:
    """Width and height in CSS pixels, where they are given as lengths."""
    found: dict[str, int] = {}
    for name in ("width", "height"):
        size = _SIZE.fullmatch(given.get(name, ""))
        pixels = round(float(size[1]) * _PIXELS[size[2]]) if size else 0
        if 0 < pixels <= 10_000:
            found[name] = pixels
    return found
