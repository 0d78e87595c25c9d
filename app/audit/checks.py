"""What must hold of a log, one check each, fed with records in the order of the log. Pure.

A check remembers the first thing that does not hold, and goes on counting: a damaged log gives one
finding for each check, not one for each event.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from app.audit.records import LogRecord
from app.eventlog.merkle import HASH_SIZE
from app.eventlog.schemas import Schemas
from domain.catalogue import EVENTS, REWRITING
from domain.errors import Invalid
from domain.ports import RecordedEvent
from domain.registry import UnknownEventType

REWRITE_SIZE = 8 + 2 * HASH_SIZE
"""Bytes of one entry in the attachment of an event of REWRITING: position, old and new commitment."""


@dataclass
class Check:
    """What one check found: how many things it looked at, and the first that does not hold."""

    name: str
    seen: int = 0
    failure: str | None = None
    position: int | None = None
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything looked at holds."""
        return self.failure is None

    def fail(self, why: str, position: int | None = None) -> None:
        """Note that something does not hold; only the first counts. `why` may quote what anybody wrote."""
        if self.failure is None:
            self.failure, self.position = _one_line(why), position

    def __str__(self) -> str:
        if self.ok:
            return f"ok      {self.name}: {self.seen:,}{self.note and ' ' + self.note}"
        where = "" if self.position is None else f" at position {self.position}"
        return f"FAILED  {self.name}{where}: {self.failure}"


def _one_line(text: str) -> str:
    """The text without what would end a line, or make a terminal show another one; 300 characters of it."""
    return "".join(found if found.isprintable() else ascii(found)[1:-1] for found in text[:300])


class RecordCheck(Protocol):
    """A check over all records."""

    def feed(self, record: LogRecord) -> None:
        """Look at the next record."""
        ...

    def results(self) -> list[Check]:
        """What was found, once all records were fed."""
        ...


class Order:
    """Positions, stream versions and times. `process`: only this process's events are there."""

    def __init__(self, process: UUID | None = None) -> None:
        self.positions = Check("positions")
        self.versions = Check("stream versions")
        self.times = Check("times")
        self._process = process
        self._last: RecordedEvent | None = None
        self._versions: dict[UUID, int] = {}

    def feed(self, record: LogRecord) -> None:
        """Look at the next record."""
        event, last = record.event, self._last
        self.positions.seen += 1
        expected = 1 + (last.position if last else 0)
        if event.position < expected or (self._process is None and event.position != expected):
            self.positions.fail(f"{event.position} stands where {expected} should", expected)
        self.times.seen += 1
        if last and event.recorded_at < last.recorded_at:
            self.times.fail("recorded before the event in front of it", event.position)
        self._last = event
        if self._process is None or event.process == self._process:
            self._version(event)
        elif event.type not in REWRITING:
            self.positions.fail("an event of another process", event.position)

    def results(self) -> list[Check]:
        """What was found."""
        return [self.positions, self.versions, self.times]

    def _version(self, event: RecordedEvent) -> None:
        self.versions.seen += 1
        expected = self._versions.get(event.stream, 0) + 1
        if event.version != expected:
            self.versions.fail(f"version {event.version} of its stream, {expected} expected", event.position)
        self._versions[event.stream] = event.version


class Leaves:
    """That the leaf hash kept beside an event is that of its header and commitment."""

    def __init__(self) -> None:
        self.check = Check("leaves")

    def feed(self, record: LogRecord) -> None:
        """Look at the next record."""
        self.check.seen += 1
        if not record.is_sound():
            self.check.fail("the leaf hash is not that of this event alone", record.event.position)

    def results(self) -> list[Check]:
        """What was found."""
        return [self.check]


class Payloads:
    """That payloads are those under their leaves, or were replaced as the log tells (erasure, expiry)."""

    def __init__(self) -> None:
        self.payloads = Check("payloads")
        self.rewrites = Check("rewritten payloads")
        self._rewritten: dict[int, tuple[bytes, bytes]] = {}
        self._told: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)

    def feed(self, record: LogRecord) -> None:
        """Look at the next record."""
        position, own = record.event.position, record.own_commitment
        if record.rewritten:
            self._rewritten[position] = (record.commitment, own)
        else:
            self.payloads.seen += 1
            if own != record.commitment:
                self.payloads.fail("payload or salt are not those that were recorded", position)
        if record.event.type in REWRITING:
            self._rewriting(record.event)

    def results(self) -> list[Check]:
        """What was found; what tells of it stands after what was replaced, so this is decided at the end."""
        for position, (old, now) in sorted(self._rewritten.items()):
            self.rewrites.seen += 1
            if not _leads(self._told.get(position, []), old, now):
                self.rewrites.fail("replaced, and nothing in the log says so", position)
        return [self.payloads, self.rewrites]

    def _rewriting(self, event: RecordedEvent) -> None:
        data = event.attachment or b""
        if len(data) % REWRITE_SIZE:
            self.rewrites.fail("its list of replaced payloads can't be read", event.position)
            return
        for at in range(0, len(data), REWRITE_SIZE):
            old, new = data[at + 8 : at + 8 + HASH_SIZE], data[at + 8 + HASH_SIZE : at + REWRITE_SIZE]
            position = int.from_bytes(data[at : at + 8])
            if not 0 < position < event.position:
                self.rewrites.fail("it names a position that does not stand before it", event.position)
            self._told[position].append((old, new))


def _leads(told: list[tuple[bytes, bytes]], first: bytes, now: bytes) -> bool:
    """Whether what is told, in its order, leads from the commitment under the leaf to the one now.

    A later event may name the leaf's commitment again, or the one that the event before it made.
    """
    current = first
    for old, new in told:
        if old not in (first, current):
            return False
        current = new
    return bool(told) and current == now


class Attachments:
    """That attachments are the bytes that the payload names by size and SHA-256."""

    def __init__(self) -> None:
        self.check = Check("attachments")

    def feed(self, record: LogRecord) -> None:
        """Look at the next record."""
        event = record.event
        named = _named(event)
        if event.attachment is None:
            if named and not record.rewritten:
                self.check.fail("the attachment that the payload names is missing", event.position)
            return
        self.check.seen += 1
        digest = {"sha256": sha256(event.attachment).hexdigest(), "size": len(event.attachment)}
        if digest not in named:
            self.check.fail("the attachment is not what the payload names", event.position)

    def results(self) -> list[Check]:
        """What was found."""
        return [self.check]


def _named(event: RecordedEvent) -> list[object]:
    if event.attachment is None and b'"sha256"' not in event.payload:
        return []
    try:
        payload = json.loads(event.payload)
    except (ValueError, RecursionError):
        return []
    values = payload.values() if isinstance(payload, dict) else ()
    return [value for value in values if isinstance(value, dict) and value.keys() == {"sha256", "size"}]


class Known:
    """That this code knows every type and schema version, and that payloads are of their schema."""

    def __init__(self) -> None:
        self.check = Check("schemas")
        self._schemas = Schemas(EVENTS)

    def feed(self, record: LogRecord) -> None:
        """Look at the next record."""
        event = record.event
        self.check.seen += 1
        try:
            if record.rewritten:  # what is forgotten need not fit any more
                EVENTS[event.type].upcast({}, EVENTS[event.type].schema_version)
            else:
                self._schemas.validate(event.type, event.schema_version, event.payload)
        except (UnknownEventType, Invalid) as error:
            self.check.fail(str(error), event.position)

    def results(self) -> list[Check]:
        """What was found."""
        return [self.check]
