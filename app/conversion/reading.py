"""A file → the editor's JSON, or plain text. Runs in the child process."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.conversion import docx, odt, pandoc, schema
from app.conversion.errors import NotConverted
from app.conversion.formats import FORMATS
from app.conversion.from_pandoc import Reading, meta_text
from app.conversion.limits import ConversionLimits
from app.conversion.packages import Package
from app.conversion.schema import Json
from app.conversion.to_pandoc import Writing

_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class File:
    """A file as it came. `kind` is a name in formats.FORMATS; `charset` what its sender called it."""

    kind: str
    data: bytes
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Into:
    """The document that it goes into."""

    title: str
    language: str


@dataclass(slots=True)
class Found:
    """What a file says. `left_out` counts what could not be kept, by code."""

    document: Json
    left_out: Counter[str] = field(default_factory=Counter)


def read(file: File, into: Into, limits: ConversionLimits) -> Found:
    """A file as rich text; raises NotConverted."""
    if file.kind == "txt":
        return Found(paragraphs(decoded(file)))
    reading = Reading(limits, into.language)
    title = ""
    if file.kind in ("docx", "odt"):
        package = Package.open(file.data, file.kind, limits)
        if file.kind == "odt":
            carried = odt.carry(package)
            title, reading.alternatives = carried.title, carried.alternatives
        else:
            docx.carry(package)
        reading.pictures = package.picture
        reading.joins_quotations = True
        data = package.packed()
    else:
        data = decoded(file).encode()
    tree = pandoc.tree(data, FORMATS[file.kind].reader or "", limits)
    if file.kind == "md" and _has_html(tree):
        tree = _with_html(tree, limits)
    document = reading.document(tree)
    if file.kind != "html":
        _set_title(document, title or meta_text(tree, "title"), into.title)
    return Found(document, reading.left_out)


def read_text(file: File, into: Into, limits: ConversionLimits) -> Found:
    """A file for a document of plain text: Markdown stays as it is written."""
    if file.kind in ("txt", "md"):
        return Found({"text": decoded(file)})
    found = read(file, into, limits)
    tree = pandoc_tree(found.document, limits)
    text = pandoc.from_tree(tree, "plain", limits).decode().rstrip("\n")
    return Found({"text": text}, found.left_out)


def pandoc_tree(document: Json, limits: ConversionLimits) -> Json:
    """The editor's JSON as a tree for plain text."""
    return Writing("txt", limits).document(document)


def paragraphs(text: str) -> Json:
    """Plain text as rich text: a paragraph for each run of lines, a hard break for each line."""
    blocks = []
    for part in re.split(r"\n[ \t]*\n", text):
        inner: list[Json] = []
        for line in part.strip("\n").split("\n"):
            inner += [schema.node("hardBreak")] if inner else []
            inner += [schema.text(line)] if line else []
        if inner:
            blocks.append(schema.node("paragraph", inner))
    return {"type": "doc", "content": blocks}


def decoded(file: File) -> str:
    """The text of a text file; raises NotConverted (file_broken)."""
    data = file.data
    charset = next((name for bom, name in _BOMS if data.startswith(bom)), file.charset)
    if not charset and file.kind == "html" and (found := _CHARSET.search(data[:2048])):
        charset = found[1].decode()
    try:
        text = data.decode(charset or "utf-8")
    except (UnicodeDecodeError, LookupError, ValueError):
        raise NotConverted("file_broken", "the text is not in UTF-8") from None
    if "\x00" in text:
        raise NotConverted("file_broken", "this is no text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _has_html(tree: Any) -> bool:
    waiting = [tree["blocks"]]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("t") in ("RawInline", "RawBlock"):
                return True
            each = each.get("c")
        if isinstance(each, list):
            waiting.extend(each)
    return False


def _with_html(tree: Json, limits: ConversionLimits) -> Json:
    """Markdown may hold HTML: what it means is known once all of it is HTML."""
    html = pandoc.from_tree(tree, "html5", limits)
    return {**pandoc.tree(html, "html", limits), "meta": tree["meta"]}


def _set_title(document: Json, title: str, known: str) -> None:
    """A title that the file has beside its text becomes the first heading, unless it is known."""
    blocks: list[Json] = document["content"]
    first = schema.words(blocks[:1]) if blocks and blocks[0]["type"] == "heading" else ""
    if title and _folded(title) not in (_folded(known), _folded(first)):
        blocks.insert(0, schema.node("heading", [schema.text(title)], level=1))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
