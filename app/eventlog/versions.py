"""Which version a stream had at a log position."""

from __future__ import annotations

from uuid import UUID

from app.database.postgres import Pool

# Positions grow with versions: bisection needs no index on both.
_VERSION_AT = """
WITH RECURSIVE bisection (low, high) AS (
    SELECT 0::bigint, coalesce(max(stream_version), 0)::bigint FROM events WHERE stream = $1
    UNION ALL
    SELECT CASE WHEN early THEN middle ELSE low END, CASE WHEN early THEN high ELSE middle - 1 END
    FROM bisection,
        LATERAL (SELECT (low + high + 1) / 2 AS middle) AS half,
        LATERAL (SELECT position <= $2 AS early FROM events
                 WHERE stream = $1 AND stream_version = middle) AS found
    WHERE low < high
)
SELECT low FROM bisection WHERE low = high
"""


async def version_at(pool: Pool, stream: UUID, position: int) -> int:
    """The version of a stream's last event up to a position; 0: it had none yet."""
    version: int = await pool.fetchval(_VERSION_AT, stream, position)
    return version
