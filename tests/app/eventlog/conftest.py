"""An event log on the test's own database, directly and through a proxy that fails on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.database.postgres import Pool, connect_pool
from app.eventlog.postgres import PostgresEventLog
from tests.app.eventlog.proxy import Proxy, proxy_to


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[PostgresEventLog]:
    log = PostgresEventLog(pool)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
async def proxy(database: str) -> AsyncIterator[Proxy]:
    async with proxy_to(database) as proxy:
        yield proxy


@pytest.fixture
async def far_log(proxy: Proxy) -> AsyncIterator[PostgresEventLog]:
    """A log that reaches its database through the proxy, and is not patient."""
    pool = await connect_pool(proxy.url)
    log = PostgresEventLog(pool, patience=0.5)
    await log.start()
    yield log
    await log.stop()
    pool.terminate()
