"""Live documents in PostgreSQL: unsealed rows and snapshots here, sealed bursts in the event log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from app.database.postgres import Pool
from app.documents import following
from app.documents.journal import Journal
from app.eventlog.versions import version_at
from domain.catalogue import EVENTS
from domain.document import Document
from domain.ports import Context, EventLog, NewEvent, RecordedEvent
from realtime.ports import Burst, Ends, Entry, Moved, Past, Row, Sealed, Stored, Tail

NOT_SET_ASIDE = "NOT EXISTS (SELECT FROM document_set_aside AS s WHERE s.row_id = document_updates.id)"
ROWS = f"""
SELECT id, person_id, received_at, update, inserted, deleted FROM document_updates
WHERE document_id = $1 AND {NOT_SET_ASIDE} ORDER BY id
"""
ROWS_OF = f"""
SELECT id, person_id, received_at, update, inserted, deleted FROM document_updates
JOIN unnest($2::uuid[], $3::bigint[]) AS t (person, through) ON person_id = person AND id <= through
WHERE document_id = $1 AND {NOT_SET_ASIDE} ORDER BY id
"""
REMOVE = "DELETE FROM document_updates WHERE id = ANY($1::bigint[])"
UNSEALED = f"SELECT DISTINCT document_id FROM document_updates WHERE received_at < $1 AND {NOT_SET_ASIDE}"
CLIENTS = "SELECT client_id, person_id FROM document_clients WHERE document_id = $1"
SNAPSHOT = """
SELECT through_position, state, vector, digest FROM document_snapshots
WHERE document_id = $1 ORDER BY through_position DESC LIMIT 1
"""
SET_ASIDE = "SELECT position FROM document_set_aside WHERE document_id = $1 AND position IS NOT NULL"
EPOCH = "SELECT coalesce((SELECT epoch FROM document_epochs WHERE document_id = $1), 0)"
SNAPSHOT_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('document.snapshots:' || $1::uuid::text, 0))"
SAVE_SNAPSHOT = f"""
INSERT INTO document_snapshots (document_id, through_position, state, vector, digest)
SELECT $1, $2, $3, $4, $5 WHERE ({EPOCH}) = $6
ON CONFLICT DO NOTHING
"""
PRUNE_SNAPSHOTS = "DELETE FROM document_snapshots WHERE document_id = $1 AND through_position < $2"
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('document.sealing:' || $1::uuid::text, 0))"

EDITED = Document.Edited.TOPIC
_PAGE = 500  # events read from the log at once
_LARGE = 4 * 2**20  # bytes; hashing so many takes a few milliseconds


class PostgresDocumentStore:
    """DocumentStore on PostgreSQL and the event log. Keeps one connection for the journal."""

    def __init__(self, pool: Pool, log: EventLog) -> None:
        self._pool = pool
        self._log = log
        self._journal = Journal(pool)
        self._processes: dict[UUID, UUID | None] = {}

    # --- reading

    async def load(self, document: UUID, *, snapshot: bool = True) -> Stored:
        """Everything committed of a document, but what is set aside; see DocumentStore.

        The journal is read before the log: what is sealed in between is then in both, and not in neither.
        """
        async with self._pool.acquire() as connection:
            epoch = await connection.fetchval(EPOCH, document)  # first: what is read later is no older
            rows = [_row(record) for record in await connection.fetch(ROWS, document)]
            kept = await connection.fetchrow(SNAPSHOT, document) if snapshot else None
            if kept and await snapshot_digest(kept["vector"], kept["state"]) != kept["digest"]:
                kept = None  # not what was written; it is a cache only
            clients = await connection.fetch(CLIENTS, document)
            aside = {record["position"] for record in await connection.fetch(SET_ASIDE, document)}
        through = kept["through_position"] if kept else 0
        edits = await self._edits(document, through)
        return Stored(
            snapshot=kept["state"] if kept else None,
            through=through,
            head=edits[-1].position if edits else through,
            bursts=[event.attachment or b"" for event in edits if event.position not in aside],
            rows=rows,
            clients={record["client_id"]: record["person_id"] for record in clients},
            vector=kept["vector"] if kept else None,
            epoch=epoch,
        )

    async def past(self, document: UUID, *, after: int = 0) -> Past:
        """What was delivered, but what is set aside, read as `load` does; see DocumentStore."""
        async with self._pool.acquire() as connection:
            rows = [_row(record) for record in await connection.fetch(ROWS, document)]
            aside = frozenset(record["position"] for record in await connection.fetch(SET_ASIDE, document))
        edits = await self._edits(document, after)
        bursts = [Sealed(e.position, e.actor, e.attachment or b"") for e in edits if e.position not in aside]
        return Past(bursts, rows, aside)

    async def bursts(self, document: UUID, *, after: int, through: int) -> AsyncIterator[Sequence[Sealed]]:
        """The bursts after a position up to another, but what is set aside, found as `past` finds them."""
        aside = {record["position"] for record in await self._pool.fetch(SET_ASIDE, document)}
        version = await version_at(self._pool, document, after) if after else 0
        last = await version_at(self._pool, document, through)
        while version < last:
            events = await self._log.read_stream(document, after=version, limit=min(_PAGE, last - version))
            version = events[-1].version
            edits = (e for e in events if e.type == EDITED and e.attachment is not None)
            yield [Sealed(e.position, e.actor, e.attachment or b"") for e in edits if e.position not in aside]

    async def _edits(self, document: UUID, after: int) -> list[RecordedEvent]:
        """The bursts after a position.

        Found by their version in the document's stream: neither what others wrote since nor what lies
        before is looked at, however much it is.
        """
        version = await version_at(self._pool, document, after) if after else 0
        edits: list[RecordedEvent] = []
        while True:
            events = await self._log.read_stream(document, after=version, limit=_PAGE)
            edits += (event for event in events if event.type == EDITED and event.attachment is not None)
            if len(events) < _PAGE:
                return edits
            version = events[-1].version

    async def since(self, document: UUID, head: int, rows: Mapping[UUID, int], *, but: UUID) -> Tail:
        """What was sealed after a log position, and rows after those given; read as `load` does."""
        records = await following.rows_since(self._pool, document, rows, but)
        edits = await self._edits(document, head)
        aside = {row["position"] for row in await self._pool.fetch(SET_ASIDE, document)} if edits else ()
        return Tail(
            [
                *((edit.actor, edit.attachment or b"") for edit in edits if edit.position not in aside),
                *((record["person_id"], record["update"]) for record in records),
            ],
            edits[-1].position if edits else head,
            {record["origin"]: record["id"] for record in records},
        )

    async def ends(self, documents: Collection[UUID], after: int, *, but: UUID) -> Ends:
        """How far documents are, by bursts after a log position, and rows of all nodes but one."""
        return await following.ends(self._pool, documents, after, but)

    async def unsealed(self, before: datetime) -> Collection[UUID]:
        """Documents with rows received before a moment."""
        return [record["document_id"] for record in await self._pool.fetch(UNSEALED, before)]

    # --- the journal

    async def append(self, origin: UUID, sequence: int, entries: Sequence[Entry]) -> Sequence[int | None]:
        """Commit entries durably, all or none; see DocumentStore."""
        return await self._journal.append(origin, sequence, entries)

    async def close(self) -> None:
        """Give the journal's connection back; the next append takes one again."""
        await self._journal.close()

    # --- sealing

    @asynccontextmanager
    async def sealing(
        self, document: UUID, through: Mapping[UUID, int] | None
    ) -> AsyncIterator[Sequence[Row] | None]:
        """Unsealed rows under the document's advisory lock; see DocumentStore."""
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(TRY_LOCK, document):
                yield None
                return
            if through is None:
                records = await connection.fetch(ROWS, document)
            else:
                records = await connection.fetch(ROWS_OF, document, list(through), list(through.values()))
            yield [_row(record) for record in records]

    async def seal(self, document: UUID, bursts: Sequence[Burst]) -> None:
        """Append each burst as its author's event, and remove its rows with it; raises Moved."""
        process = await self._process(document)
        appends = (self._seal(document, process, burst) for burst in bursts)
        results = await asyncio.gather(*appends, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _seal(self, document: UUID, process: UUID | None, burst: Burst) -> None:
        rows = list(burst.rows)

        async def remove(connection: Any) -> None:
            status = await connection.execute(REMOVE, rows)
            if status != f"DELETE {len(rows)}":
                raise Moved

        command = uuid5(document, "sealed:" + ",".join(map(str, rows)))
        context = Context(actor=burst.person, command_id=command)
        await self._log.append([_edited(document, process, burst)], context, alongside=remove)

    async def _process(self, document: UUID) -> UUID | None:
        """The process that a document belongs to, as its first event says."""
        if document not in self._processes:
            events = await self._log.read_stream(document, limit=1)
            if not events:
                return None
            self._processes[document] = events[0].process
        return self._processes[document]

    async def save_snapshot(
        self, document: UUID, through: int, state: bytes, vector: bytes, *, epoch: int = 0
    ) -> None:
        """Keep a state, and no older one; nothing if it is of an epoch that is over."""
        digest = await snapshot_digest(vector, state)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SNAPSHOT_LOCK, document)
            await connection.execute(SAVE_SNAPSHOT, document, through, state, vector, digest, epoch)
            await connection.execute(PRUNE_SNAPSHOTS, document, through)


async def snapshot_digest(vector: bytes, state: bytes) -> bytes:
    """What tells a snapshot from one that was damaged; of large ones taken beside everything else."""
    if len(state) > _LARGE:
        return await asyncio.to_thread(_digest, vector, state)
    return _digest(vector, state)


def _digest(vector: bytes, state: bytes) -> bytes:
    hashed = sha256(vector)
    hashed.update(state)
    return hashed.digest()


def _row(record: Any) -> Row:
    return Row(*record)


def _edited(document: UUID, process: UUID | None, burst: Burst) -> NewEvent:
    values: dict[str, Any] = {
        "originator_id": document,
        "originator_version": 1,  # the log gives the next one
        "timestamp": burst.ended,
        "began": burst.began,
        "ended": burst.ended,
        "edits": burst.edits,
        "inserted": burst.inserted,
        "deleted": burst.deleted,
        "update": burst.update,
    }
    return replace(EVENTS.encode(Document.Edited(**values), process=process), version=None)
