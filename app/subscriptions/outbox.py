"""What webhooks have to send, taken in handfuls, and what became of it, stored in handfuls.

A handful holds, of each stream, the oldest open deliveries up to the first that is not yet due: they are
for one sender to send one after another. Streams of which anything is on lease are left alone, so that
any number of nodes may take at the same time. One transaction takes for all webhooks, and one stores what
became of many messages, whoever they were for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from asyncpg import Record

from app.database.failures import PoolConnection, unavailable_when_away
from app.database.postgres import Pool
from app.subscriptions.delivery_log import Attempt, DeliveryLog
from app.subscriptions.webhook import WEBHOOK, Webhook, webhook

WEBHOOKS = 64  # that one handful is for
STREAM = 32  # deliveries of one stream in a handful
ERROR_LENGTH = 500  # characters of an error that are kept

# A lease that a crash of the database undoes is given again; that costs a double, and no wait for the disk.
_NO_WAIT = "SET LOCAL synchronous_commit = off"
# Whoever takes for the same webhook at this moment takes alone: the next must see what they took.
_READY = f"""
WITH ready AS MATERIALIZED (
    {WEBHOOK} WHERE kind = 'webhook' AND state IN ('active', 'failing') AND id <> ALL ($1::uuid[])
    AND EXISTS (
        SELECT FROM deliveries WHERE subscription = subscriptions.id AND (
            deliveries.state = 'pending' AND due_at <= statement_timestamp()
            OR deliveries.state = 'leased' AND leased_until <= statement_timestamp()
        )
    )
    AND NOT EXISTS (
        SELECT FROM webhook_quiet WHERE subscription = subscriptions.id AND until > statement_timestamp()
    )
    AND (
        credential IS NULL OR EXISTS (
            SELECT FROM access_tokens WHERE access_tokens.id = credential
            AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > statement_timestamp())
        )
    )
    ORDER BY random()
)
SELECT * FROM ready WHERE pg_try_advisory_xact_lock(hashtextextended(id::text, 7035991008)) LIMIT $2
"""
# The table is empty now and full then. Statistics of its empty moments make a join of it with itself take
# every row with every other; so rows are named by where they lie.
_TAKE = """
WITH open AS (
    SELECT ctid AS row, subscription, position, row_number() OVER stream_order AS place,
        bool_and(state = 'leased' OR due_at <= statement_timestamp()) OVER stream_order AS due,
        bool_or(state = 'leased' AND leased_until > statement_timestamp())
            OVER (PARTITION BY subscription, stream) AS taken
    FROM deliveries WHERE subscription = ANY ($1::uuid[]) AND state <> 'parked'
    WINDOW stream_order AS (PARTITION BY subscription, stream ORDER BY position)
), placed AS (
    SELECT row, subscription, row_number() OVER (PARTITION BY subscription ORDER BY position) AS place
    FROM open WHERE due AND NOT taken AND place <= $3
), leased AS (
    UPDATE deliveries SET state = 'leased', changed_at = now(),
        lease = gen_random_uuid(), leased_until = statement_timestamp() + $4::interval
    WHERE ctid = ANY (ARRAY(
        SELECT row FROM placed WHERE place <= ($2::integer[])[array_position($1::uuid[], subscription)]
    ))
    RETURNING subscription, position, stream, lease, attempts + 1 AS attempt, replayed
)
SELECT leased.*, (
    SELECT octet_length(payload) + coalesce(octet_length(attachment), 0) FROM events
    WHERE events.position = leased.position
) AS size
FROM leased ORDER BY subscription, position
"""
_DELIVERED = "DELETE FROM deliveries WHERE lease = ANY ($1::uuid[])"
_RETURNED = """
UPDATE deliveries SET lease = NULL, leased_until = NULL, changed_at = now(), state = given.state,
    due_at = now() + given.delay, attempts = attempts + given.tries,
    last_error = coalesce(given.error, last_error)
FROM unnest($1::uuid[], $2::text[], $3::interval[], $4::integer[], $5::text[])
    AS given (lease, state, delay, tries, error)
WHERE deliveries.lease = given.lease
"""
_WORK = "UPDATE subscriptions SET state = 'active' WHERE id = ANY ($1::uuid[]) AND state = 'failing'"
_FAIL = """
UPDATE subscriptions SET last_error = given.error, last_error_at = now(),
    state = CASE WHEN given.ended THEN 'disabled' WHEN state = 'active' THEN 'failing' ELSE state END,
    revision = revision + given.ended::integer
