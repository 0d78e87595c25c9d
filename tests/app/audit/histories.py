"""Small random logs of real events, made without a database; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import cast
from uuid import UUID

import pycrdt
from eventsourcing.domain import Aggregate, AggregateEvent

from app.audit.archive_writing import ArchiveWriter
from app.audit.export import Evidence, SignedCheckpoint, Writing
from app.audit.records import LogRecord
from app.eventlog.leaf import commitment, leaf
from app.eventlog.merkle import Frontier
from domain.catalogue import EVENTS, REWRITING
from domain.document import Document
from domain.person import Person
from domain.plan import Plan
from domain.ports import NewEvent, RecordedEvent
from domain.process import Process
from domain.registry import dump
from projections.catalogue import VIEWS
from tests.app.audit.signing import LogKey

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class History:
    """A log of `length` events or a few more, of two processes with plans, documents, and an erasure."""

    def __init__(self, seed: int, length: int = 20, *, erasure: bool = False) -> None:
        self._random = random.Random(seed)
        self.records: list[LogRecord] = []
        self.processes = [self._uuid(), self._uuid()]
        self._people = [self._uuid(), self._uuid()]
        self._plans = [self._begin(process) for process in self.processes]
        self._texts: list[tuple[UUID, UUID, pycrdt.Doc[pycrdt.Text]]] = []
        while len(self.records) < length or (length >= 10 and not self._has_edits()):
            self._something()
        if erasure:
            self.erase()

    def _has_edits(self) -> bool:
        return any(record.event.attachment for record in self.records)

    def _uuid(self) -> UUID:
        return UUID(bytes=self._random.randbytes(16), version=4)

    def _begin(self, process: UUID) -> Plan:
        started = Process.start(
            id=process,
            title="Parks",
            description="",
            language="en",
            administrator=self._people[0],
            permission=self._uuid(),
        )
        plan = Plan.open(process)
        self._save(process, started, plan)
        return plan

    def _something(self) -> None:
        at = self._random.randrange(2)
        process, plan = self.processes[at], self._plans[at]
        if self._random.random() < 0.5 or not self._texts:
            if self._random.random() < 0.6:
                plan.add(
                    node=self._uuid(), kind="phase", title=f"Fāze {self._random.randrange(99)}", parent=None
                )
                self._save(process, plan)
                return
            made = Document.create(
                id=self._uuid(), process=process, asset=self._uuid(), format="text", language="lv"
            )
            self._save(process, made)
            self._texts.append((process, made.id, pycrdt.Doc(client_id=self._random.randrange(1, 2**31))))
            return
        self._edit(*self._random.choice(self._texts))

    def _edit(self, process: UUID, document: UUID, doc: pycrdt.Doc[pycrdt.Text]) -> None:
        before = doc.get_state()
        text = doc.get("content", type=pycrdt.Text)
        text += f"teikums {self._random.randrange(1000)}\n"
        self._burst(process, document, doc.get_update(before))

    def _burst(self, process: UUID | None, document: UUID, update: bytes) -> None:
        digest = {"sha256": sha256(update).hexdigest(), "size": len(update)}
        moment = _BEGIN + timedelta(seconds=len(self.records))
        payload = {
            "began": moment,
            "ended": moment,
            "edits": 1,
            "inserted": 5,
            "deleted": 0,
            "update": digest,
        }
        self._append(NewEvent(document, "document.edited", dump(payload), attachment=update, process=process))

    def append_burst(self, like: RecordedEvent, update: bytes) -> None:
        """A burst in the same document, of whatever bytes."""
        self._burst(like.process, like.stream, update)

    def append_misfit(self) -> None:
        """Take back a right that nobody was given."""
        facts = {"permission": self._uuid(), "grantee": self._uuid(), "grantee_kind": "person", "node": None}
        process = self.processes[0]
        self._append(NewEvent(process, "process.right_revoked", dump(facts), process=process))

    def _save(self, process: UUID | None, *aggregates: Aggregate) -> None:
        for aggregate in aggregates:
            for event in aggregate.collect_events():
                self._append(EVENTS.encode(cast(AggregateEvent, event), process=process))

    def _append(self, event: NewEvent) -> None:
        version = 1 + sum(record.event.stream == event.stream for record in self.records)
        last = self.records[-1].event.recorded_at if self.records else _BEGIN
        recorded = RecordedEvent(
            len(self.records) + 1,
            self._uuid(),
            event.stream,
            version,
            event.type,
            event.schema_version,
            last + timedelta(microseconds=self._random.randrange(10**7)),
            self._random.choice([None, *self._people]),
            self._random.choice([None, self._people[0]]),
            self._uuid(),
            None,
            None,
            event.process,
            event.tags,
            event.payload,
            event.attachment,
        )
        self.records.append(record_of(recorded, self._random.randbytes(32)))

    def erase(self) -> None:
        """Replace one node's title, and tell of it as an erasure does."""
        at = next(i for i, record in enumerate(self.records) if record.event.type == "plan.node_added")
        old = self.records[at]
        payload = old.event.payload.replace("Fāze".encode(), b"")
        assert payload != old.event.payload
        salt = self._random.randbytes(32)
        event = replace(old.event, payload=payload)
        self.records[at] = LogRecord(event, salt, old.commitment, old.leaf_hash, True)
        told = old.event.position.to_bytes(8, "big") + old.commitment + commitment(salt, payload)
        person = Person.register(self._people[1])
        person.erase(basis="consent_withdrawn", text="redact", documents=[], replaced=told)
        self._save(None, person)


def record_of(event: RecordedEvent, salt: bytes) -> LogRecord:
    """A record as the log would have made it."""
    return LogRecord(event, salt, commitment(salt, event.payload), leaf(event, salt), False)


def checkpoints(records: Sequence[LogRecord], key: LogKey, every: int = 7) -> list[SignedCheckpoint]:
    """A checkpoint at each so many events, and one at the end."""
    tree, found = Frontier(), []
    for record in records:
        tree.append(record.leaf_hash)
        if tree.size % every == 0 or tree.size == len(records):
            found.append(SignedCheckpoint(tree.size, key.checkpoint(tree.size, tree.root())))
    return found


def archive(
    path: Path, records: Sequence[LogRecord], evidence: Evidence, *, process: UUID | None = None
) -> Path:
    """Export records, which are the whole log."""
    with ArchiveWriter(path) as writer:
        writing = Writing(writer, len(records), process)
        with writing.events() as feed:
            for record in records:
                if process in (None, record.event.process) or record.event.type in REWRITING:
                    feed(record)
        models = writing.replayed().lines({view.name: len(records) for view in VIEWS})
        writing.finish(b"".join(record.leaf_hash for record in records), evidence, models)
    return path
