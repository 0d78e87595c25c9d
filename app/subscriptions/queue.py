"""What a subscription still has to deliver: at least once, and in order within each stream.

Of each stream only the oldest open delivery is ever handed out, and only while no other of that stream
is: so a stream that is stuck holds back itself alone, and any number of workers may lease at the same
time. A lease that runs out makes its delivery due again; its number is then no longer good, unless
nobody has taken the delivery since. What is parked is nobody's until it is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.subscriptions.news import DeliveryNews

ERROR_LENGTH = 500  # characters of an error that are kept
TIMED_OUT = "the lease ran out"

# Leases of one subscription take turns: each must see what the one before took.
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 7035991008))"
_MAY_LEASE = """
SELECT (settings ->> 'max_deliveries')::integer AS most FROM subscriptions
WHERE id = $1 AND state IN ('active', 'failing') AND (
    credential IS NULL OR EXISTS (
        SELECT FROM access_tokens WHERE access_tokens.id = credential
        AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > statement_timestamp())
    )
)
"""
_PARK_EXHAUSTED = """
UPDATE deliveries SET state = 'parked', lease = NULL, leased_until = NULL, changed_at = now(),
    last_error = $3
WHERE subscription = $1 AND state = 'leased' AND leased_until <= statement_timestamp() AND attempts >= $2
"""
_LEASE = """
WITH open AS (
    SELECT ctid AS row, position, state = 'leased' OR due_at <= statement_timestamp() AS due,
        row_number() OVER stream_order AS place,
        bool_or(state = 'leased' AND leased_until > statement_timestamp())
            OVER (PARTITION BY stream) AS taken
    FROM deliveries WHERE subscription = $1 AND state <> 'parked'
    WINDOW stream_order AS (PARTITION BY stream ORDER BY position)
), chosen AS (
    SELECT row FROM open WHERE place = 1 AND due AND NOT taken ORDER BY position LIMIT $2
), leased AS (
    UPDATE deliveries SET state = 'leased', attempts = attempts + 1, changed_at = now(),
        lease = gen_random_uuid(), leased_until = statement_timestamp() + $3::interval,
        last_error = CASE WHEN state = 'leased' THEN $4 ELSE last_error END
    WHERE ctid = ANY (ARRAY(SELECT row FROM chosen))
    RETURNING lease, position, attempts, replayed
)
SELECT * FROM leased ORDER BY position
"""
_ACK = "DELETE FROM deliveries WHERE subscription = $1 AND lease = ANY ($2::uuid[]) RETURNING position"
_NACK = """
UPDATE deliveries SET lease = NULL, leased_until = NULL, changed_at = now(),
    due_at = now() + $3::interval, last_error = coalesce($4, deliveries.last_error),
    state = CASE WHEN attempts >= (subscriptions.settings ->> 'max_deliveries')::integer
        THEN 'parked' ELSE 'pending' END
FROM subscriptions
WHERE subscription = $1 AND lease = $2 AND subscriptions.id = $1 RETURNING position
"""
_PARK = """
UPDATE deliveries SET state = 'parked', lease = NULL, leased_until = NULL, changed_at = now(),
    last_error = coalesce($3, last_error)
WHERE subscription = $1 AND lease = $2 RETURNING position
"""
_EXTEND = """
UPDATE deliveries SET leased_until = now() + $3::interval
WHERE subscription = $1 AND lease = $2 RETURNING position
"""
_RELEASE = """
UPDATE deliveries SET state = 'pending', lease = NULL, leased_until = NULL, due_at = now(),
    changed_at = now(), attempts = attempts - 1
WHERE subscription = $1 AND lease = ANY ($2::uuid[])
"""
_REPLAY_PARKED = """
UPDATE deliveries SET state = 'pending', attempts = 0, due_at = now(), changed_at = now(), replayed = true
WHERE subscription = $1 AND state = 'parked' AND ($2::bigint[] IS NULL OR position = ANY ($2))
RETURNING position
"""
_TELL = "UPDATE subscriptions SET last_error = $2, last_error_at = now() WHERE id = $1"
_COUNTS = """
SELECT count(*) FILTER (WHERE deliveries.state = 'pending') AS pending,
    count(*) FILTER (WHERE deliveries.state = 'leased') AS leased,
    count(*) FILTER (WHERE deliveries.state = 'parked') AS parked,
    (SELECT position FROM log_head) - subscriptions.cursor AS unread, subscriptions.id
