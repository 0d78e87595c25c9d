"""What people do: one plain function per command, one file per noun.

Each checks the right first, loads what it changes at its newest version, lets the aggregate decide,
and saves. `context.actor` is the person acting. Ids of new things follow from
`context.command_id`, so that a command run twice is done once and answers the same.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid5

from app.system import System
from domain.errors import Conflict, DomainError, VersionConflict
from domain.ports import Appended, Context

ATTEMPTS = 12
_PAUSE, _LONGEST = 0.01, 0.64  # seconds; doubles with each attempt


@dataclass(frozen=True, slots=True)
class Done:
    """What a command answers: the thing it made or changed, and the log position of its last event.

    `document` is the live document of a new asset, if it has one. A command that found nothing to
    change answers with a position at which that was so.
    """

    id: UUID
    position: int
    document: UUID | None = None


def new_id(context: Context, noun: str) -> UUID:
    """The id of the thing that this command makes."""
    return uuid5(context.command_id, noun)


async def once(system: System, context: Context, change: Callable[[], Awaitable[Appended]]) -> int:
    """Run `change` so that it happens once; returns the position of its last event.

    `change` loads, decides and saves. If somebody else wrote the same stream meanwhile it is run
    again, up to 12 times, on what is there then; after that VersionConflict is raised. If it is
    refused because this very command was carried out before (its node exists already, its
    author has given up the right), the first result stands. Raises what `change` raises.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            appended = await change()
        except DomainError as refusal:
            first = await system.log.result_of(context.command_id)
            if first is not None:
                return await _own(system, context, first)
            if not isinstance(refusal, VersionConflict) or attempt == ATTEMPTS:
                raise
            await asyncio.sleep(random.uniform(0, min(_PAUSE * 2 ** (attempt - 1), _LONGEST)))
        else:
            return await _own(system, context, appended)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _own(system: System, context: Context, appended: Appended) -> int:
    """The position, unless the command id was used by somebody else: then raises Conflict."""
    if appended.repeated:
        [event] = await system.log.read(after=appended.first - 1, limit=1)
        if event.actor != context.actor:
            raise Conflict("this command id is in use", code="command_reused")
    return appended.last
