"""Subscriptions in PostgreSQL: what their owners do with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog import reading
from app.events.filters import Filter
from app.subscriptions.subscription import PER_PERSON, NewSubscription, Parked, Subscription
from domain.errors import Conflict, NotFound
from domain.ports import RecordedEvent

_COLUMNS = """
id, owner, credential, kind, name, filter, settings, start, state, cursor,
    last_error, last_error_at, created_at
"""
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 7035991009))"
_CREATE = f"""
INSERT INTO subscriptions (id, owner, credential, kind, name, filter, settings, start, cursor)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
WHERE (SELECT count(*) FROM subscriptions WHERE owner = $2) < $10
RETURNING {_COLUMNS}
"""
_GET = f"SELECT {_COLUMNS} FROM subscriptions WHERE id = $1 AND owner = $2"
_LIST = f"SELECT {_COLUMNS} FROM subscriptions WHERE owner = $1 ORDER BY created_at DESC, id"
_CHANGE = f"""
UPDATE subscriptions SET name = coalesce($3, name), filter = coalesce($4, filter),
    settings = settings || coalesce($5, '{{}}'::jsonb), revision = revision + 1
WHERE id = $1 AND owner = $2 RETURNING {_COLUMNS}
"""
_DELETE = "DELETE FROM subscriptions WHERE id = $1 AND owner = $2 RETURNING id"
_PAUSE = f"""
UPDATE subscriptions SET state = 'paused', revision = revision + 1
WHERE id = $1 AND owner = $2 RETURNING {_COLUMNS}
"""
_RESUME = f"""
UPDATE subscriptions SET state = 'active', credential = $3, revision = revision + 1
WHERE id = $1 AND owner = $2 RETURNING {_COLUMNS}
"""
_SEEK = f"""
UPDATE subscriptions SET cursor = $3, replay_after = NULL, replay_through = NULL, revision = revision + 1
WHERE id = $1 AND owner = $2 RETURNING {_COLUMNS}
"""
_DROP_OPEN = "DELETE FROM deliveries WHERE subscription = $1 AND state <> 'parked'"
_REPLAY = """
UPDATE subscriptions SET replay_after = $3, replay_through = least($4, cursor), revision = revision + 1
WHERE id = $1 AND owner = $2 AND replay_after IS NULL RETURNING id
"""
_PARKED = """
SELECT position, attempts, last_error AS error, changed_at AS since FROM deliveries
WHERE subscription = $1 AND state = 'parked' AND position > $2 ORDER BY position LIMIT $3
"""
_EVENTS = f"{reading.EVENT} WHERE position = ANY ($1::bigint[]) ORDER BY position"


class Subscriptions:
    """Everybody's subscriptions; each is there for its owner alone, and NotFound for anybody else.

    What asks the database raises Unavailable when that is away.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, new: NewSubscription) -> Subscription:
        """Store a new one; one with this id that is there already is the answer instead.

        Raises Conflict (the owner has as many as one may).
        """
        values = (
            *(new.id, new.owner, new.credential, new.kind, new.name),
            *(json.dumps(new.filter.to_json()), json.dumps(dict(new.settings)), new.start, new.cursor),
        )
        with unavailable_when_away():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_TURN, str(new.owner))
                row = await connection.fetchrow(_GET, new.id, new.owner)
                row = row or await connection.fetchrow(_CREATE, *values, PER_PERSON)
        if row is None:
            raise Conflict("delete a subscription first", code="too_many_subscriptions")
        return _subscription(row)

    async def get(self, owner: UUID, id: UUID) -> Subscription:
        """One of the owner's; raises NotFound."""
        return await self._one(_GET, id, owner)

    async def list(self, owner: UUID) -> list[Subscription]:
        """All of the owner's, newest first."""
        return [_subscription(row) for row in await self._fetch(_LIST, owner)]

    async def change(
        self,
        owner: UUID,
        id: UUID,
        *,
        name: str | None = None,
        filter: Filter | None = None,
        settings: dict[str, Any] | None = None,
    ) -> Subscription:
        """Change what is given; a new filter holds for what was not yet looked at. Raises NotFound."""
        wanted = None if filter is None else json.dumps(filter.to_json())
        return await self._one(
            _CHANGE, id, owner, name, wanted, None if settings is None else json.dumps(settings)
        )

    async def delete(self, owner: UUID, id: UUID) -> None:
        """End it, with all that it has yet to deliver; raises NotFound."""
        if not await self._fetch(_DELETE, id, owner):
            raise NotFound("no such subscription")

    async def pause(self, owner: UUID, id: UUID) -> Subscription:
        """Hand out nothing until it is resumed; raises NotFound."""
        return await self._one(_PAUSE, id, owner)

    async def resume(self, owner: UUID, id: UUID, credential: UUID | None) -> Subscription:
        """Go on where it stood, from now on by this credential; raises NotFound."""
        return await self._one(_RESUME, id, owner, credential)

    async def seek(self, owner: UUID, id: UUID, position: int) -> Subscription:
        """Go on after this position: what was open is dropped, what is parked stays. Raises NotFound."""
        with unavailable_when_away():
            async with self._pool.acquire() as connection, connection.transaction():
                row = await connection.fetchrow(_SEEK, id, owner, position)
                if row is None:
                    raise NotFound("no such subscription")
                await connection.execute(_DROP_OPEN, id)
        return _subscription(row)

    async def replay(self, owner: UUID, id: UUID, first: int, last: int) -> None:
        """Deliver what fits of these positions again, marked as replayed.

        What was not yet looked at comes anyway, unmarked. Raises NotFound, and Conflict while another
        replay is under way.
        """
        if not await self._fetch(_REPLAY, id, owner, first - 1, last):
            await self.get(owner, id)
            raise Conflict("another replay is under way", code="replay_under_way")

    async def parked(self, id: UUID, *, after: int, limit: int) -> Sequence[Parked]:
        """What is parked after a position, ascending."""
        return [Parked(**row) for row in await self._fetch(_PARKED, id, after, limit)]

    async def events(self, positions: Sequence[int]) -> dict[int, RecordedEvent]:
        """The events at these positions."""
        rows = await self._fetch(_EVENTS, positions)
        return {row["position"]: reading.event(row) for row in rows}

    async def _one(self, statement: str, *values: object) -> Subscription:
        rows = await self._fetch(statement, *values)
        if not rows:
            raise NotFound("no such subscription")
        return _subscription(rows[0])

    async def _fetch(self, statement: str, *values: object) -> Sequence[Record]:
        with unavailable_when_away():
            rows: Sequence[Record] = await self._pool.fetch(statement, *values)
        return rows


def _subscription(row: Record) -> Subscription:
    values = dict(row)
    values["filter"] = Filter.parse(json.loads(row["filter"]))
    values["settings"] = json.loads(row["settings"])
    return Subscription(**values)
