"""Deleted rows are freed, whatever a table is called, and nobody is waited for."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from app.database.postgres import Pool
from app.privacy.sweeping import sweep

STRANGE = '"Stränge ""table"""'
_SIZE = "SELECT pg_relation_size($1::text::regclass)"


async def deleted(pool: Pool, *tables: str) -> None:
    """Tables of which all rows are gone, but not from the disk."""
    for table in tables:
        await pool.execute(f"CREATE TABLE {table} AS SELECT 'marker' AS name FROM generate_series(1, 9)")
        await pool.execute(f"DELETE FROM {table}")
        assert await pool.fetchval(_SIZE, table) > 0


async def freed(pool: Pool, *tables: str) -> None:
    """Sweep until these are empty on the disk too.

    Whoever reads in the database just then keeps rows there for that moment, and its own maintenance does.
    """
    async with asyncio.timeout(60):
        while any([await pool.fetchval(_SIZE, table) for table in tables]):
            await sweep(pool)


async def test_what_was_deleted_is_gone_from_the_disk_and_a_database_that_is_away_is_told_of(
    pool: Pool,
) -> None:
    await deleted(pool, "plain", STRANGE)
    await freed(pool, "plain", STRANGE)
    await pool.close()
    with capture_logs() as told:
        await sweep(pool)
    assert [(line["event"], line["error"]) for line in told] == [("not_vacuumed", "InterfaceError")]


async def test_a_table_in_maintenance_is_passed_over_and_the_others_are_not(pool: Pool) -> None:
    await deleted(pool, "busy", "plain")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE busy IN SHARE UPDATE EXCLUSIVE MODE")
        await freed(pool, "plain")
        assert await pool.fetchval(_SIZE, "busy") > 0
