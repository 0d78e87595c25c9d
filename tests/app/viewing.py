"""Views of one node, running, and waiting for what they come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from app.database.postgres import Pool
from app.views import Views, ViewStatus
from domain.ports import EventLog
from projections.ports import View
from tests.projections.counting import COUNTING

OURS = "application_name = 'interlink views' AND datname = current_database()"


@asynccontextmanager
async def running(pool: Pool, log: EventLog, url: str, *views: View, **settings: Any) -> AsyncIterator[Views]:
    """Views of one node."""
    node = Views(pool, log, url, views=views or (COUNTING,), **{"poll": 0.05, **settings})
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


async def until(condition: Callable[[], Any], timeout: float = 60) -> None:
    """Wait for a condition, which may be a coroutine function."""
    async with asyncio.timeout(timeout):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


async def status(views: Views, name: str = "counting") -> ViewStatus:
    return next(found for found in await views.status() if found.name == name)


async def leads(views: Views) -> bool:
    return (await views.status())[0].leading
