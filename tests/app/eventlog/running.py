"""A log that is stopped whatever the test does to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog


@contextlib.asynccontextmanager
async def running(pool: Pool, **options: Any) -> AsyncIterator[PostgresEventLog]:
    """A started log; stopping it twice does no harm."""
    log = PostgresEventLog(pool, **options)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()
