"""Brings new events of the log to the subscriptions that want them.

One node of all does it: the one that holds the advisory lock. Each round reads on from where every
subscription stands (those that stand at the same place share the reading), keeps what fits its filter
and may be seen by its owner now, and stores rows and cursors in one statement. That statement leaves
alone what was sought, paused or changed meanwhile, so that also two nodes at once do no harm.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import structlog
from asyncpg import Record

from app.database.failures import is_away, unavailable_when_away
from app.events.access import EventAccess
from app.events.filters import Filter
from app.subscriptions.subscription import CREDENTIAL_ENDED
from app.system import System
from domain.errors import Unavailable
from domain.ports import EventFilter, RecordedEvent

log = structlog.get_logger(__name__)

OPEN = 1_000  # open deliveries from which on a subscription gets no more
HELD = 10_000  # deliveries, parked ones too, from which on it gets no more
CHUNK = 200  # events
ROWS = 2_000  # deliveries that are stored together
ROUND = 0.02  # seconds from one round to the next at least
IDLE = 0.5  # seconds after which a round is due although the log did not grow
RETRY = 1.0  # seconds
_LOCK = 7_035_991_008  # pg_advisory_lock key, arbitrary but fixed
_TRY_LEAD = "SELECT pg_try_advisory_lock($1)"

_DISABLE_ENDED = """
UPDATE subscriptions SET state = 'disabled', last_error = $1, last_error_at = now(), revision = revision + 1
WHERE state IN ('active', 'failing') AND credential IS NOT NULL AND NOT EXISTS (
    SELECT FROM access_tokens WHERE access_tokens.id = credential
    AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
)
"""
_HUNGRY = """
SELECT id, owner, filter, cursor, revision, replay_after, replay_through FROM subscriptions
WHERE state IN ('active', 'failing') AND (cursor < $1 OR replay_after IS NOT NULL)
AND (SELECT count(*) FROM (
    SELECT FROM deliveries WHERE subscription = subscriptions.id AND state <> 'parked' LIMIT $2
) AS few) < $2
AND (SELECT count(*) FROM (SELECT FROM deliveries WHERE subscription = subscriptions.id LIMIT $3) AS few) < $3
ORDER BY id
"""
_FEED = """
WITH moved AS (
    UPDATE subscriptions SET cursor = given.reached
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS given (id, revision, after, reached)
    WHERE subscriptions.id = given.id AND subscriptions.revision = given.revision
        AND cursor = given.after AND state IN ('active', 'failing')
    RETURNING subscriptions.id
)
INSERT INTO deliveries (subscription, position, stream)
SELECT moved.id, wanted.position, wanted.stream
FROM unnest($5::uuid[], $6::bigint[], $7::uuid[]) AS wanted (id, position, stream) JOIN moved USING (id)
ON CONFLICT (subscription, position) DO UPDATE
SET state = 'pending', attempts = 0, due_at = now(), changed_at = now() WHERE deliveries.state = 'parked'
"""
_REPLAY = """
WITH moved AS (
    UPDATE subscriptions SET
        replay_after = CASE WHEN $4 >= replay_through THEN NULL ELSE $4 END,
        replay_through = CASE WHEN $4 >= replay_through THEN NULL ELSE replay_through END
    WHERE id = $1 AND revision = $2 AND replay_after = $3 AND state IN ('active', 'failing')
    RETURNING id
)
INSERT INTO deliveries (subscription, position, stream, replayed)
SELECT moved.id, wanted.position, wanted.stream, true
FROM unnest($5::bigint[], $6::uuid[]) AS wanted (position, stream), moved
ON CONFLICT (subscription, position) DO UPDATE
SET state = 'pending', attempts = 0, due_at = now(), changed_at = now(), replayed = true
WHERE deliveries.state = 'parked'
"""


@dataclass(frozen=True, slots=True)
class _Portion:
    """What one subscription gets of one reading, and how far that came."""

    subscription: Record
    events: Sequence[RecordedEvent]
    reached: int


class _Round:
    """One pass over the log for all. What several subscriptions ask for is read and decided once.

    Access is decided after the events in question were read, and kept for these only: a right given
    before an event counts for it.
    """

    def __init__(self, system: System, head: int) -> None:
        self._system = system
        self._head = head
        self._read: dict[tuple[int, int, EventFilter], tuple[Sequence[RecordedEvent], int]] = {}
        self._access: dict[tuple[UUID, int, int, EventFilter], EventAccess] = {}

    async def portion(self, subscription: Record, after: int, through: int | None = None) -> _Portion:
        """What the subscription gets next after a position."""
        last = self._head if through is None else min(through, self._head)
        filter = Filter.parse(json.loads(subscription["filter"]))
        key = (after, last, filter.narrowed())
        if key not in self._read:
            self._read[key] = await self._chunk(*key)
        events, reached = self._read[key]
        owner = subscription["owner"]
        access = self._access.setdefault((owner, *key), EventAccess(self._system, owner))
        source = self._system.settings.address
        wanted = [event for event in events if filter.matches(event, source) and await access.may_see(event)]
        return _Portion(subscription, wanted, reached)

    async def _chunk(self, after: int, last: int, where: EventFilter) -> tuple[Sequence[RecordedEvent], int]:
        events = await self._system.log.read(after=after, before=last + 1, limit=CHUNK, where=where)
        return events, events[-1].position if len(events) == CHUNK else max(last, after)


class Feeder:
    """Feeds all subscriptions, for ever. `url` is where the lock is taken, on a connection of its own."""

    def __init__(self, system: System, url: str) -> None:
        self._system = system
        self._url = url
        self.leading = False

    async def run(self) -> None:
        """Lead, or wait to; after a failure again."""
        while True:
            try:
                connection = await asyncpg.connect(self._url, timeout=10, command_timeout=60)
                try:
                    await self._lead(connection)
                finally:
                    self.leading = False
                    connection.terminate()
            except Exception as error:  # whatever it was: subscriptions must come back by themselves
                if not is_away(error) and not isinstance(error, Unavailable):
                    log.exception("subscriptions_feeding_failed")
            await asyncio.sleep(RETRY)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        while True:  # not a blocking lock: its snapshot would hold back vacuum for days
            if await connection.fetchval(_TRY_LEAD, _LOCK):
                break
            await asyncio.sleep(RETRY)
        self.leading = True
        loop = asyncio.get_running_loop()
        checked = 0.0
        while not connection.is_closed():
            head = await self._system.log.head()
            if loop.time() - checked >= IDLE:
                checked = loop.time()
                await connection.execute(_DISABLE_ENDED, CREDENTIAL_ENDED)
            more = await self.feed(head)
            await asyncio.sleep(ROUND)
            if not more:
                await self._news(head)

    async def _news(self, head: int) -> None:
        try:
            await self._system.log.wait(head + 1, IDLE)
        except TimeoutError:
            return

    async def feed(self, head: int) -> bool:
        """One round over all that are behind; returns whether one is due again at once.

        A subscription that cannot be fed is told of in the log and does not hold up the others.
        """
        with unavailable_when_away():
            hungry = await self._system.pool.fetch(_HUNGRY, head, OPEN, HELD)
        reading = _Round(self._system, head)
        portions: list[_Portion] = []
        more = False
        for subscription in hungry:
            try:
                if subscription["replay_after"] is not None:
                    more |= await self._replay(reading, subscription)
                if subscription["cursor"] < head:
                    portions.append(await reading.portion(subscription, subscription["cursor"]))
            except Unavailable:
                raise
            except Exception:
                log.exception("subscription_not_fed", subscription=str(subscription["id"]))
                continue
            if sum(len(portion.events) for portion in portions) >= ROWS:
                await self._store(portions)
                more, portions = True, []
        await self._store(portions)
        return more or any(portion.reached < head for portion in portions)

    async def _store(self, portions: Sequence[_Portion]) -> None:
        """Move the cursors and add the rows, for all of them in one statement."""
        rows = [(p.subscription["id"], event) for p in portions for event in p.events]
        if not portions:
            return
        with unavailable_when_away():
            await self._system.pool.execute(
                _FEED,
                [p.subscription["id"] for p in portions],
                [p.subscription["revision"] for p in portions],
                [p.subscription["cursor"] for p in portions],
                [p.reached for p in portions],
                [id for id, _ in rows],
                [event.position for _, event in rows],
                [event.stream for _, event in rows],
            )
        self._system.news.tell({id for id, _ in rows})

    async def _replay(self, reading: _Round, subscription: Record) -> bool:
        """One step of a replay; returns whether there is more of it."""
        after, through = subscription["replay_after"], subscription["replay_through"]
        portion = await reading.portion(subscription, after, through)
        with unavailable_when_away():
            await self._system.pool.execute(
                _REPLAY,
                subscription["id"],
                subscription["revision"],
                after,
                portion.reached,
                [event.position for event in portion.events],
                [event.stream for event in portion.events],
            )
        if portion.events:
            self._system.news.tell([subscription["id"]])
        return bool(portion.reached < through)
