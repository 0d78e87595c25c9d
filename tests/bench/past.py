"""How long looking back takes as a history grows, on a server of its own: `python -m tests.bench.past`.

One plan is renamed over and over. For each length of its history: the first look at its end, which
replays all of it, then looks at random positions, of the aggregate and of the view.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from app.database.postgres import connect_pool
from app.eventlog.postgres import PostgresEventLog
from app.past import Past
from domain.ports import EventLog
from projections import plan
from tests.projections.coproduction import Coproduction

LENGTHS = (1_000, 10_000, 50_000)
LOOKS = 30
_APPEND = 500  # events in one append


async def main(lengths: tuple[int, ...] = LENGTHS) -> None:
    """Measure and print a table; times in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="interlink-bench-") as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = await asyncio.to_thread(server.start)
        try:
            await migrate(url)
            pool = await connect_pool(url)
            log = PostgresEventLog(pool)
            await log.start()
            print("events     first  aggregate p50   view p50")
            for length in lengths:
                process, stream = await _history(log, length)
                past, end = Past(pool, log), await log.head()
                first = await _aggregate(past, stream, end)
                await _view(past, process, end)
                positions = random.Random(1).choices(range(end - length + 1, end + 1), k=LOOKS)
                aggregates = [await _aggregate(past, stream, at) for at in positions]
                views = [await _view(past, process, at) for at in positions]
                told = (first, statistics.median(aggregates), statistics.median(views))
                print(f"{length:6,} {told[0]:9.1f} {told[1]:14.1f} {told[2]:10.1f}")
            await log.stop()
            await pool.close()
        finally:
            await asyncio.to_thread(server.stop)


async def _history(log: EventLog, length: int) -> tuple[UUID, UUID]:
    """A process whose plan has so many events."""
    story = Coproduction(log, seed=length)
    process = (await story.start()).id
    kept, node = story.plans[process], story.id()
    kept.add(node=node, kind="phase", title="A", parent=None)
    for at in range(length):
        kept.rename(node, f"Title {at}")
        if at % _APPEND == 0:
            await story.append(process, kept)
    await story.append(process, kept)
    return process, kept.id


async def _aggregate(past: Past, stream: UUID, position: int) -> float:
    began = time.perf_counter()
    await past.aggregates.at(stream, position)
    return (time.perf_counter() - began) * 1000


async def _view(past: Past, process: UUID, position: int) -> float:
    began = time.perf_counter()
    async with past.views.at(process, position, plan.VIEW) as then:
        await plan.tree(then, process)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    asyncio.run(main(tuple(map(int, sys.argv[1:])) or LENGTHS))
