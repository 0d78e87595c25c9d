"""The adapters that the contract suites run over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from domain.ports import EventLog
from tests.conftest import database_url
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
    name = f"test_{uuid4().hex}"
    asyncio.run(
        _run(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    )
    yield database_url(postgres_server, name)
    asyncio.run(_run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _run(server: str, sql: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
