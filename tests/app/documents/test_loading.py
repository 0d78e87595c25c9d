"""What makes loading flat: after the snapshot there is little, whatever the past; on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.documents.postgres import PostgresDocumentStore
from app.eventlog.postgres import PostgresEventLog
from domain.ports import RecordedEvent
from realtime import crdt
from realtime.late import LateReplica, late_replica
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.replay import committed_replica
from realtime.sealer import Sealer
from tests.bench.histories import History, write


class CountingLog(PostgresEventLog):
    """Counts the events that are read."""

    count = 0

    async def read(self, **options: Any) -> Any:
        return self._counted(await super().read(**options))

    async def read_stream(self, stream: UUID, **options: Any) -> Any:
        return self._counted(await super().read_stream(stream, **options))

    def _counted(self, events: list[RecordedEvent]) -> list[RecordedEvent]:
        self.count += len(events)
        return events


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[CountingLog]:
    log = CountingLog(pool)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
async def store(pool: Pool, log: CountingLog) -> AsyncIterator[PostgresDocumentStore]:
    store = PostgresDocumentStore(pool, log)
    yield store
    await store.close()


PASTS = {
    "typed": History(4_000, 4_000, burst=40),
    "much deleted": History(4_000, 400, burst=40),
    "large": History(1_000, 400_000, adds=400, burst=20),
}


@pytest.mark.parametrize("name", PASTS)
async def test_little_is_read(store: PostgresDocumentStore, log: CountingLog, name: str) -> None:
    document, metrics, limits = uuid4(), Metrics(), Limits()
    text = await write(PASTS[name], store, Sealer(store, limits, metrics), document)
    log.count = 0
    stored = await store.load(document)
    assert stored.snapshot is not None
    size = len(stored.snapshot)
    assert log.count <= max(limits.snapshot_bursts, size // 2**16), "events, the rest is not looked at"
    assert sum(map(len, stored.bursts)) <= max(limits.snapshot_bytes, size // 4)
    assert not stored.rows
    assert crdt.text_of((await committed_replica(stored)).state(), "text") == text
    assert metrics.snapshots <= 40, "nor is the whole state encoded all the time"


async def test_nothing_of_others_is_read(store: PostgresDocumentStore, log: CountingLog) -> None:
    mine, metrics = uuid4(), Metrics()
    short = History(40, 40, burst=1)
    await write(short, store, Sealer(store, Limits(), metrics), mine)
    await write(short, store, Sealer(store, Limits(), metrics), uuid4())
    log.count = 0
    assert len((await store.load(mine)).bursts) == 40 - 32
    assert log.count == 40 - 32


async def test_a_large_document_opens_without_the_engine(store: PostgresDocumentStore) -> None:
    document = uuid4()
    text = await write(PASTS["large"], store, Sealer(store, Limits(), Metrics()), document)
    replica = await late_replica(await store.load(document))
    assert isinstance(replica, LateReplica)
    assert sum(replica.clocks().values()) == len(text)
    assert replica.encoded(), "not built"
    assert crdt.text_of(replica.state(), "text") == text