FROM unnest($1::uuid[], $2::text[], $3::boolean[]) AS given (id, error, ended)
WHERE subscriptions.id = given.id
"""
_BE_QUIET = """
INSERT INTO webhook_quiet (subscription, until)
SELECT id, now() + wish FROM unnest($1::uuid[], $2::interval[]) AS given (id, wish)
JOIN subscriptions USING (id)
ON CONFLICT (subscription) DO UPDATE SET until = greatest(webhook_quiet.until, excluded.until)
"""


@dataclass(frozen=True, slots=True)
class Due:
    """One delivery on lease. `attempt`: the how manieth this is; `size`: of the event, in bytes."""

    position: int
    stream: UUID
    lease: UUID
    attempt: int
    replayed: bool
    size: int


@dataclass(frozen=True, slots=True)
class Handful:
    """A webhook as it stands, and deliveries of it, ascending by position."""

    webhook: Webhook
    due: Sequence[Due]


@dataclass(frozen=True, slots=True)
class Returned:
    """What is not done: due again after `delay` seconds, or parked. No `error`: it was not tried."""

    lease: UUID
    delay: float = 0.0
    parked: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of some deliveries of a webhook, at what time (UTC); `attempt` if there was one.

    `error`: what its owner is told, None if there is nothing to tell. `gone`: it ends until its owner
    starts it again. `quiet`: for so many seconds its receiver is to be left alone, by all nodes.
    """

    webhook: Webhook
    at: datetime
    delivered: Sequence[UUID] = ()
    returned: Sequence[Returned] = ()
    attempt: Attempt | None = None
    error: str | None = None
    gone: bool = False
    quiet: float = 0.0

    @property
    def count(self) -> int:
        """Of how many deliveries."""
        return len(self.delivered) + len(self.returned)


class Outbox:
    """All that is to be sent to receivers. What asks the database raises Unavailable when that is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._log = DeliveryLog(pool)

    async def take(self, room: Mapping[UUID, int], *, otherwise: int, seconds: float) -> list[Handful]:
        """Lease what is due and may be sent now, for so many seconds.

        For each webhook at most as many deliveries as there is room for (`otherwise`: for those that are
        not named). None while it is paused or disabled, its receiver wants to be left alone, or the token
        that it was made with is no longer good.
        """
        full = [id for id, free in room.items() if free <= 0]
        with unavailable_when_away():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_NO_WAIT)
                ready = await connection.fetch(_READY, full, WEBHOOKS)
                if not ready:
                    return []
                webhooks = {row["id"]: webhook(row) for row in ready}
                most = [room.get(id, max(otherwise, found.batch)) for id, found in webhooks.items()]
                span = timedelta(seconds=seconds)
                rows = await connection.fetch(_TAKE, list(webhooks), most, STREAM, span)
        return [
            Handful(webhooks[id], [_due(row) for row in due])
            for id, due in groupby(rows, key=lambda row: row["subscription"])
        ]

    async def settle(self, results: Sequence[Result]) -> None:
        """Store what became of deliveries, together or not at all.

        Those that lost their lease meanwhile, and webhooks that are no more, are left alone.
        """
        with unavailable_when_away():
            async with self._pool.acquire() as connection, connection.transaction():
                delivered = [lease for result in results for lease in result.delivered]
                if delivered:
                    await connection.execute(_DELIVERED, delivered)
                await _give_back(connection, [one for result in results for one in result.returned])
                noted = [(r.webhook.id, r.attempt, r.at) for r in results if r.attempt is not None]
                await self._log.note_all(connection, noted)
                await _tell(connection, results)


async def _give_back(connection: PoolConnection, returned: Sequence[Returned]) -> None:
    if returned:
        await connection.execute(
            _RETURNED,
            [one.lease for one in returned],
            ["parked" if one.parked else "pending" for one in returned],
            [timedelta(seconds=one.delay) for one in returned],
            [int(one.error is not None) for one in returned],
            [one.error and one.error[:ERROR_LENGTH] for one in returned],
        )


async def _tell(connection: PoolConnection, results: Sequence[Result]) -> None:
    """Tell owners what failed, and what works again."""
    failed = {result.webhook.id: result for result in results if result.error is not None}
    for result in results:
        if result.gone:
            failed[result.webhook.id] = result
    works = _working(results) - set(failed)
    if works:
        await connection.execute(_WORK, sorted(works))
    if failed:
        ordered = [failed[id] for id in sorted(failed)]
        await connection.execute(
            _FAIL,
            [one.webhook.id for one in ordered],
            [one.error and one.error[:ERROR_LENGTH] for one in ordered],
            [one.gone for one in ordered],
        )
    quiet: dict[UUID, float] = {}
    for result in results:
        if result.quiet > quiet.get(result.webhook.id, 0.0):
            quiet[result.webhook.id] = result.quiet
    if quiet:
        spans = [timedelta(seconds=seconds) for seconds in quiet.values()]
        await connection.execute(_BE_QUIET, list(quiet), spans)


def _working(results: Sequence[Result]) -> set[UUID]:
    """Those known as failing to which something was delivered."""
    return {
        result.webhook.id
        for result in results
        if result.webhook.state == "failing" and result.attempt is not None and result.error is None
    }


def _due(row: Record) -> Due:
    return Due(
        row["position"], row["stream"], row["lease"], row["attempt"], row["replayed"], row["size"] or 0
    )
