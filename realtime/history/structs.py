"""What a Yjs update (format v1) holds, struct by struct, with its content: read, and written again.

Where `update.walk` says which ids an update touches, this keeps what stands under them. Source:
yjs 13.6 `src/structs/*.js`, `src/utils/encoding.js`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from realtime.wire import (
    Malformed,
    Range,
    delete_set,
    read_bytes,
    read_delete_set,
    read_string,
    read_varuint,
    sized,
    skip_any,
    varuint,
)

GC, DELETED, JSON, BINARY, STRING, EMBED, FORMAT, TYPE, ANY, SUBDOCUMENT, SKIP = range(11)
_ORIGIN, _RIGHT_ORIGIN, _PARENT_SUB = 0x80, 0x40, 0x20
XML_ELEMENT, XML_HOOK, XML_TEXT = 3, 5, 6  # shared types, as a TYPE item numbers them
NAMED = (XML_ELEMENT, XML_HOOK)

ALIVE = 1 << 63
"""Stands for the moment at which an item that nobody deleted was deleted."""

Id = tuple[int, int]
"""(client, clock)."""

Content = str | bytes | tuple[bytes, ...] | None
"""A string; the encoded values of ANY and JSON, one for each clock; else the encoded content."""


class Item:
    """A run of clocks of one client that was inserted as one thing.

    `parent` is the name of a root or an item's id as long as the item is not integrated, then its
    Branch; None: its neighbours' parent, or nothing at all (GC). `born` and `died` are the moments
    of the deliveries that inserted and first deleted it.
    """

    __slots__ = (
        "born",
        "branch",
        "client",
        "clock",
        "content",
        "died",
        "key",
        "kind",
        "left",
        "origin",
        "parent",
        "right",
        "right_origin",
        "size",
    )

    def __init__(
        self,
        client: int,
        clock: int,
        size: int,
        kind: int,
        content: Content,
        origin: Id | None = None,
        right_origin: Id | None = None,
        parent: Any = None,
        key: str | None = None,
    ) -> None:
        self.client = client
        self.clock = clock
        self.size = size
        self.kind = kind
        self.content = content
        self.origin = origin
        self.right_origin = right_origin
        self.parent = parent
        self.key = key
        self.left: Item | None = None
        self.right: Item | None = None
        self.branch: Any = None  # what a TYPE item holds
        self.born = 0
        self.died = ALIVE

    @property
    def id(self) -> Id:
        """Its first id."""
        return self.client, self.clock

    @property
    def last_id(self) -> Id:
        """Its last id."""
        return self.client, self.clock + self.size - 1


def decode(data: bytes) -> tuple[list[Item], list[Range]]:
    """The structs of an update, and the runs of ids it deletes; raises Malformed.

    Structs that were typed one behind the other come as one item.
    """
    items: list[Item] = []
    clients, at = read_varuint(data, 0)
    for _ in range(clients):
        structs, at = read_varuint(data, at)
        client, at = read_varuint(data, at)
        clock, at = read_varuint(data, at)
        last: Item | None = None
        for _ in range(structs):
            if at >= len(data):
                raise Malformed("cut short")
            info = data[at]
            if info & 0x1F == SKIP:
                size, at = read_varuint(data, at + 1)
                clock, last = clock + size, None
                continue
            item, at = read_struct(data, at + 1, info, client, clock)
            clock += item.size
            if last is not None and continues(last, item):
                last.content += item.content  # type: ignore[operator]  # both are strings
                last.size += item.size
            else:
                items.append(item)
                last = item
    deletes, at = read_delete_set(data, at)
    if at != len(data):
        raise Malformed("bytes left over")
    return items, deletes


def continues(item: Item, following: Item) -> bool:
    """Whether `following`, of the next clocks of the same client, was typed right behind `item`."""
    return (
        following.kind == STRING
        and item.kind == STRING
        and following.origin == (item.client, item.clock + item.size - 1)
        and following.right_origin == item.right_origin
    )


def read_struct(data: bytes, at: int, info: int, client: int, clock: int) -> tuple[Item, int]:
    """A struct (no SKIP) whose info byte lies right before `at`, and the offset after it."""
    kind = info & 0x1F
    if kind == GC:
        size, at = read_varuint(data, at)
        return Item(client, clock, size, GC, None), at
    origin = right_origin = None
    parent: Any = None
    key = None
    if info & _ORIGIN:
        origin, at = _read_id(data, at)
    if info & _RIGHT_ORIGIN:
        right_origin, at = _read_id(data, at)
    if origin is None and right_origin is None:
        named, at = read_varuint(data, at)
        if named:
            parent, at = read_string(data, at)
        else:
            parent, at = _read_id(data, at)
        if info & _PARENT_SUB:
            key, at = read_string(data, at)
    if kind == STRING:
        text, at = read_string(data, at)
        return Item(client, clock, units(text), STRING, text, origin, right_origin, parent, key), at
    size, content, at = _read_content(data, at, kind)
    return Item(client, clock, size, kind, content, origin, right_origin, parent, key), at


def _read_id(data: bytes, at: int) -> tuple[Id, int]:
    client, at = read_varuint(data, at)
    clock, at = read_varuint(data, at)
    return (client, clock), at


def _read_content(data: bytes, at: int, kind: int) -> tuple[int, Content, int]:
    """The clocks that a content takes, what it says, and the offset after it."""
    start = at
    if kind == DELETED:
        size, at = read_varuint(data, at)
        return size, None, at
    if kind in (ANY, JSON):
        count, at = read_varuint(data, at)
        values = []
        for _ in range(count):
            start = at
            at = skip_any(data, at) if kind == ANY else read_bytes(data, at)[1]
            values.append(data[start:at])
        return count, tuple(values), at
    if kind == FORMAT:
        at = read_bytes(data, at)[1]
        at = read_bytes(data, at)[1]
    elif kind == TYPE:
        ref, at = read_varuint(data, at)
        if ref in NAMED:
            at = read_bytes(data, at)[1]
    elif kind in (EMBED, BINARY):
        at = read_bytes(data, at)[1]
    else:
        raise Malformed("unknown kind of content")
    return 1, data[start:at], at


# --- writing


def encode(client: int, items: Sequence[Item], deletes: Iterable[Range]) -> bytes:
    """An update of one client's items, whose clocks follow on each other, and of deletions."""
    structs = b""
    if items:
        head = varuint(1) + varuint(len(items)) + varuint(client) + varuint(items[0].clock)
        structs = head + b"".join(map(write_struct, items))
    return (structs or varuint(0)) + delete_set(deletes)


