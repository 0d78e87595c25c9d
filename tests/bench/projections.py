"""How fast views follow the log, on an embedded server of its own: `python -m tests.bench.projections`.

The events are what people at work leave (tests/projections/coproduction.py), half of them bursts of
editing. *Live* appends while all views follow; *catch up* starts all views on a log that is full;
*rebuild* builds one view beside the live one.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from app.database.postgres import Pool, connect_pool
from app.eventlog.postgres import PostgresEventLog
from app.views import Views
from domain.ports import Context, EventLog, NewEvent
from projections.catalogue import VIEWS
from tests.memory_log import MemoryLog
from tests.projections.coproduction import Coproduction

EVENTS = 30_000
APPEND = 100  # events in one append
AIM = 5_000  # events/s through all views


async def main(events: int = EVENTS) -> None:
    """Measure and print a table."""
    story = await _story(events)
    with tempfile.TemporaryDirectory(prefix="interlink-bench-") as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = await asyncio.to_thread(server.start)
        try:
            await migrate(url)
            pool = await connect_pool(url)
            _print(await _measure(pool, url, story), events)
            await pool.close()
        finally:
            await asyncio.to_thread(server.stop)


async def _measure(pool: Pool, url: str, story: list[NewEvent]) -> dict[str, float]:
    log = PostgresEventLog(pool)
    await log.start()
    views = Views(pool, log, url)
    await views.start()
    began = time.perf_counter()
    await _append(log, story)
    await views.wait_all(len(story), timeout=600)
    figures = {"all views, live": len(story) / (time.perf_counter() - began)}
    await views.stop()

    await _forget(url)
    views = Views(pool, log, url)
    began = time.perf_counter()
    await views.start()
    await views.wait_all(len(story), timeout=600)
    figures["all views, catch up"] = len(story) / (time.perf_counter() - began)
    for view in VIEWS:
        began = time.perf_counter()
        await views.rebuild(view.name)
        figures[f"rebuild {view.name}"] = len(story) / (time.perf_counter() - began)
    await views.stop()
    await log.stop()
    return figures


async def _story(events: int) -> list[NewEvent]:
    """What some hundred processes' worth of people do, ready to be appended."""
    memory = MemoryLog()
    number = 0
    while await memory.head() < events:
        number += 1
        await Coproduction(memory, seed=number).work(300)
    recorded = (await memory.read(limit=events))[:events]
    return [
        NewEvent(
            stream=event.stream,
            type=event.type,
            payload=event.payload,
            version=event.version,
            attachment=event.attachment,
            process=event.process,
            tags=event.tags,
        )
        for event in recorded
    ]


async def _append(log: EventLog, story: list[NewEvent]) -> None:
    person = uuid5(UUID(int=0), "somebody")
    for start in range(0, len(story), APPEND):
        await log.append(story[start : start + APPEND], Context(actor=person))


async def _forget(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DELETE FROM views")
    await connection.close()


def _print(figures: dict[str, float], events: int) -> None:
    print(f"{'views':<22} {'events/s':>10}   ({events} events; aim: {AIM} through all views)")
    for name, figure in figures.items():
        print(f"{name:<22} {figure:>10.0f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS))
