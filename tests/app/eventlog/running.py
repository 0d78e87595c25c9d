"""Logs that are stopped whatever the test does to them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from app.database.postgres import Pool, connect_pool
from app.eventlog.postgres import PostgresEventLog
from tests.app.eventlog.proxy import Proxy


@contextlib.asynccontextmanager
async def running(pool: Pool, **options: Any) -> AsyncIterator[PostgresEventLog]:
    """A started log; stopping it twice does no harm."""
    log = PostgresEventLog(pool, **options)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


@contextlib.asynccontextmanager
async def far(proxy: Proxy, *, patience: float) -> AsyncIterator[PostgresEventLog]:
    """A started log that reaches its database through the proxy.

    Its connections are there from the start: however slow the machine is, no patience is spent on that.
    """
    pool = await connect_pool(proxy.url)
    try:
        async with pool.acquire(), pool.acquire():
            pass  # one that listens, one that appends
        async with running(pool, patience=patience) as log:
            yield log
    finally:
        pool.terminate()