FROM subscriptions LEFT JOIN deliveries ON deliveries.subscription = subscriptions.id
WHERE subscriptions.id = ANY ($1::uuid[])
GROUP BY subscriptions.id
"""


@dataclass(frozen=True, slots=True)
class Leased:
    """One delivery in somebody's hands. `ack_id` ends it; `attempt` counts from 1."""

    ack_id: str
    subscription: UUID
    position: int
    attempt: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How a subscription stands, in events. `lag`: open ones, and those of the log yet to be looked at."""

    pending: int
    leased: int
    parked: int
    lag: int


class Queue:
    """All subscriptions' deliveries. What asks the database raises Unavailable when that is away.

    An `ack_id` that is not (or no longer) one of the subscription's leases, or no id at all, is
    answered with 0 or False; nothing happens. `news` hears of what may have become due.
    """

    def __init__(self, pool: Pool, news: DeliveryNews | None = None) -> None:
        self._pool = pool
        self._news = news

    async def lease(self, subscription: UUID, *, max: int, seconds: float) -> list[Leased]:
        """Up to `max` deliveries that are due, ascending, each of another stream, for so many seconds.

        None while the subscription is paused or disabled, or the token that it was made with is revoked
        or expired. What ran out of its last allowed lease is parked.
        """
        with unavailable_when_away():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_TURN, str(subscription))
                allowed = await connection.fetchrow(_MAY_LEASE, subscription)
                if allowed is None:
                    return []
                if allowed["most"] is not None:
                    await connection.execute(_PARK_EXHAUSTED, subscription, allowed["most"], TIMED_OUT)
                span = timedelta(seconds=seconds)
                rows = await connection.fetch(_LEASE, subscription, max, span, TIMED_OUT)
        return [Leased(str(r[0]), subscription, r["position"], r["attempts"], r["replayed"]) for r in rows]

    async def ack(self, subscription: UUID, ack_ids: Sequence[str]) -> int:
        """These are delivered; returns how many of them still had their lease."""
        leases = [lease for ack_id in ack_ids if (lease := _lease(ack_id)) is not None]
        return self._told(subscription, len(await self._fetch(_ACK, subscription, leases)))

    async def nack(self, subscription: UUID, ack_id: str, *, delay: float = 0, error: str = "") -> bool:
        """This was not delivered: try again in `delay` seconds, or park it if that was the last time."""
        return await self._end(_NACK, subscription, ack_id, timedelta(seconds=delay), error=error)

    async def park(self, subscription: UUID, ack_id: str, *, error: str) -> bool:
        """This cannot be delivered; it waits aside, and no longer holds back its stream."""
        return await self._end(_PARK, subscription, ack_id, error=error)

    async def skip(self, subscription: UUID, ack_id: str) -> bool:
        """This need not be delivered."""
        return await self.ack(subscription, [ack_id]) > 0

    async def release(self, subscription: UUID, ack_ids: Sequence[str]) -> None:
        """Give back what nobody tried to deliver: it is due at once, and the attempt does not count."""
        leases = [lease for ack_id in ack_ids if (lease := _lease(ack_id)) is not None]
        if leases:
            await self._fetch(_RELEASE, subscription, leases)
            self._told(subscription, len(leases))

    async def extend(self, subscription: UUID, ack_id: str, *, seconds: float) -> bool:
        """Let a lease end in so many seconds from now."""
        lease = _lease(ack_id)
        if lease is None:
            return False
        return bool(await self._fetch(_EXTEND, subscription, lease, timedelta(seconds=seconds)))

    async def replay_parked(self, subscription: UUID, positions: Sequence[int] | None) -> int:
        """Take these (None: all) parked deliveries up again, marked as replayed; returns how many."""
        return self._told(subscription, len(await self._fetch(_REPLAY_PARKED, subscription, positions)))

    async def counts(self, subscription: UUID) -> Counts:
        """How it stands; all zero for an unknown one."""
        return (await self.counts_of([subscription])).get(subscription, Counts(0, 0, 0, 0))

    async def counts_of(self, subscriptions: Sequence[UUID]) -> dict[UUID, Counts]:
        """How each of these stands, in one query; unknown ones are left out."""
        rows = await self._fetch(_COUNTS, list(subscriptions))
        return {
            row["id"]: Counts(
                row["pending"],
                row["leased"],
                row["parked"],
                max(0, row["unread"]) + row["pending"] + row["leased"],
            )
            for row in rows
        }

    async def _end(self, statement: str, subscription: UUID, ack_id: str, *values: Any, error: str) -> bool:
        """End a lease with an error, which is then also the subscription's last one."""
        lease, kept = _lease(ack_id), _printable(error)
        if lease is None:
            return False
        with unavailable_when_away():
            async with self._pool.acquire() as connection, connection.transaction():
                found = await connection.fetchval(statement, subscription, lease, *values, kept)
                if found is not None and kept is not None:
                    await connection.execute(_TELL, subscription, kept)
        return bool(self._told(subscription, int(found is not None)))

    def _told(self, subscription: UUID, count: int) -> int:
        if count and self._news is not None:
            self._news.tell([subscription])
        return count

    async def _fetch(self, statement: str, *values: object) -> list[Any]:
        with unavailable_when_away():
            rows: list[Any] = await self._pool.fetch(statement, *values)
        return rows


def _lease(ack_id: str) -> UUID | None:
    try:
        return UUID(ack_id)
    except ValueError:
        return None


def _printable(error: str) -> str | None:
    """An error as it can be stored and shown; None for an empty one."""
    return "".join(c if c.isprintable() else " " for c in error[:ERROR_LENGTH]).strip() or None
