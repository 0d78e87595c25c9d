"""A log that is rid of something."""

from __future__ import annotations

from uuid import uuid4

from app.database.postgres import Pool


async def rewrite(pool: Pool, position: int) -> None:
    """Put another title in place of the one at a position, as an erasure does."""
    erasure = uuid4()
    payload = await pool.fetchval("SELECT payload FROM events WHERE position = $1", position)
    facts = (erasure, position, payload.replace(b"Secret", b"Erased"), b"s" * 32)
    await pool.execute(
        "INSERT INTO event_rewrites (erasure, position, payload, salt) VALUES ($1, $2, $3, $4)", *facts
    )
    assert await pool.fetchval("SELECT rewrite_events($1)", erasure) == 1
