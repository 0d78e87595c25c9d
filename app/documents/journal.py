"""The journal in PostgreSQL, as it is written: what people typed, committed on a connection of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg

from app.database.postgres import Pool
from realtime.ports import Entry, Rejected

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

_GONE = 0  # stands for the id of a row that was sealed before its append was acknowledged


class Journal:
    """Appends entries. Keeps one connection, taken at the first append."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: Any = None

    async def append(self, origin: UUID, sequence: int, entries: Sequence[Entry]) -> Sequence[int | None]:
        """Commit entries durably, all or none; see DocumentStore."""
        connection = await self._taken()
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

    async def _taken(self) -> Any:
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
