"""The editor's document, as ProseMirror JSON: what its schema (web/src/editor/schema.ts) allows.

Attributes are given as the editor's own defaults have them, so that opening a document changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
Marks = Mapping[str, Json]
"""Marks by name, with their attributes."""

HEADINGS = 6
MAX_NUMBER = 10_000_000  # of an ordered list
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
_SAFE = re.compile(r"(https?://|mailto:|tel:)[^\s\x00-\x1f\x7f]{1,2000}", re.IGNORECASE)
# What neither XML nor PostgreSQL stores, and noncharacters (lists.py has its signs among them).
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LINK = {"target": "_blank", "rel": "noopener noreferrer nofollow"}


def node(type: str, content: Sequence[Json] = (), /, **attrs: Any) -> Json:
    """A node; attributes without a value are left out."""
    made: Json = {"type": type}
    if given := {name: value for name, value in attrs.items() if value is not None}:
        made["attrs"] = given
    if content:
        made["content"] = list(content)
    return made


def text(value: str, marks: Marks | None = None) -> Json:
    """A text node; its marks stand in the order of their names."""
    made: Json = {"type": "text", "text": value}
    if marks:
        made["marks"] = [mark(name, marks[name]) for name in sorted(marks)]
    return made


def mark(name: str, attrs: Json) -> Json:
    """A mark."""
    return {"type": name, "attrs": attrs} if attrs else {"type": name}


def link(href: str) -> Json:
    """The attributes of a link, as the editor sets them."""
    return {"href": href, **_LINK}


def clean(value: str) -> str:
    """Text without what no text should hold; tabs and line feeds stay."""
    return _UNFIT.sub("", value)


def safe_link(address: object) -> str | None:
    """A web, mail or telephone address, fit for a link; None for anything else, scripts above all."""
    if not isinstance(address, str):
        return None
    stripped = address.strip().replace(" ", "%20")
    return stripped if _SAFE.fullmatch(stripped) else None


def language(tag: object) -> str | None:
    """A language tag (BCP 47) that is well-formed; else None."""
    return tag if isinstance(tag, str) and LANGUAGE.fullmatch(tag) else None


def same_language(one: str | None, other: str | None) -> bool:
    """Whether two tags name one language, whatever the region."""
    return one is not None and other is not None and _primary(one) == _primary(other)


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()


def whole(value: object, otherwise: int, *, least: int = 1, most: int = 1000) -> int:
    """A whole number within bounds; what is none, or outside, is `otherwise`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return otherwise
    return int(value) if least <= value <= most else otherwise


def words(nodes: Sequence[Json]) -> str:
    """The text inside nodes."""
    found: list[str] = []
    waiting = list(reversed(nodes))
    while waiting:
        each = waiting.pop()
        found.append(each.get("text", "") if each["type"] == "text" else "")
        waiting.extend(reversed(each.get("content", ())))
    return "".join(found)
