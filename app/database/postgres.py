"""Connections to PostgreSQL."""

from __future__ import annotations

import asyncpg

Pool = asyncpg.Pool


async def connect_pool(url: str, *, size: int = 10) -> Pool:
    """A pool of up to `size` connections; raises OSError or asyncpg.PostgresError."""
    return await asyncpg.create_pool(url, min_size=1, max_size=size, command_timeout=60)
