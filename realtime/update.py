"""A strict walk over a Yjs update (format v1), in plain Python.

It tells, before any engine sees the bytes, that they are valid to the last one, which clocks of
which clients they add and delete, and what they lean on. What Yjs itself never writes (a client
twice, an empty run, an item that leans on its own future) is refused, for engines differ or
crash on it. Source: yjs 13.6 `src/utils/encoding.js`, `src/structs/*.js`; yrs `update.rs`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.wire import (
    MAX_CLOCK,
    Malformed,
    Range,
    read_bytes,
    read_delete_set,
    read_json,
    read_string,
    read_varuint,
    skip_any,
)

EMPTY = b"\x00\x00"

_GC, _DELETED, _JSON, _BINARY, _STRING, _EMBED, _FORMAT, _TYPE, _ANY, _SUBDOCUMENT, _SKIP = range(11)
_ORIGIN, _RIGHT_ORIGIN, _PARENT_SUB = 0x80, 0x40, 0x20
_NAMED_TYPES = (3, 5)  # XmlElement, XmlHook carry a name
_TYPES = 7  # array, map, text, XML element, fragment, hook, text


class Unsupported(Malformed):
    """A valid update that uses what is not supported (a subdocument)."""


Id = tuple[int, int]
"""(client, clock)."""

Link = tuple[int, int, int, int]
"""(client, clock) leans on (another client, clock)."""


@dataclass(slots=True)
class Update:
    """What an update does.

    `inserts`: runs of clocks added, per client in ascending order, without what the update skips.
    `deletes`: runs deleted. `links`: what its items lean on in other clients' runs (origins and
    parents; inside one client each item leans on earlier ones only). `inserted` counts visible
    UTF-16 units and other items. `structs_end` is the offset where the delete set begins. `parents`
    are the ids that items name as what they are in, `types` the ids of the things to be in.
    """

    inserts: list[Range]
    deletes: list[Range]
    links: list[Link]
    inserted: int
    structs_end: int
    parents: list[Id] = field(default_factory=list)
    types: set[Id] = field(default_factory=set)

    @property
    def clients(self) -> set[int]:
        """Whose clocks it adds."""
        return {client for client, _, _ in self.inserts}


def walk(data: bytes) -> Update:
    """What an update does; raises Malformed (Unsupported if it holds a subdocument)."""
    update = Update([], [], [], 0, 0)
    clients, at = read_varuint(data, 0)
    seen: set[int] = set()
    for _ in range(clients):
        structs, at = read_varuint(data, at)
        client, at = read_varuint(data, at)
        clock, at = read_varuint(data, at)
        if client in seen or not structs:
            raise Malformed("client repeated or empty")
        seen.add(client)
        at = _walk_client(data, at, client, clock, structs, update)
    update.structs_end = at
    update.deletes, at = read_delete_set(data, at)
    if at != len(data):
        raise Malformed("bytes left over")
    return update


def _walk_client(data: bytes, at: int, client: int, clock: int, structs: int, update: Update, /) -> int:
    """Step over the structs of one client; returns the offset after them."""
    start, inserted, inserts = clock, 0, update.inserts
    for _ in range(structs):
        if at >= len(data):
            raise Malformed("cut short")
        info = data[at]
        at += 1
        kind = info & 0x1F
        if kind in (_GC, _SKIP):
            if info != kind:
                raise Malformed("flags on a gap")
            size, at = read_varuint(data, at)
            if kind == _SKIP:
                if clock > start:
                    inserts.append((client, start, clock))
                start = clock + size
        else:
            at = _links(data, at, info, client, clock, update)
            size, at = _content(data, at, kind)
            if kind == _TYPE:
                update.types.add((client, clock))
            if kind not in (_DELETED, _FORMAT):
                inserted += size
        if not size or clock + size > MAX_CLOCK:
            raise Malformed("impossible length")
        clock += size
    if clock > start:
        inserts.append((client, start, clock))
    update.inserted += inserted
    return at


def _links(data: bytes, at: int, info: int, client: int, clock: int, update: Update) -> int:
    """Step over what an item hangs on, noting it; returns the offset after."""
    for flag in (_ORIGIN, _RIGHT_ORIGIN):
        if info & flag:
            at = _link(data, at, client, clock, update.links)
    if info & (_ORIGIN | _RIGHT_ORIGIN):
        return at  # the parent is the neighbours'
    named, at = read_varuint(data, at)
    if named == 1:
        _, at = read_string(data, at)
    elif named == 0:
        other, after = read_varuint(data, at)
        update.parents.append((other, read_varuint(data, after)[0]))
        at = _link(data, at, client, clock, update.links)
    else:
        raise Malformed("unknown kind of parent")
    if info & _PARENT_SUB:
        _, at = read_string(data, at)
    return at


def _link(data: bytes, at: int, client: int, clock: int, links: list[Link]) -> int:
    other, at = read_varuint(data, at)
    position, at = read_varuint(data, at)
    if other != client:
        links.append((client, clock, other, position))
    elif position >= clock:
        raise Malformed("leans on its own future")
    return at


def _content(data: bytes, at: int, kind: int) -> tuple[int, int]:
    """The length of an item in clocks, and the offset after it."""
    if kind == _STRING:
        text, at = read_string(data, at)
        return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2, at
    if kind == _DELETED:
        return read_varuint(data, at)
    if kind == _FORMAT:
        _, at = read_string(data, at)
        return 1, read_json(data, at)
    if kind == _TYPE:
        ref, at = read_varuint(data, at)
        if ref >= _TYPES:
            raise Malformed("unknown shared type")
        return 1, read_string(data, at)[1] if ref in _NAMED_TYPES else at
    if kind in (_ANY, _JSON):
        count, at = read_varuint(data, at)
        step = skip_any if kind == _ANY else read_json
        for _ in range(count):
            at = step(data, at)
        return count, at
    if kind == _EMBED:
        return 1, read_json(data, at)
    if kind == _BINARY:
        return 1, read_bytes(data, at)[1]
    if kind == _SUBDOCUMENT:
        raise Unsupported("subdocuments are not supported")
    raise Malformed("unknown kind of content")


def may_hold(data: bytes, client: int, clock: int) -> bool | None:
    """Whether others may be in what an update has under an id: a shared type, or what was one and is deleted.

    None: it has nothing there. Engines refuse an item that says it is in anything else.
    """
    clients, at = read_varuint(data, 0)
    scratch = Update([], [], [], 0, 0)
    for _ in range(clients):
        structs, at = read_varuint(data, at)
        owner, at = read_varuint(data, at)
        reached, at = read_varuint(data, at)
        for _ in range(structs):
            info = data[at]
            kind = info & 0x1F
            if kind in (_GC, _SKIP):
                size, at = read_varuint(data, at + 1)
            else:
                at = _links(data, at + 1, info, owner, reached, scratch)
                size, at = _content(data, at, kind)
            reached += size
            if owner == client and reached - size <= clock < reached and kind != _SKIP:
                return kind in (_TYPE, _GC, _DELETED)
    return None
