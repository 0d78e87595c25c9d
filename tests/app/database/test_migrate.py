"""The schema comes up once, also when asked twice at once, and refuses a database from the future."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import asyncpg
import pytest

from app.database.migrate import SchemaTooNew, migrate, revisions
from tests.conftest import copy_database, drop_database


async def test_an_empty_database_is_migrated_once_by_several_at_once(postgres_server: str) -> None:
    url = await copy_database(postgres_server, "template1")
    try:
        assert await asyncio.gather(*(migrate(url) for _ in range(4))) == revisions()[-1:] * 4
    finally:
        await drop_database(postgres_server, url)


async def test_migrating_twice_changes_nothing(database: str) -> None:
    first = await migrate(database)
    assert await migrate(database) == first


async def test_a_schema_that_is_behind_is_brought_up(database: str) -> None:
    connection = await asyncpg.connect(database)
    before, newest = revisions()[-2:]
    await connection.execute("DROP FUNCTION forget_document_states CASCADE")
    await connection.execute("UPDATE alembic_version SET version_num = $1", before)
    assert await migrate(database) == newest
    assert await connection.fetchval("SELECT count(*) FROM pg_proc WHERE proname = 'forget_document_states'")
    await connection.close()


async def test_a_newer_schema_is_refused(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await migrate(database)


def test_what_only_migrations_need_is_not_imported_at_each_start() -> None:
    check = "import sys, app.cli, app.server; print('alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    asked = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert asked.stdout.split() == ["False", "False"]
