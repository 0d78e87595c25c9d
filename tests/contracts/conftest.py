"""The adapters that the contract suites run over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from domain.ports import EventLog
from tests.conftest import copy_database, drop_database
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


@pytest.fixture
def blank_database(postgres_server: str, template_database: str) -> Iterator[str]:
    """The URL of a migrated, empty database, for tests that bring an event loop of their own."""
    database = asyncio.run(copy_database(postgres_server, template_database))
    yield database
    asyncio.run(drop_database(postgres_server, database))
