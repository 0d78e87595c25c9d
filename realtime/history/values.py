"""What the content of items stands for: shared types, marks, plain values."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from realtime.history.structs import ANY, EMBED, JSON, NAMED, Item
from realtime.wire import read_bytes, read_string, read_varuint


def type_of(item: Item) -> tuple[int, str]:
    """The kind of shared type that a TYPE item is, and its name if it has one."""
    assert isinstance(item.content, bytes)
    ref, at = read_varuint(item.content, 0)
    return ref, read_string(item.content, at)[0] if ref in NAMED else ""


def format_of(item: Item) -> tuple[str, Any]:
    """The mark that a FORMAT item begins (its value) or ends (None)."""
    assert isinstance(item.content, bytes)
    name, at = read_string(item.content, 0)
    return name, _json(read_string(item.content, at)[0])


def value_of(item: Item) -> Any:
    """The value that an item under a key stands for; None if it is not plain."""
    if isinstance(item.content, str):
        return item.content
    if item.kind == ANY and isinstance(item.content, tuple) and item.content:
        return read_any(item.content[-1], 0)[0]
    if item.kind == JSON and isinstance(item.content, tuple) and item.content:
        return _json(read_string(item.content[-1], 0)[0])
    if item.kind == EMBED and isinstance(item.content, bytes):
        return _json(read_string(item.content, 0)[0])
    return None


def _json(text: str) -> Any:
    """What JSON has no word for, and some write all the same, is None."""
    return None if text == "undefined" else json.loads(text, parse_constant=lambda _: None)


def read_any(data: bytes, at: int) -> tuple[Any, int]:
    """One lib0 `any` value that `skip_any` found well-formed, and the offset after it.

    What JSON has no word for (bytes, NaN, infinities) is None.
    """
    tag = data[at]
    at += 1
    if tag in _PLAIN:
        return _PLAIN[tag], at
    if tag == 125:
        return _read_varint(data, at)
    if tag in _FIXED:
        code, size = _FIXED[tag]
        value = struct.unpack_from(code, data, at)[0]
        return _number(value), at + size
    if tag == 119:
        return read_string(data, at)
    if tag == 116:
        return None, read_bytes(data, at)[1]
    count, at = read_varuint(data, at)
    if tag == 117:
        values = []
        for _ in range(count):
            value, at = read_any(data, at)
            values.append(value)
        return values, at
    found: dict[str, Any] = {}
    for _ in range(count):
        name, at = read_string(data, at)
        found[name], at = read_any(data, at)
    return found, at


_PLAIN = {127: None, 126: None, 121: False, 120: True}
_FIXED = {124: (">f", 4), 123: (">d", 8), 122: (">q", 8)}


def _number(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    negative, value, shift = byte & 0x40, byte & 0x3F, 6
    while byte & 0x80:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
    return -value if negative else value, at + 1
