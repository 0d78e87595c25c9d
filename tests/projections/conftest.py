"""What the tests of views share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from app.views import Views
from tests.projections.coproduction import Coproduction


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[PostgresEventLog]:
    """The real log, running."""
    log = PostgresEventLog(pool)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
async def session(database: str) -> AsyncIterator[asyncpg.Connection]:
    """One connection to the test's database."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


class PatientViews(Views):
    """Waits for a minute where somebody at a page would be told to come again."""

    async def wait_all(self, position: int, timeout: float = 60.0) -> None:
        await super().wait_all(position, timeout)


@pytest.fixture
async def views(pool: Pool, database: str, log: PostgresEventLog) -> AsyncIterator[Views]:
    """All views, running on the real log."""
    views = PatientViews(pool, log, database)
    await views.start()
    yield views
    await views.stop()


@pytest.fixture
def story(log: PostgresEventLog) -> Coproduction:
    """People at work on the real log."""
    return Coproduction(log, seed=1)
