"""The one way to replace payloads: staged first, then put in place by the append of an event that names them.

What is staged for a rewrite goes under the command id of that append. The event tells, of each position, the
commitment before and after (`Person.Erased.replaced`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog.leaf import SALT_SIZE
from app.subscriptions.subscription import CREDENTIAL_ENDED
from domain.errors import Conflict

Blank = tuple[int, bytes, bytes | None]
"""What is to stand at a position: payload and attachment."""

_UNSTAGE = "DELETE FROM event_rewrites WHERE erasure = $1"
_STAGE = """
INSERT INTO event_rewrites (erasure, position, payload, attachment, salt) VALUES ($1, $2, $3, $4, $5)
"""
_REPLACED = """
SELECT r.position, coalesce(e.commitment, sha256(e.salt || e.payload)) AS before,
    sha256(r.salt || r.payload) AS after
FROM event_rewrites AS r JOIN events AS e USING (position) WHERE r.erasure = $1 ORDER BY r.position
"""
# Receivers say in words of their own what was wrong with an event; they may have quoted it. Of what was taken
# in the end the delivery is gone, so words that no delivery holds may have been about any event.
_UNTELL = (
    f"""
    UPDATE subscriptions SET last_error = NULL, last_error_at = NULL
    WHERE last_error IS NOT NULL AND (
        id IN (SELECT subscription FROM deliveries JOIN event_rewrites USING (position) WHERE erasure = $1)
        OR kind = 'pull' AND last_error <> '{CREDENTIAL_ENDED}' AND NOT EXISTS (
            SELECT FROM deliveries AS d
            WHERE d.subscription = subscriptions.id AND d.last_error = subscriptions.last_error
        ) AND EXISTS (SELECT FROM event_rewrites WHERE erasure = $1)
    )
    """,
    """
    UPDATE deliveries SET last_error = NULL
    WHERE last_error IS NOT NULL AND position IN (SELECT position FROM event_rewrites WHERE erasure = $1)
    """,
)
_REWRITE = "SELECT rewrite_events($1)"


async def begin(pool: Pool, rewrite: UUID) -> None:
    """Forget what was staged for a rewrite before; raises Unavailable."""
    with unavailable_when_away():
        await pool.execute(_UNSTAGE, rewrite)


async def stage(pool: Pool, rewrite: UUID, blanks: Iterable[Blank]) -> None:
    """Put down what is to take the place of payloads, each with a salt of its own; raises Unavailable."""
    rows = [(rewrite, *blank, os.urandom(SALT_SIZE)) for blank in blanks]
    with unavailable_when_away():
        await pool.executemany(_STAGE, rows)


async def replaced(connection: Any, rewrite: UUID) -> bytes:
    """What the event has to say of what is staged; raises Unavailable."""
    with unavailable_when_away():
        rows = await connection.fetch(_REPLACED, rewrite)
    return b"".join(row["position"].to_bytes(8, "big") + row["before"] + row["after"] for row in rows)


async def put_in_place(connection: Any, rewrite: UUID, told: bytes) -> None:
    """Replace what is staged, in the transaction of the event that tells of it; raises Conflict.

    What receivers said of these payloads goes too.
    """
    if await replaced(connection, rewrite) != told:
        raise Conflict("what was staged has changed", code="erasure_begun")
    for statement in _UNTELL:
        await connection.execute(statement, rewrite)
    await connection.execute(_REWRITE, rewrite)
