"""Which version a stream had at a position, however its events lie between others'."""

from __future__ import annotations

from random import Random
from uuid import uuid4

from app.database.postgres import Pool
from app.eventlog.versions import version_at
from domain.ports import EventLog
from tests.projections.coproduction import Coproduction


async def test_each_position_has_the_version_of_the_last_event_up_to_it(pool: Pool, log: EventLog) -> None:
    await Coproduction(log, seed=4).work(60)
    events = await log.read(limit=1000)
    streams = Random(1).sample(sorted({event.stream for event in events}), 5)
    for stream in streams:
        expected = 0
        versions = {event.position: event.version for event in events if event.stream == stream}
        for position in range(len(events) + 3):
            expected = versions.get(position, expected)
            assert await version_at(pool, stream, position) == expected
    assert await version_at(pool, uuid4(), len(events)) == 0
