"""What was sent to webhooks of late, and how it went. Neither what was sent nor what was answered is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from prometheus_client import Counter, Histogram

from app.database.failures import PoolConnection, unavailable_when_away
from app.database.postgres import Pool

KEPT_FOR = timedelta(days=30)
KEPT = 1_000  # attempts of each subscription
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15)

attempts = Counter(
    "interlink_webhook_attempts", "Messages to webhooks, by what became of them", ["outcome"], registry=None
)
seconds = Histogram(
    "interlink_webhook_seconds", "Time until a receiver answered", registry=None, buckets=_BUCKETS
)

Cause = Literal["event", "replay", "redelivery", "ping"]
Outcome = Literal["delivered", "retried", "parked", "disabled", "failed"]

_NOTE = """
INSERT INTO webhook_deliveries (subscription, cause, positions, attempt, outcome, status, error, duration_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *
"""
_NOTE_ALL = """
INSERT INTO webhook_deliveries
    (subscription, at, cause, positions, attempt, outcome, status, error, duration_ms)
SELECT given.id, given.at, cause, translate(positions, '[]', '{}')::bigint[], attempt, outcome, status,
    error, duration_ms
FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::integer[],
    $8::text[], $9::integer[])
    AS given (id, at, cause, positions, attempt, outcome, status, error, duration_ms)
JOIN subscriptions ON subscriptions.id = given.id
"""
_NEWEST = """
SELECT * FROM webhook_deliveries
WHERE subscription = $1 AND ($2::uuid IS NULL OR (at, id) < (
    SELECT at, id FROM webhook_deliveries WHERE id = $2 AND subscription = $1
))
ORDER BY at DESC, id DESC LIMIT $3
"""
_ONE = "SELECT * FROM webhook_deliveries WHERE subscription = $1 AND id = $2"
_FORGET_OLD = "DELETE FROM webhook_deliveries WHERE at < now() - $1::interval"
_FORGET_MANY = """
DELETE FROM webhook_deliveries USING subscriptions, LATERAL (
    SELECT at, id FROM webhook_deliveries WHERE subscription = subscriptions.id
    ORDER BY at DESC, id DESC OFFSET $1 LIMIT 1
) AS first_too_many
WHERE kind = 'webhook' AND webhook_deliveries.subscription = subscriptions.id
    AND (webhook_deliveries.at, webhook_deliveries.id) <= (first_too_many.at, first_too_many.id)
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


def count(attempt: Attempt) -> None:
    """Let an attempt be in the operator's figures."""
    attempts.labels(attempt.outcome).inc()
    seconds.observe(attempt.duration_ms / 1000)


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
        count(attempt)
        with unavailable_when_away():
            return _delivery(await self._pool.fetchrow(_NOTE, subscription, *values))

    async def note_all(
        self, connection: PoolConnection, noted: Sequence[tuple[UUID, Attempt, datetime]]
    ) -> None:
        """Keep attempts, each with its subscription and when it ended, in the transaction there is."""
        if not noted:
            return
        await connection.execute(
            _NOTE_ALL,
            [id for id, _, _ in noted],
            [at for _, _, at in noted],
            [attempt.cause for _, attempt, _ in noted],
            [json.dumps(attempt.positions) for _, attempt, _ in noted],
            *(
                [getattr(attempt, name) for _, attempt, _ in noted]
                for name in ("attempt", "outcome", "status", "error", "duration_ms")
            ),
        )

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
            await self._pool.execute(_FORGET_OLD, KEPT_FOR)
            await self._pool.execute(_FORGET_MANY, KEPT)


def _delivery(row: Any) -> Delivery:
    values = {name: value for name, value in row.items() if name != "subscription"}
    return Delivery(**values)
