"""Connections to PostgreSQL."""

from __future__ import annotations

import asyncpg

Pool = asyncpg.Pool


class _Connection(asyncpg.Connection):
    """Nothing here changes a session's state beyond a transaction, so nothing needs to be set back.

    asyncpg would else ask the server to, each time a connection returns to the pool: as much work
    as most of our queries. What listens or locks for longer has a connection of its own.
    """

    def get_reset_query(self) -> str:
        """No query."""
        return ""


async def connect_pool(url: str, *, size: int = 10) -> Pool:
    """A pool of up to `size` connections; raises OSError or asyncpg.PostgresError."""
    return await asyncpg.create_pool(
        url, min_size=1, max_size=size, command_timeout=60, connection_class=_Connection
    )
