"""Profiles: who the people behind the ids are. Outside the log, so that they can be erased."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID, uuid4

from asyncpg import Record
from eventsourcing.domain import AggregateEvent

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.shared_reads import SharedReads
from domain import text
from domain.catalogue import EVENTS
from domain.errors import Conflict, Invalid, NotFound
from domain.person import Person
from domain.ports import Context, EventLog

COLOURS = (
    "#b3261e", "#9c4221", "#8a5a00", "#6b6b00", "#4d7c0f", "#2e7d32", "#00796b", "#00717f",
    "#0369a1", "#1d4ed8", "#4338ca", "#6d28d9", "#86198f", "#a21a5b", "#9f1239", "#5d4037",
)  # fmt: skip
"""Each has a contrast of at least 4.5 : 1 with white (WCAG 2.2, success criterion 1.4.3)."""

_COLUMNS = "id AS person, email, name, language, colour"
_INSERT = """
INSERT INTO persons (id, email, name, language, colour) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (email) DO NOTHING RETURNING id
"""
_BY_EMAIL = f"SELECT {_COLUMNS} FROM persons WHERE email = $1"
_BY_IDS = f"SELECT {_COLUMNS} FROM persons WHERE id = ANY($1)"
_UPDATE = f"""
UPDATE persons SET name = coalesce($2, name), language = coalesce($3, language)
WHERE id = $1 RETURNING {_COLUMNS}
"""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person shows to others, and their e-mail, which others don't see.

    `language` is a BCP 47 tag; `colour` is `#rrggbb`, readable on white.
    """

    person: UUID
    email: str
    name: str
    language: str
    colour: str


class People:
    """All profiles of this installation. Everything raises Unavailable when the database is away."""

    def __init__(self, pool: Pool, log: EventLog) -> None:
        self._pool = pool
        self._log = log
        self._reads = SharedReads()

    async def register(self, context: Context | None, *, email: str, name: str, language: str) -> Profile:
        """The profile with this e-mail (compared without case), made now if there is none.

        A profile found is left as it is. Of several registrations at once, one makes the person
        and all find it. Raises Invalid.
        """
        email, name, language = text.email(email), text.name(name), text.language(language)
        found = await self.by_email(email)
        if found is not None:
            return found
        person = uuid4()  # never derived from the e-mail: an id in the log must not lead back to it
        profile = Profile(person, email, name, language, COLOURS[person.int % len(COLOURS)])
        context = context or Context()
        with suppress(_EmailTaken):
            await self._append(profile, context if context.actor else replace(context, actor=person))
        return await self._registered(email)

    async def get(self, person: UUID) -> Profile:
        """The profile; raises NotFound."""
        found = await self.names([person])
        if person not in found:
            raise NotFound("no such person")
        return found[person]

    async def names(self, persons: Iterable[UUID]) -> dict[UUID, Profile]:
        """The profiles of those who have one, in one query."""
        wanted = frozenset(persons)
        with unavailable_when_away():
            rows = await self._reads.read(wanted, lambda: self._pool.fetch(_BY_IDS, list(wanted)))
        return {row["person"]: Profile(**row) for row in rows}

    async def by_email(self, email: str) -> Profile | None:
        """The profile with this e-mail, compared without case."""
        try:
            row = await self._one(_BY_EMAIL, text.email(email))
        except Invalid:
            return None
        return Profile(**row) if row else None

    async def update(self, person: UUID, *, name: str | None = None, language: str | None = None) -> Profile:
        """Change what is given; raises Invalid, NotFound."""
        name = None if name is None else text.name(name)
        language = None if language is None else text.language(language)
        row = await self._one(_UPDATE, person, name, language)
        if row is None:
            raise NotFound("no such person")
        return Profile(**row)

    async def _one(self, statement: str, *values: object) -> Record | None:
        with unavailable_when_away():
            return await self._pool.fetchrow(statement, *values)

    async def _append(self, profile: Profile, context: Context) -> None:
        """The event and the row, in one transaction."""

        async def insert(connection: Any) -> None:
            values = (profile.person, profile.email, profile.name, profile.language, profile.colour)
            if await connection.fetchval(_INSERT, *values) is None:
                raise _EmailTaken("this e-mail belongs to somebody")

        [event] = Person.register(profile.person).collect_events()
        await self._log.append([EVENTS.encode(cast(AggregateEvent, event))], context, alongside=insert)

    async def _registered(self, email: str) -> Profile:
        found = await self.by_email(email)
        if found is None:
            raise Conflict("this command registered somebody else", code="command_reused")
        return found


class _EmailTaken(Conflict):
    """Somebody registered the same e-mail a moment ago."""
