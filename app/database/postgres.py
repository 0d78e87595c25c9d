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


async def connect_pool(url: str, *, size: int = 10, role: str | None = None) -> Pool:
    """A pool of up to `size` connections; raises OSError or asyncpg.PostgresError.

    `role`: whose rights they have, instead of the login's.
    """

    async def take_role(connection: asyncpg.Connection) -> None:
        if role is not None:
            await connection.execute(f"SET ROLE {role}")

    return await asyncpg.create_pool(
        url, min_size=1, max_size=size, command_timeout=60, connection_class=_Connection, init=take_role
    )
