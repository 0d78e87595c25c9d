"""What connections of the pool are like."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from app.database.postgres import connect_pool
from tests.conftest import database_url


async def test_a_pool_has_up_to_so_many_connections(postgres_server: str) -> None:
    pool = await connect_pool(postgres_server, size=2)
    assert pool.get_size() == 1
    async with pool.acquire(), pool.acquire():
        assert pool.get_size() == 2
        with pytest.raises(TimeoutError):
            await pool.acquire(timeout=0.05)
    await asyncio.gather(*(pool.execute("SELECT 1") for _ in range(10)))
    assert pool.get_size() == 2
    await pool.close()


async def test_a_connection_comes_back_without_a_question(postgres_server: str) -> None:
    """Prepared statements stay, and so does the session."""
    pool = await connect_pool(postgres_server, size=1)
    async with pool.acquire() as connection:
        await connection.execute("SET application_name = 'kept'")
        first = await connection.fetchval("SELECT pg_backend_pid()")
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") == first
        assert await connection.fetchval("SHOW application_name") == "kept"
        assert connection.get_reset_query() == ""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL application_name = 'another'")
    assert await pool.fetchval("SHOW application_name") == "kept", "nothing outlives its transaction"
    await pool.close()


async def test_every_connection_has_the_rights_of_a_role(postgres_server: str) -> None:
    name = f"role_{uuid4().hex}"
    owner = await asyncpg.connect(postgres_server)
    await owner.execute(f"CREATE ROLE {name}")
    pool = await connect_pool(postgres_server, size=2, role=name)
    try:
        async with pool.acquire() as one, pool.acquire() as other:
            assert {
                await one.fetchval("SELECT current_user"),
                await other.fetchval("SELECT current_user"),
            } == {name}
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await other.fetch("SELECT FROM pg_authid")
    finally:
        await pool.close()
        await owner.execute(f"DROP ROLE {name}")
        await owner.close()


async def test_who_is_not_there_is_told(postgres_server: str) -> None:
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await connect_pool(database_url(postgres_server, "nowhere"))
    with pytest.raises(asyncpg.PostgresError, match="no_such_role"):
        await connect_pool(postgres_server, role="no_such_role")
    with pytest.raises(OSError, match=r"."):
        await connect_pool("postgresql://127.0.0.1:9/x")
