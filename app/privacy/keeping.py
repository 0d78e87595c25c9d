"""Where text has to stay although its author is erased: in processes that have a legal ground for it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.database.failures import unavailable_when_away
from app.documents import redaction
from app.privacy.requests import Erasure
from app.system import System
from domain.process import Exemption, Process

_WORDED = "SELECT DISTINCT stream FROM events WHERE actor = $1 AND type = 'document.version_named'"
_PLACES = "SELECT process, stream FROM events WHERE type = 'document.created' AND stream = ANY ($1::uuid[])"


@dataclass(frozen=True, slots=True)
class Kept:
    """A process in which text stays, why, and the documents there in which the person wrote."""

    process: UUID
    title: str
    ground: Exemption
    documents: list[UUID]


async def documents(system: System, erasure: Erasure) -> list[UUID]:
    """The documents that an erasure leaves as they are: as it was begun, or by what holds now."""
    if erasure.kept is not None or erasure.text != "redact":
        return erasure.kept or []
    found = await kept_of(system, erasure.person)
    return sorted(document for kept in found for document in kept.documents)


async def kept_of(system: System, person: UUID) -> list[Kept]:
    """Where a person's text would stay if they were erased now; raises Unavailable."""
    with unavailable_when_away():
        written = set(await redaction.written_in(system.pool, person))
        written |= {row[0] for row in await system.pool.fetch(_WORDED, person)}
        rows = await system.pool.fetch(_PLACES, list(written))
    places: dict[UUID, list[UUID]] = {}
    for process, document in rows:
        places.setdefault(process, []).append(document)
    found: list[Kept] = []
    for process, there in sorted(places.items()):
        aggregate = await system.repository.load(Process, process)
        if aggregate.kept_for is not None:
            found.append(Kept(process, aggregate.title, aggregate.kept_for, sorted(there)))
    return found
