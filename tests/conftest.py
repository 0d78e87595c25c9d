"""What tests share: one real PostgreSQL for the run, one migrated database for each test that asks."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from app.database.embedded import EmbeddedPostgres
from app.database.migrate import migrate
from app.database.postgres import Pool, connect_pool
from tests.nodejs import Node
from tests.redis import redis_server

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_SLOW = {"acceptance", "e2e", "faults", "interop"}  # whole servers, browsers: so they come first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first, so that no worker is left with one when the others have finished."""
    items.sort(key=lambda item: _SLOW.isdisjoint(item.path.parts))


def database_url(server: str, database: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(server)._replace(path=f"/{database}").geturl()


async def copy_database(server: str, template: str) -> str:
    """The URL of a new database that is like `template`."""
    name = f"test_{uuid4().hex}"
    await _run(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return database_url(server, name)


async def drop_database(server: str, database: str) -> None:
    """Removes the database of that URL, whoever is still connected."""
    await _run(server, f"DROP DATABASE {urlsplit(database).path[1:]} WITH (FORCE)")


async def _run(server: str, sql: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        async with asyncio.timeout(120):
            while not await _done(connection, sql):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _done(connection: asyncpg.Connection, sql: str) -> bool:
    """Whether it could be: PostgreSQL gives those who still leave a database five seconds."""
    try:
        await connection.execute(sql)
    except asyncpg.ObjectInUseError:
        return False
    return True


def _in_memory() -> Path | None:
    """A folder on no disk, if this machine has one with room for a run (some 300 MB for each process)."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30 else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of this test process's own."""
    with tempfile.TemporaryDirectory(
        prefix="interlink-test-", dir=_in_memory(), ignore_cleanup_errors=True
    ) as directory:
        server = EmbeddedPostgres(Path(directory) / "pg")
        url = server.start()
        asyncio.run(_run(url, "ALTER SYSTEM SET fsync = off"))  # what crashes is tested on servers of its own
        asyncio.run(_run(url, "ALTER SYSTEM SET max_wal_size = '256MB'"))
        asyncio.run(_run(url, "SELECT pg_reload_conf()"))
        yield url
        server.stop()


@pytest.fixture(scope="session")
def template_database(postgres_server: str) -> str:
    """A migrated, empty database to copy from."""
    asyncio.run(_run(postgres_server, "CREATE DATABASE template_interlink"))
    asyncio.run(migrate(database_url(postgres_server, "template_interlink")))
    return "template_interlink"


@pytest.fixture
async def database(postgres_server: str, template_database: str) -> AsyncIterator[str]:
    """The URL of a migrated, empty database, dropped after the test."""
    database = await copy_database(postgres_server, template_database)
    yield database
    await drop_database(postgres_server, database)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A pool on the test's own database."""
    pool = await connect_pool(database)
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def node() -> Node:
    """Node.js with the foreign Yjs clients installed."""
    return Node()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server of this test process's own."""
    with redis_server() as server:
        yield server.url
