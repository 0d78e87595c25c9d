"""The real log, and a system on it. That MemoryLog behaves alike is shown in tests/contracts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app import views
from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from app.system import System
from domain.ports import EventLog
from tests.builders import make_system


@pytest.fixture(autouse=True)
def views_have_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading one's own writes on a machine that does much besides."""
    monkeypatch.setattr(views, "PATIENCE", 60.0)


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[EventLog]:
    """An empty event log."""
    log = PostgresEventLog(pool)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
def system(pool: Pool, log: EventLog) -> System:
    """A system without views and live documents."""
    return make_system(pool, log)
