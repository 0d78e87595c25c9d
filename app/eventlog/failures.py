"""Tells a database that is away from a statement that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from domain.errors import Unavailable

_AWAY = (
    OSError,  # TimeoutError too
    asyncpg.InterfaceError,
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


@contextmanager
def unavailable_when_away() -> Iterator[None]:
    """Turns driver errors of a database that is away into Unavailable."""
    try:
        yield
    except Exception as error:
        if is_away(error):
            raise Unavailable("the event log cannot reach its database") from error
        raise
