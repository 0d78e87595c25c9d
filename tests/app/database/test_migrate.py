"""The schema comes up once, also when asked twice, and refuses a database from the future."""

import asyncpg
import pytest

from app.database.migrate import SchemaTooNew, migrate


async def test_migrating_twice_changes_nothing(database: str) -> None:
    first = await migrate(database)
    assert await migrate(database) == first


async def test_a_newer_schema_is_refused(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await migrate(database)
