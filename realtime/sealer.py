"""Turns journal rows into bursts in the log, and keeps snapshots so that loading stays quick."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from realtime import crdt
from realtime.crdt import EngineError
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.ports import Burst, DocumentStore, Row
from realtime.replay import replay
from realtime.wire import Malformed

logger = logging.getLogger(__name__)

_MERGE_BETWEEN_BREATHS = 512  # rows: about 2 ms


class Sealer:
    """Seals documents, open or not, a few at a time."""

    def __init__(self, store: DocumentStore, limits: Limits, metrics: Metrics) -> None:
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._turns = asyncio.Semaphore(2)  # each holds a connection to the store
        self._unsnapped: dict[UUID, tuple[int, int]] = {}  # bytes and bursts since the last snapshot

    def loaded(self, document: UUID, bursts: Sequence[bytes]) -> None:
        """A document was loaded that has these bursts after its snapshot."""
        self._unsnapped[document] = (sum(map(len, bursts)), len(bursts))

    def forget(self, document: UUID) -> None:
        """A document was unloaded."""
        self._unsnapped.pop(document, None)

    async def seal(self, document: UUID, through: Mapping[UUID, int] | None = None) -> bool:
        """Seal a document's rows: of each person up to a row id, or all (None).

        Returns False if it can't be done now (the store fails, or another process is at it).
        """
        async with self._turns:
            try:
                async with self._store.sealing(document, through) as rows:
                    if rows is None:
                        return False
                    bursts = await to_bursts(rows)
                    if bursts:
                        await self._store.seal(document, bursts)
                self._metrics.sealed_events += len(bursts)
                await self._snapshot_if_due(document, bursts)
            except Exception as error:
                self._metrics.seal_failures += 1
                logger.warning("document %s was not sealed: %s", document, type(error).__name__)
                return False
            return True

    async def _snapshot_if_due(self, document: UUID, bursts: Sequence[Burst]) -> None:
        size, count = self._unsnapped.get(document, (0, 0))
        size, count = size + sum(len(burst.update) for burst in bursts), count + len(bursts)
        self._unsnapped[document] = (size, count)
        if size >= self._limits.snapshot_bytes or count >= self._limits.snapshot_bursts:
            await self.snapshot(document)

    async def snapshot(self, document: UUID) -> bool:
        """Keep the state that the sealed bursts give; False if they do not stand on their own (yet)."""
        stored = await self._store.load(document)
        try:
            replica, whole = await replay(stored.snapshot, stored.bursts)
            state = replica.state()
        except (EngineError, Malformed):
            return False
        if not whole:
            return False
        if stored.bursts:
            await self._store.save_snapshot(document, stored.head, state)
            self._metrics.snapshots += 1
        self._unsnapped[document] = (0, 0)
        return True


async def to_bursts(rows: Sequence[Row]) -> list[Burst]:
    """One burst for each person, in the order in which they began."""
    people: dict[UUID, list[Row]] = {}
    for row in rows:
        people.setdefault(row.person, []).append(row)
    return [await _burst(person, own) for person, own in people.items()]


async def _burst(person: UUID, rows: list[Row]) -> Burst:
    parts: list[bytes] = []
    for i in range(0, len(rows), _MERGE_BETWEEN_BREATHS):
        parts.append(crdt.merge([row.update for row in rows[i : i + _MERGE_BETWEEN_BREATHS]]))
        await asyncio.sleep(0)
    return Burst(
        person=person,
        began=min(row.received_at for row in rows),
        ended=max(row.received_at for row in rows),
        edits=len(rows),
        inserted=sum(row.inserted for row in rows),
        deleted=sum(row.deleted for row in rows),
        update=crdt.merge(parts),
        rows=tuple(row.id for row in rows),
    )
