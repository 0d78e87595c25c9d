"""Who did what to what, because of what, in W3C PROV-O as JSON-LD: what the events of a process say of it.

Each event is an Activity, each version of a stream an Entity that it generated, each person an Agent.
The versions of the process itself, whose grants are what its people agreed on, are Plans: each activity
is associated with the one under which it was done. Only what stands in the envelope of events is told, ids
alone: what erasures take away is not in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from app.audit.archive import NotAnArchive
from app.audit.checks import Check
from app.audit.leafdata import Readable
from app.audit.lines import time_of
from app.audit.records import LogRecord
from domain.catalogue import EVENTS
from domain.document import Document
from domain.ports import RecordedEvent
from domain.registry import dump

MEDIA_TYPE = "application/ld+json"
PROV = "http://www.w3.org/ns/prov#"

_LINKS = (
    "wasAssociatedWith",
    "qualifiedAssociation",
    "hadPlan",
    "wasGeneratedBy",
    "wasAttributedTo",
    "wasInformedBy",
    "wasRevisionOf",
    "specializationOf",
    "actedOnBehalfOf",
    "qualifiedDelegation",
    "agent",
    "hadActivity",
    "used",
)
_TIMES = ("startedAtTime", "endedAtTime", "generatedAtTime")
CONTEXT: dict[str, Any] = {
    "prov": PROV,
    "dcterms": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "id": "@id",
    "type": "@type",
    **{name: f"prov:{name}" for name in ("Activity", "Agent", "Association", "Delegation", "Entity", "Plan")},
    **{name: {"@id": f"prov:{name}", "@type": "@id"} for name in _LINKS},
    **{name: {"@id": f"prov:{name}", "@type": "xsd:dateTime"} for name in _TIMES},
    "position": {"@id": "dcterms:identifier", "@type": "xsd:integer"},
    "kind": "dcterms:type",
}
"""The JSON-LD context: terms of PROV-O, and Dublin Core's for the log position and the event type."""

OPENING = b'{"@context":' + dump(CONTEXT) + b',"@graph":['
CLOSING = b"\n]}\n"


class Provenance:
    """Fed with a process's events in the order of the log; gives the nodes of the graph."""

    def __init__(self) -> None:
        self._known: set[UUID] = set()
        self._agreements: list[tuple[datetime, str]] = []  # versions of the process, and since when
        self._begun = False

    def nodes(self, event: RecordedEvent) -> Iterator[dict[str, Any]]:
        """What an event adds: agents and things when they are first met, the activity, what it made."""
        for person in (event.actor, event.on_behalf_of):
            if self._is_new(person):
                yield {"id": _urn(person), "type": "Agent"}
        if self._is_new(event.stream):
            yield {"id": _urn(event.stream), "type": "Entity", "kind": event.type.partition(".")[0]}
        if event.actor is not None and event.on_behalf_of is not None:
            yield _delegation(event, event.actor, event.on_behalf_of)
        yield _activity(event, self._agreement(event))
        yield _entity(event)
        if event.stream == event.process:
            self._agreements.append((event.recorded_at, _version(event.stream, event.version)))

    def _agreement(self, event: RecordedEvent) -> str | None:
        """The version of the process under which something was done."""
        known = bisect_right(self._agreements, _done_at(event), key=itemgetter(0))
        return self._agreements[known - 1][1] if known else None

    def _is_new(self, id: UUID | None) -> bool:
        if id is None or id in self._known:
            return False
        self._known.add(id)
        return True

    def piece(self, event: RecordedEvent) -> bytes:
        """The nodes as they stand in a document, a line each, after what was before."""
        found = []
        for node in self.nodes(event):
            found.append((b",\n" if self._begun else b"\n") + dump(node))
            self._begun = True
        return b"".join(found)


class Told:
    """The check that a document says what the events of a process say, no more and no less."""

    def __init__(self, process: UUID, open: Callable[[], Readable]) -> None:
        """`open` gives the document's bytes; raises NotAnArchive."""
        self.check = Check("provenance")
        self._process = process
        self._provenance = Provenance()
        self._open = open
        self._told: Readable | None = None

    def feed(self, record: LogRecord) -> None:
        """Look at the next record."""
        if record.event.process == self._process and self.check.ok:
            self.check.seen += 1
            self._expect(self._provenance.piece(record.event), record.event.position)

    def results(self) -> list[Check]:
        """What was found, once all records were fed."""
        if self.check.ok:
            self._expect(CLOSING, None)
        return [self.check]

    def _expect(self, piece: bytes, position: int | None) -> None:
        try:
            if self._told is None:
                self._told, piece = self._open(), OPENING + piece
            beyond = 1 if position is None else 0  # nothing comes after the end
            if self._told.read(len(piece) + beyond) != piece:
                self.check.fail("it does not say what the events say", position)
        except NotAnArchive as error:
            self.check.fail(str(error), position)


def _done_at(event: RecordedEvent) -> datetime:
    """When something was done: an edit is made before its burst comes into the log."""
    if event.type != Document.Edited.TOPIC:
        return event.recorded_at
    try:
        return min(event.recorded_at, datetime.fromisoformat(EVENTS.payload(event)["ended"]))
    except Exception:  # whatever a damaged payload holds
        return event.recorded_at


def _activity(event: RecordedEvent, agreement: str | None) -> dict[str, Any]:
    at = time_of(event.recorded_at)
    found: dict[str, Any] = {
        "id": _urn(event.event_id),
        "type": "Activity",
        "kind": event.type,
        "position": str(event.position),
        "startedAtTime": at,
        "endedAtTime": at,
    }
    if event.actor is not None:
        found["wasAssociatedWith"] = _urn(event.actor)
        if agreement is not None:
            association = {"type": "Association", "agent": _urn(event.actor), "hadPlan": agreement}
            found["qualifiedAssociation"] = association
    if event.causation_id is not None:
        found["wasInformedBy"] = _urn(event.causation_id)
    if event.version > 1:
        found["used"] = _version(event.stream, event.version - 1)
    return found


def _entity(event: RecordedEvent) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": _version(event.stream, event.version),
        "type": ["Entity", "Plan"] if event.stream == event.process else "Entity",
        "specializationOf": _urn(event.stream),
        "wasGeneratedBy": _urn(event.event_id),
        "generatedAtTime": time_of(event.recorded_at),
    }
    if event.actor is not None:
        found["wasAttributedTo"] = _urn(event.actor)
    if event.version > 1:
        found["wasRevisionOf"] = _version(event.stream, event.version - 1)
    return found


def _delegation(event: RecordedEvent, actor: UUID, responsible: UUID) -> dict[str, Any]:
    """That somebody acted for somebody else, in this activity."""
    return {
        "id": _urn(actor),
        "actedOnBehalfOf": _urn(responsible),
        "qualifiedDelegation": {
            "type": "Delegation",
            "agent": _urn(responsible),
            "hadActivity": _urn(event.event_id),
        },
    }


def _version(stream: UUID, version: int) -> str:
    return f"{_urn(stream)}#{version}"


def _urn(id: UUID | None) -> str:
    return f"urn:uuid:{id}"
