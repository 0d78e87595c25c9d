"""A database that is away is told from a statement that is wrong: the one is waited for, the other is not."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import asyncpg
import pytest

from app.database.failures import is_away, is_lost, unavailable_when_away
from app.database.postgres import connect_pool
from domain.errors import Conflict, Unavailable

AWAY: list[Exception] = [
    ConnectionRefusedError(),
    TimeoutError(),
    FileNotFoundError("the server's socket"),
    asyncpg.InterfaceError("pool is closing"),
    asyncpg.InternalClientError("got result for unknown protocol state"),
    asyncpg.ConnectionDoesNotExistError(""),
    asyncpg.CannotConnectNowError(""),
    asyncpg.AdminShutdownError(""),
    asyncpg.QueryCanceledError("statement timeout"),
    asyncpg.TooManyConnectionsError(""),
    asyncpg.DiskFullError(""),
    asyncpg.SerializationError(""),
    asyncpg.DeadlockDetectedError(""),
    asyncpg.ReadOnlySQLTransactionError("a standby"),
    asyncpg.LockNotAvailableError(""),
]
WRONG: list[Exception] = [
    ValueError(),
    asyncpg.DataError("value out of range"),
    asyncpg.UniqueViolationError(""),
    asyncpg.RestrictViolationError(""),
    asyncpg.UndefinedTableError(""),
    asyncpg.PostgresSyntaxError(""),
    asyncpg.InsufficientPrivilegeError(""),
    Conflict("x"),
]


def name(error: Exception) -> str:
    return type(error).__name__


@pytest.mark.parametrize("error", AWAY, ids=name)
def test_what_may_well_succeed_later_is_unavailable(error: Exception) -> None:
    assert is_away(error)
    with pytest.raises(Unavailable) as refusal, unavailable_when_away():
        raise error
    assert refusal.value.__cause__ is error
    assert str(refusal.value) == "the database cannot be reached", "nothing of the driver's message"


@pytest.mark.parametrize("error", WRONG, ids=name)
def test_what_is_wrong_stays_as_it_is(error: Exception) -> None:
    assert not is_away(error)
    with pytest.raises(type(error)) as refusal, unavailable_when_away():
        raise error
    assert refusal.value is error


def test_who_is_cancelled_is_not_told_anything_else() -> None:
    with pytest.raises(asyncio.CancelledError), unavailable_when_away():
        raise asyncio.CancelledError


async def test_of_a_real_database(postgres_server: str) -> None:
    pool = await connect_pool(postgres_server)
    with pytest.raises(asyncpg.PostgresSyntaxError), unavailable_when_away():
        await pool.execute("SELEKT")
    with pytest.raises(asyncpg.DataError), unavailable_when_away():  # the driver's own
        await pool.execute("SELECT $1::bigint", 2**80)
    connection: Any = await pool.acquire()
    assert not is_lost(connection)
    with pytest.raises(Unavailable), unavailable_when_away():
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_lost(connection)
    await pool.release(connection)
    assert is_lost(connection), "the pool has taken it back"
    assert await pool.fetchval("SELECT 1") == 1
    kept: Any = await pool.acquire()
    await pool.release(kept)
    assert is_lost(cast(Any, kept))
    await pool.close()
    with pytest.raises(Unavailable), unavailable_when_away():
        await pool.fetchval("SELECT 1")
