"""What pandoc's readers of office files take apart, put together again: lists (see docx.py), quotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from app.conversion.schema import Json

# Noncharacters, which no text has to hold.
CONTINUED, RESUMED = "\ufdd0", "\ufdd1"
_LISTS = ("BulletList", "OrderedList")


def rejoined(blocks: Sequence[Json], *, quotations: bool) -> list[Json]:
    """The blocks, with the paragraphs that continue an item in it, and lists that go on as one.

    With `quotations`, neighbouring quotations are one: in OpenDocument each paragraph is read as one.
    """
    made: list[Json] = []
    for block in _unwrapped(blocks):
        sign = _sign(block) if made and _is_list(block) and _is_list(made[-1]) else ""
        if sign == CONTINUED:
            *items, last = _items(made[-1])
            for item in _items(block):
                last = [*last, *item]
            made[-1] = _with_items(made[-1], [*items, last])
        elif sign == RESUMED and block["t"] == made[-1]["t"]:
            made[-1] = _with_items(made[-1], [*_items(made[-1]), *_items(block)])
        elif quotations and made and block["t"] == made[-1]["t"] == "BlockQuote":
            made[-1] = {**block, "c": [*made[-1]["c"], *block["c"]]}
        else:
            made.append(block)
    return made


def _unwrapped(blocks: Sequence[Json]) -> Iterator[Json]:
    """Without divisions that only name a paragraph style, one around each paragraph."""
    for block in blocks:
        if block["t"] == "Div" and [name for name, _ in block["c"][0][2]] == ["custom-style"]:
            yield from _unwrapped(block["c"][1])
        else:
            yield block


def _is_list(block: Json) -> bool:
    return block["t"] in _LISTS and bool(_items(block))


def _items(block: Json) -> list[Any]:
    items: list[Any] = block["c"] if block["t"] == "BulletList" else block["c"][1]
    return items


def _with_items(block: Json, items: list[Any]) -> Json:
    return {**block, "c": items if block["t"] == "BulletList" else [block["c"][0], items]}


def _sign(block: Json) -> str:
    """The sign that the first text in a block begins with, if any."""
    while True:
        content: Any = block.get("c")
        match block["t"]:
            case "Para" | "Plain":
                first = content[0] if content else {}
                return str(first["c"])[:1] if first.get("t") == "Str" else ""
            case "CodeBlock":
                return str(content[1][:1])
            case "BlockQuote":
                inner = content
            case "Div":
                inner = content[1]
            case "BulletList" | "OrderedList":
                inner = _items(block)[0] if _items(block) else []
            case _:
                return ""
        if not inner:
            return ""
        block = inner[0]
