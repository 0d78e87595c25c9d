"""Takes text out of Yjs updates (format v1), and leaves everything that others' text hangs on.

Redacted content becomes Deleted content of the same length: ids, origins and order stay, so replicas
converge as if it had been typed and deleted. The ids are deleted in the update's delete set as well,
so a replica that holds the text from an older copy of the update loses it too.

What is redacted of a run of ids: text, embedded things, binaries, and values (attributes, formats)
that hold a string or bytes. What stays: shared types with their names, because others' text may be
inside; values of numbers, booleans, null and the few words of WORDS, such as a heading's level or a
cell's alignment. Names of types, attributes and formats are the editor's vocabulary and stay, but a
format whose name tells a hash of its value goes. Source: yjs 13.6 `src/structs/ContentDeleted.js`,
`Item.js`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from realtime.history.structs import (
    ANY,
    BINARY,
    DELETED,
    EMBED,
    FORMAT,
    GC,
    JSON,
    SKIP,
    STRING,
    TYPE,
    Item,
    cut,
    read_struct,
    write_struct,
)
from realtime.ids import IdSet
from realtime.update import EMPTY
from realtime.wire import (
    Malformed,
    Range,
    delete_set,
    read_delete_set,
    read_string,
    read_varuint,
    skip_any,
    varuint,
)

WORDS = frozenset(
    {"left", "right", "center", "justify", "start", "end", "top", "middle", "bottom", "ltr", "rtl", "auto"}
    | {"a", "A", "i", "I", "1"}  # how a list counts
)
"""Strings in values that are layout, not text."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}\Z")  # of a format or a key in a value
_STRING_VALUE, _ARRAY, _OBJECT, _BYTES = 119, 117, 118, 116  # lib0 `any`

Chosen = Callable[[Range], list[Range]]
"""The parts of a run of ids whose content is to go, ascending."""


def redact(update: bytes, clients: Collection[int] | None = None) -> bytes:
    """The update without the content of these clients' items (None: of all); raises Malformed."""

    def chosen(span: Range) -> list[Range]:
        return [span] if clients is None or span[0] in clients else []

    return _rewritten(update, chosen)


def redact_runs(update: bytes, runs: IdSet) -> bytes:
    """The update without the content under these ids; raises Malformed."""
    return _rewritten(update, runs.common)


def _rewritten(update: bytes, chosen: Chosen) -> bytes:
    gone: list[Range] = []
    clients, at = read_varuint(update, 0)
    parts = [varuint(clients)]
    for _ in range(clients):
        count, at = read_varuint(update, at)
        client, at = read_varuint(update, at)
        start, at = read_varuint(update, at)
        structs: list[bytes] = []
        clock = start
        for _ in range(count):
            size, after, pieces = _struct(update, at, (client, clock), chosen, gone)
            structs += pieces or [update[at:after]]
            clock, at = clock + size, after
        parts += (varuint(len(structs)), varuint(client), varuint(start), *structs)
    deletes, end = read_delete_set(update, at)
    if end != len(update):
        raise Malformed("bytes left over")
    if not gone:
        return update
    return b"".join(parts) + delete_set(IdSet([*deletes, *gone]).runs())


def _struct(
    data: bytes, at: int, id: tuple[int, int], chosen: Chosen, gone: list[Range]
) -> tuple[int, int, list[bytes]]:
    """The clocks of a struct, the offset after it, and what takes its place; nothing: it stays."""
    if at >= len(data):
        raise Malformed("cut short")
    info = data[at]
    if info & 0x1F == SKIP:
        size, at = read_varuint(data, at + 1)
        return size, at, []
    item, at = read_struct(data, at + 1, info, *id)
    if not item.size:
        raise Malformed("impossible length")
    if not _tells(item):
        return item.size, at, []
    runs = chosen((item.client, item.clock, item.clock + item.size))
    if runs and item.kind in (ANY, JSON):
        runs = [(item.client, item.clock, item.clock + item.size)]
    gone += runs
    return item.size, at, [write_struct(piece) for piece in _pieces(item, runs)] if runs else []


def _pieces(item: Item, runs: list[Range]) -> Iterator[Item]:
    """An item in pieces, of which those in the runs are deleted."""
    end = item.clock + item.size
    for _, first, last in runs:
        if item.clock < first:
            kept, item = _cut(item, first - item.clock)
            yield kept
        if last < item.clock + item.size:
            piece, item = _cut(item, last - item.clock)
        else:
            piece = item
        piece.kind, piece.content = DELETED, None
        yield piece
        if last == end:
            return
    yield item


def _cut(item: Item, offset: int) -> tuple[Item, Item]:
    left, right = cut(item.content, offset)
    first = Item(
        item.client,
        item.clock,
        offset,
        item.kind,
        left,
        item.origin,
        item.right_origin,
        item.parent,
        item.key,
    )
    clock = item.clock + offset
    rest = Item(
        item.client, clock, item.size - offset, item.kind, right, (item.client, clock - 1), item.right_origin
    )
    return first, rest


# --- what tells something


def _tells(item: Item) -> bool:
    """Whether an item holds what somebody wrote, not just what holds it together."""
    content = item.content
    if item.kind in (GC, DELETED, TYPE):
        return False
    if item.kind in (STRING, BINARY, EMBED):
        return True
    if item.kind == FORMAT:
        assert isinstance(content, bytes)
        name, at = read_string(content, 0)
        return _NAME.match(name) is None or not _is_layout_json(read_string(content, at)[0])
    assert isinstance(content, tuple)
    if item.kind == JSON:
        return not all(_is_layout_json(read_string(value, 0)[0]) for value in content)
    return not all(_is_layout_any(value, 0) for value in content)


def _is_layout_json(text: str) -> bool:
    if text == "undefined":
        return True
    try:
        return _is_layout(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _is_layout(value: Any) -> bool:
    if isinstance(value, str):
        return value in WORDS
    if isinstance(value, list):
        return all(map(_is_layout, value))
    if isinstance(value, dict):
        return all(_NAME.match(key) and _is_layout(inner) for key, inner in value.items())
    return True


def _is_layout_any(data: bytes, at: int) -> bool:
    skip_any(data, at)  # it is well formed, and not nested too deeply
    return _layout_end(data, at) is not None


def _layout_end(data: bytes, at: int) -> int | None:
    """The offset after a lib0 `any` value that is layout; None if it is not."""
    tag = data[at]
    if tag == _STRING_VALUE:
        word, at = read_string(data, at + 1)
        return at if word in WORDS else None
    if tag == _BYTES:
        return None
    if tag not in (_ARRAY, _OBJECT):
        return skip_any(data, at)
    count, after = read_varuint(data, at + 1)
    inner: int | None = after
    for _ in range(count):
        assert inner is not None
        if tag == _OBJECT:
            key, inner = read_string(data, inner)
            if not _NAME.match(key):
                return None
        inner = _layout_end(data, inner)
        if inner is None:
            return None
    return inner


def deletion(runs: Collection[Range]) -> bytes:
    """The update that deletes runs of ids, and nothing else."""
    return b"\x00" + delete_set(runs) if runs else EMPTY
