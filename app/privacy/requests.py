"""Requests to be erased: made, called back until they are begun, and found again after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from domain.errors import Conflict, Invalid, NotFound
from domain.person import BASES, FATES

_COLUMNS = "id, person, basis, text, asked_by, asked_at, due_at, begun_at, finished_at, kept"
_ASK = f"""
INSERT INTO erasures (id, person, basis, text, asked_by, due_at, kept)
VALUES ($1, $2, $3, $4, $5, now() + $6, $7)
ON CONFLICT (person) WHERE finished_at IS NULL DO UPDATE
SET basis = excluded.basis, text = excluded.text, asked_by = excluded.asked_by, id = excluded.id,
    kept = excluded.kept, due_at = least(erasures.due_at, excluded.due_at)
WHERE erasures.begun_at IS NULL
RETURNING {_COLUMNS}
"""
_PENDING = f"SELECT {_COLUMNS} FROM erasures WHERE person = $1 AND finished_at IS NULL"
_FINISHED = f"""
SELECT {_COLUMNS} FROM erasures WHERE person = $1 AND text = $2 AND finished_at IS NOT NULL
ORDER BY finished_at, id
"""
_CALL_BACK = """
DELETE FROM erasures WHERE person = $1 AND finished_at IS NULL AND begun_at IS NULL RETURNING id
"""
_DUE = f"""
SELECT {_COLUMNS} FROM erasures
WHERE finished_at IS NULL AND (due_at <= now() OR begun_at IS NOT NULL) ORDER BY due_at, id LIMIT 100
"""
_BEGIN = f"""
UPDATE erasures SET begun_at = coalesce(begun_at, now()), kept = coalesce(kept, $2)
WHERE id = $1 AND finished_at IS NULL RETURNING {_COLUMNS}
"""
_FINISH = "UPDATE erasures SET finished_at = now() WHERE id = $1 AND finished_at IS NULL"
_BEGUN = f"SELECT {_COLUMNS} FROM erasures WHERE begun_at IS NOT NULL ORDER BY begun_at, id"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One request. Times are UTC; once `begun_at` is set nobody calls it back.

    `kept` are the documents in which text stays, on a legal ground that their process has; None until
    it begins.
    """

    id: UUID
    person: UUID
    basis: str
    text: str
    asked_by: UUID | None
    asked_at: datetime
    due_at: datetime
    begun_at: datetime | None
    finished_at: datetime | None
    kept: list[UUID] | None = None


def erasure_id(person: UUID, text: str, number: int = 0) -> UUID:
    """The same for the same wish about a person, so that it is carried out once, also after a restore.

    `number` counts those before it that had to keep something.
    """
    return uuid5(person, f"erasure {text} {number}" if number else f"erasure {text}")


class ErasureRequests:
    """The requests of one installation. Everything raises Unavailable when the database is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ask(
        self,
        person: UUID,
        *,
        basis: str,
        text: str,
        by: UUID | None,
        delay: timedelta,
        kept: list[UUID] | None = None,
    ) -> Erasure:
        """Ask that somebody be erased after `delay`; asked again it keeps the earlier day.

        What was done is found done, unless it had to keep something: then that is looked at anew.
        `kept`: what it kept when it was done before (see erasure_list).
        Raises Invalid, and Conflict if it has begun already.
        """
        if basis not in BASES:
            raise Invalid(f"a ground is one of {', '.join(BASES)}", code="basis_unknown", field="basis")
        if text not in FATES:
            raise Invalid(f"text is one of {', '.join(FATES)}", code="fate_unknown", field="text")
        done = await self._all(_FINISHED, person, text)
        for each in done:
            if not each.kept or each.kept == kept:
                return each
        id = erasure_id(person, text, len(done))
        asked = await self._one(_ASK, id, person, basis, text, by, delay, kept)
        if asked is None:
            raise Conflict("the erasure has begun", code="erasure_begun")
        return asked

    async def pending(self, person: UUID) -> Erasure | None:
        """What is asked for this person and not finished."""
        return await self._one(_PENDING, person)

    async def call_back(self, person: UUID) -> None:
        """Forget the request; raises NotFound, and Conflict if it has begun."""
        with unavailable_when_away():
            gone = await self._pool.fetchval(_CALL_BACK, person)
        if gone is None:
            if await self.pending(person) is not None:
                raise Conflict("the erasure has begun", code="erasure_begun")
            raise NotFound("no erasure is asked for")

    async def due(self) -> list[Erasure]:
        """Requests whose time has come, and those that a crash interrupted; at most 100."""
        return await self._all(_DUE)

    async def begun(self) -> list[Erasure]:
        """Everything that has begun, finished or not, oldest first."""
        return await self._all(_BEGUN)

    async def begin(self, id: UUID, kept: list[UUID]) -> Erasure:
        """From now on it is carried out, but for these documents; raises NotFound if it was called back."""
        begun = await self._one(_BEGIN, id, kept)
        if begun is None:
            raise NotFound("no such request")
        return begun

    async def finish(self, id: UUID) -> None:
        """All of it is done."""
        with unavailable_when_away():
            await self._pool.execute(_FINISH, id)

    async def _one(self, statement: str, *values: object) -> Erasure | None:
        with unavailable_when_away():
            row = await self._pool.fetchrow(statement, *values)
        return Erasure(**row) if row else None

    async def _all(self, statement: str, *values: object) -> list[Erasure]:
        with unavailable_when_away():
            rows = await self._pool.fetch(statement, *values)
        return [Erasure(**row) for row in rows]
