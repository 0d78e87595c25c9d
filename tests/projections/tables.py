"""Looking at view tables as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import uuid4

import asyncpg

from domain.ports import RecordedEvent
from projections.catalogue import VIEWS
from projections.ports import Connection, View
from projections.runner import changes, execute


async def dump(c: Connection, views: Iterable[View] = VIEWS) -> dict[str, list[str]]:
    """Every row of every table, in an order of its own."""
    return {table: await _rows(c, table) for view in views for table in view.tables}


async def _rows(c: Connection, table: str) -> list[str]:
    return sorted(row[0] for row in await c.fetch(f"SELECT t::text FROM {table} t"))


async def replay(
    url: str, events: Sequence[RecordedEvent], batch: int, views: Sequence[View] = VIEWS
) -> dict[str, list[str]]:
    """What the views' tables hold after these events, applied to empty ones in batches of a size."""
    connection = await asyncpg.connect(url)
    try:
        schema = f"replay_{uuid4().hex}"
        await connection.execute(f"CREATE SCHEMA {schema}; SET search_path TO {schema}")
        for view in views:
            await connection.execute(view.ddl)
        for start in range(0, len(events), batch):
            positions = dict.fromkeys(views, start)
            await execute(connection, changes(positions, events[start : start + batch]))
        found = await dump(connection, views)
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        return found
    finally:
        await connection.close()
