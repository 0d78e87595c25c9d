"""The adapters that the contract suites run over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from domain.ports import EventLog
from tests.memory_log import MemoryLog


@pytest.fixture(params=["postgres", "memory"])
async def log(request: pytest.FixtureRequest, pool: Pool) -> AsyncIterator[EventLog]:
    """An empty event log of each kind, on the test's own database."""
    if request.param == "memory":
        yield MemoryLog(pool)
        return
    log = PostgresEventLog(pool)
    await log.start()
    yield log
    await log.stop()
