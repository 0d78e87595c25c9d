"""A log of each kind, and a system on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from app.system import System
from domain.ports import EventLog
from tests.builders import make_system
from tests.memory_log import MemoryLog


@pytest.fixture(params=["memory", "postgres"])
async def log(request: pytest.FixtureRequest, pool: Pool) -> AsyncIterator[EventLog]:
    """An empty event log of each kind."""
    if request.param == "memory":
        yield MemoryLog(pool)
        return
    log = PostgresEventLog(pool)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
def system(pool: Pool, log: EventLog) -> System:
    """A system without views and live documents."""
    return make_system(pool, log)
