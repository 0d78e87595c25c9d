"""What was sent to webhooks of late, and how it went. Neither what was sent nor what was answered is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool

KEPT_FOR = timedelta(days=30)
KEPT = 1_000  # attempts of each subscription

Cause = Literal["event", "replay", "redelivery", "ping"]
Outcome = Literal["delivered", "retried", "parked", "disabled", "failed"]

_NOTE = """
INSERT INTO webhook_deliveries (subscription, cause, positions, attempt, outcome, status, error, duration_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *
"""
_NEWEST = """
SELECT * FROM webhook_deliveries
WHERE subscription = $1 AND ($2::uuid IS NULL OR (at, id) < (
    SELECT at, id FROM webhook_deliveries WHERE id = $2 AND subscription = $1
))
ORDER BY at DESC, id DESC LIMIT $3
"""
_ONE = "SELECT * FROM webhook_deliveries WHERE subscription = $1 AND id = $2"
_TRIM = """
DELETE FROM webhook_deliveries WHERE at < now() - $1::interval OR id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY subscription ORDER BY at DESC, id DESC) AS place
        FROM webhook_deliveries
    ) AS placed WHERE place > $2
)
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message, sent or not. `status` None: nothing came back, and `error` tells the class of why."""

    cause: Cause
    positions: Sequence[int]
    attempt: int
    outcome: Outcome
    status: int | None
    error: str | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Delivery(Attempt):
    """An attempt as it was noted. `at` is UTC, when it had ended."""

    id: UUID
    at: datetime


class DeliveryLog:
    """Bounded in time and in number. What asks the database raises Unavailable when that is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(self, subscription: UUID, attempt: Attempt) -> Delivery:
        """Keep an attempt."""
        values = (
            attempt.cause,
            list(attempt.positions),
            attempt.attempt,
            attempt.outcome,
            attempt.status,
            attempt.error,
            attempt.duration_ms,
        )
        with unavailable_when_away():
            return _delivery(await self._pool.fetchrow(_NOTE, subscription, *values))

    async def newest(self, subscription: UUID, *, limit: int, after: UUID | None = None) -> list[Delivery]:
        """The attempts, newest first; `after` goes on behind that one."""
        with unavailable_when_away():
            rows = await self._pool.fetch(_NEWEST, subscription, after, limit)
        return [_delivery(row) for row in rows]

    async def find(self, subscription: UUID, id: UUID) -> Delivery | None:
        """One of a subscription's attempts, if it is still known."""
        with unavailable_when_away():
            row = await self._pool.fetchrow(_ONE, subscription, id)
        return None if row is None else _delivery(row)

    async def trim(self) -> None:
        """Forget what is too old or too much."""
        with unavailable_when_away():
            await self._pool.execute(_TRIM, KEPT_FOR, KEPT)


def _delivery(row: Any) -> Delivery:
    values = {name: value for name, value in row.items() if name != "subscription"}
    return Delivery(**values)
