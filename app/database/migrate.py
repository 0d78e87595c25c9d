"""Brings the schema up to date, one process at a time."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from app.database.rights import restrict

SCRIPTS = Path(__file__).parents[2] / "migrations"
LOCK = 7_035_991_001  # pg_advisory_lock key, arbitrary but fixed


class SchemaTooNew(RuntimeError):
    """The database was migrated by a newer interlink than this one."""


async def migrate(url: str) -> str:
    """Apply what is missing, and say who may do what, under a lock; returns the revision.

    Raises SchemaTooNew.
    """
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"SELECT pg_advisory_lock({LOCK})")  # until the connection is closed
        current, known = await _current(connection), revisions()
        if current is not None and current not in known:
            raise SchemaTooNew(f"the database has schema {current}, which is newer than this interlink")
        if current != known[-1]:
            from app.database.upgrade import upgrade  # a third of what a start would import, seldom needed

            await upgrade(url)
        await restrict(url)
        return known[-1]
    finally:
        await connection.close()


def revisions() -> list[str]:
    """Those of the migrations that are here, in the order in which they are applied."""
    return sorted(script.name.partition("_")[0] for script in (SCRIPTS / "versions").glob("*.py"))


async def _current(connection: asyncpg.Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision
