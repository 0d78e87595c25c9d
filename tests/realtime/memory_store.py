"""A document store in memory that can be told to fail."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from realtime.ports import Burst, Entry, Past, Row, Sealed, Stored


class MemoryStore:
    """Implements DocumentStore. `failing`: appends fail; `lose_answers`: so many commit, and then fail."""

    def __init__(self) -> None:
        self.rows: dict[UUID, list[Row]] = defaultdict(list)
        self.sealed: dict[UUID, list[Burst]] = defaultdict(list)
        self.snapshots: dict[UUID, tuple[int, bytes]] = {}
        self.vectors: dict[UUID, bytes] = {}
        self.clients: dict[UUID, dict[int, UUID]] = defaultdict(dict)
        self.failing = False
        self.lose_answers = 0
        self.loads = 0
        self.appends = 0
        self._ids: dict[tuple[UUID, int], int] = {}
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def edits(self, document: UUID) -> int:
        """How many are committed, sealed by now or not."""
        return len(self.rows[document]) + sum(burst.edits for burst in self.sealed[document])

    async def load(self, document: UUID, *, snapshot: bool = True) -> Stored:
        self.loads += 1
        await asyncio.sleep(0)
        through, state = self.snapshots.get(document, (0, None)) if snapshot else (0, None)
        bursts = [burst.update for burst in self.sealed[document]]
        return Stored(
            state,
            through,
            len(bursts),
            bursts[through:],
            list(self.rows[document]),
            dict(self.clients[document]),
            self.vectors.get(document) if state else None,
        )

    async def past(self, document: UUID, *, after: int = 0) -> Past:
        await asyncio.sleep(0)
        rows = list(self.rows[document])
        sealed = [Sealed(i, burst.person, burst.update) for i, burst in enumerate(self.sealed[document], 1)]
        return Past([burst for burst in sealed if burst.position > after], rows, frozenset())

    async def bursts(self, document: UUID, *, after: int, through: int) -> AsyncIterator[Sequence[Sealed]]:
        for burst in (await self.past(document, after=after)).bursts:
            if burst.position <= through:
                yield [burst]

    async def append(self, origin: UUID, sequence: int, entries: Sequence[Entry]) -> Sequence[int | None]:
        self.appends += 1
        await self._open.wait()
        await asyncio.sleep(0)
        if self.failing:
            raise OSError("no database")
        result: list[int | None] = []
        lost: set[UUID] = set()
        for i, entry in enumerate(entries):
            owners = self.clients[entry.document]
            if entry.document in lost or any(
                owners.setdefault(client, entry.person) != entry.person for client in entry.claims
            ):
                lost.add(entry.document)
                result.append(None)
                continue
            key = (origin, sequence + i)
            if key not in self._ids:
                self._ids[key] = len(self._ids) + 1
                row = Row(
                    self._ids[key],
                    entry.person,
                    entry.received_at,
                    entry.update,
                    entry.inserted,
                    entry.deleted,
                )
                self.rows[entry.document].append(row)
            result.append(self._ids[key])
        if self.lose_answers:
            self.lose_answers -= 1
            raise OSError("the answer was lost")
        return result

    @asynccontextmanager
    async def sealing(
        self, document: UUID, through: Mapping[UUID, int] | None
    ) -> AsyncIterator[Sequence[Row] | None]:
        if self.failing:
            raise OSError("no database")
        yield [row for row in self.rows[document] if through is None or row.id <= through.get(row.person, -1)]

    async def seal(self, document: UUID, bursts: Sequence[Burst]) -> None:
        await asyncio.sleep(0)
        for burst in bursts:
            self.sealed[document].append(burst)
            self.rows[document] = [row for row in self.rows[document] if row.id not in burst.rows]

    async def save_snapshot(
        self, document: UUID, through: int, state: bytes, vector: bytes, *, epoch: int = 0
    ) -> None:
        self.snapshots[document] = (through, state)
        self.vectors[document] = vector

    async def unsealed(self, before: datetime) -> Collection[UUID]:
        return [d for d, rows in self.rows.items() if any(row.received_at < before for row in rows)]

    async def close(self) -> None:
        return
