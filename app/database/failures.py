"""Tells a database that is away from a statement that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from domain.errors import Unavailable

PoolConnection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

_AWAY = (
    OSError,  # TimeoutError too
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the driver's surprise at a connection that ends amid an answer
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.LockNotAvailableError,
)


def is_away(error: BaseException) -> bool:
    """Whether the same statement may well succeed later."""
    return isinstance(error, _AWAY) and not isinstance(error, ValueError)  # a bad argument stays bad


def is_lost(connection: PoolConnection) -> bool:
    """Whether a pool's connection is of no more use; the pool may have taken it back already."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


@contextmanager
def unavailable_when_away() -> Iterator[None]:
    """Turns driver errors of a database that is away into Unavailable."""
    try:
        yield
    except Exception as error:
        if is_away(error):
            raise Unavailable("the database cannot be reached") from error
        raise
