"""Brings the schema up to date, one process at a time."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.rights import restrict

SCRIPTS = Path(__file__).parents[2] / "migrations"
LOCK = 7_035_991_001  # pg_advisory_lock key, arbitrary but fixed


class SchemaTooNew(RuntimeError):
    """The database was migrated by a newer interlink than this one."""


async def migrate(url: str) -> str:
    """Apply what is missing, and say who may do what, under a lock; returns the revision.

    Raises SchemaTooNew.
    """
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
            await connection.commit()
            try:
                revision = await connection.run_sync(_upgrade)
                await restrict(url)
                return revision
            finally:
                await connection.rollback()
                await connection.execute(text(f"SELECT pg_advisory_unlock({LOCK})"))
                await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> str:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    if current is not None and current not in known:
        raise SchemaTooNew(f"the database has schema {current}, which is newer than this interlink")
    command.upgrade(config, "head")
    head = scripts.get_current_head()
    assert head is not None
    return head
