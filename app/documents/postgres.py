"""Live documents in PostgreSQL: the journal and its snapshots here, sealed bursts in the event log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from app.database.postgres import Pool
from app.documents import following
from app.eventlog.versions import version_at
from domain.catalogue import EVENTS
from domain.document import Document
from domain.ports import Context, EventLog, NewEvent, RecordedEvent
from realtime.ports import Burst, Ends, Entry, Moved, Past, Rejected, Row, Sealed, Stored, Tail

APPEND = """
INSERT INTO document_updates
    (document_id, person_id, session, received_at, inserted, deleted, update, origin, sequence)
SELECT d, p, s, r, i, x, u, $9, q
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::int[], $6::int[], $7::bytea[], $8::bigint[]
) AS t (d, p, s, r, i, x, u, q)
ORDER BY q
ON CONFLICT (origin, sequence) DO NOTHING
RETURNING sequence, id
"""
APPENDED = "SELECT sequence, id FROM document_updates WHERE origin = $1 AND sequence = ANY($2::bigint[])"
CLAIM = """
INSERT INTO document_clients (document_id, client_id, person_id)
SELECT DISTINCT ON (d, c) d, c, p FROM unnest($1::uuid[], $2::bigint[], $3::uuid[]) AS t (d, c, p)
ORDER BY d, c
ON CONFLICT DO NOTHING
"""
OWNERS = """
SELECT document_id, client_id, person_id FROM document_clients
JOIN unnest($1::uuid[], $2::bigint[]) AS t (d, c) ON document_id = d AND client_id = c
"""
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
_GONE = 0  # stands for the id of a row that was sealed before its append was acknowledged


class PostgresDocumentStore:
    """DocumentStore on PostgreSQL and the event log. Keeps one connection for the journal."""

    def __init__(self, pool: Pool, log: EventLog) -> None:
        self._pool = pool
        self._log = log
        self._connection: Any = None
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
        connection = await self._journal_connection()
        try:
            if any(entry.claims for entry in entries):
                async with connection.transaction():
                    refused = await self._claim(connection, entries)
                    return await self._insert(connection, origin, sequence, entries, refused)
            return await self._insert(connection, origin, sequence, entries, frozenset())
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            raise Rejected(type(error).__name__) from error
        except BaseException:
            await self._discard(connection)
            raise

    async def _insert(
        self, connection: Any, origin: UUID, sequence: int, entries: Sequence[Entry], refused: Collection[int]
    ) -> list[int | None]:
        wanted = {sequence + i: entry for i, entry in enumerate(entries) if i not in refused}
        values = list(wanted.values())
        columns = (
            [entry.document for entry in values],
            [entry.person for entry in values],
            [entry.session for entry in values],
            [entry.received_at for entry in values],
            [entry.inserted for entry in values],
            [entry.deleted for entry in values],
            [entry.update for entry in values],
            list(wanted),
        )
        records = await connection.fetch(APPEND, *columns, origin)
        if len(records) < len(wanted):  # said before, and the answer was lost
            records = await connection.fetch(APPENDED, origin, list(wanted))
        ids: dict[int, int] = {record[0]: record[1] for record in records}
        return [None if i in refused else ids.get(sequence + i, _GONE) for i in range(len(entries))]

    async def _claim(self, connection: Any, entries: Sequence[Entry]) -> set[int]:
        """Claim client ids for their first writer; returns which entries are refused: see DocumentStore."""
        claims = [(e.document, client, e.person) for e in entries for client in e.claims]
        documents, clients, people = (list(column) for column in zip(*claims, strict=True))
        await connection.execute(CLAIM, documents, clients, people)
        records = await connection.fetch(OWNERS, documents, clients)
        owners = {(record[0], record[1]): record[2] for record in records}
        refused: set[int] = set()
        lost: set[UUID] = set()  # documents of which an entry is refused: later ones may lean on it
        for i, entry in enumerate(entries):
            if entry.document in lost or any(
                owners[entry.document, client] != entry.person for client in entry.claims
            ):
                refused.add(i)
                lost.add(entry.document)
        return refused

    async def _journal_connection(self) -> Any:
        if self._connection is None:
            self._connection = await self._pool.acquire()
        return self._connection

    async def _discard(self, connection: Any) -> None:
        """Part with a connection whose state is unknown."""
        self._connection = None
        with suppress(asyncpg.InterfaceError):  # the pool has noticed already
            connection.terminate()
            await self._pool.release(connection)

    async def close(self) -> None:
        """Give the journal's connection back; the next append takes one again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(asyncpg.InterfaceError):
                await self._pool.release(connection)

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