def write_struct(item: Item) -> bytes:
    """An item, its info byte first."""
    info, where = item.kind, b""
    if item.origin is not None:
        info |= _ORIGIN
        where += _write_id(item.origin)
    if item.right_origin is not None:
        info |= _RIGHT_ORIGIN
        where += _write_id(item.right_origin)
    if item.key is not None:
        info |= _PARENT_SUB
    if item.origin is None and item.right_origin is None:
        parent = item.parent
        where += (
            varuint(1) + sized(parent.encode()) if isinstance(parent, str) else b"\x00" + _write_id(parent)
        )
        if item.key is not None:
            where += sized(item.key.encode())
    return bytes((info,)) + where + _write_content(item)


def _write_content(item: Item) -> bytes:
    content = item.content
    if isinstance(content, str):
        return sized(content.encode("utf-8", "replace"))
    if isinstance(content, tuple):
        return varuint(len(content)) + b"".join(content)
    return varuint(item.size) if content is None else content


def _write_id(id: Id) -> bytes:
    return varuint(id[0]) + varuint(id[1])


# --- content


def units(text: str) -> int:
    """How many UTF-16 units a text takes."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(content: Content, offset: int) -> tuple[Content, Content]:
    """A content in two, so many clocks in; half of a surrogate pair becomes U+FFFD, as in Yjs."""
    if isinstance(content, str):
        if units(content) == len(content):
            return content[:offset], content[offset:]
        raw = content.encode("utf-16-le")
        return raw[: 2 * offset].decode("utf-16-le", "replace"), raw[2 * offset :].decode(
            "utf-16-le", "replace"
        )
    if isinstance(content, tuple):
        return content[:offset], content[offset:]
    return content, content  # deleted: nothing to share out
