"""An event log on the test's own database, directly and through a proxy that fails on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from tests.app.eventlog.proxy import Proxy, proxy_to
from tests.app.eventlog.running import far


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
    """A log that reaches its database through the proxy, and waits for it as long as a test may take."""
    async with far(proxy, patience=60) as log:
        yield log


@pytest.fixture
async def hasty_log(proxy: Proxy) -> AsyncIterator[PostgresEventLog]:
    """One that is not patient."""
    async with far(proxy, patience=0.5) as log:
        yield log
