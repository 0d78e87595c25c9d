"""Alembic applies the migrations, and what their files are called says in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.database.migrate import SCRIPTS, revisions
from app.database.upgrade import upgrade
from tests.conftest import copy_database, drop_database


@pytest.fixture
async def empty(postgres_server: str) -> AsyncIterator[str]:
    """The URL of a database without any table."""
    database = await copy_database(postgres_server, "template1")
    yield database
    await drop_database(postgres_server, database)


def test_the_files_are_named_by_the_order_of_their_revisions() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    newest_first = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions() == newest_first[::-1]


async def test_an_empty_database_gets_all_of_it_and_a_second_time_nothing(empty: str) -> None:
    for _ in range(2):
        await upgrade(empty)
        connection = await asyncpg.connect(empty)
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == revisions()[-1]
        assert await connection.fetchval("SELECT position FROM log_head") == 0
        await connection.close()
