"""Takes what a person wrote out of the documents they wrote in: out of log, snapshots and live replicas.

Three steps. `stage` writes what is to take the place of events into `event_rewrites`; `apply` belongs to
the transaction that replaces them (`rewrite_events`); `replaced` brings the news to what is in memory.

Redacted is all that the person inserted, and what others' edits inserted of the person's deleted text:
whoever undoes a deletion, splits a paragraph or brings a version back writes it again in their own name.
The rule for that is in realtime/reinsertion.py.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.database.failures import unavailable_when_away
from app.documents.postgres import EDITED, EPOCH, NOT_SET_ASIDE, SNAPSHOT_LOCK
from app.eventlog.leaf import SALT_SIZE, commitment
from domain.errors import Unavailable
from realtime.redaction import redact, redact_runs
from realtime.reinsertion import Delivery, reinserted
from realtime.update import EMPTY
from realtime.wire import Malformed

if TYPE_CHECKING:
    from app.database.postgres import Pool
    from app.system import System

DOCUMENTS = """
SELECT document_id FROM document_clients WHERE person_id = $1
UNION SELECT document_id FROM document_updates WHERE person_id = $1
UNION SELECT stream FROM events WHERE type = $2 AND actor = $1
ORDER BY 1
"""
UNSEALED = f"""
SELECT DISTINCT document_id FROM document_updates
WHERE document_id = ANY($1::uuid[]) AND person_id = $2 AND {NOT_SET_ASIDE}
"""
CLIENTS = "SELECT client_id FROM document_clients WHERE document_id = $1 AND person_id = $2"
BURSTS = """
SELECT position, actor, payload, attachment, coalesce(commitment, sha256(salt || payload)) AS commitment
FROM events WHERE stream = $1 AND type = $2 AND position <= $3 ORDER BY position
"""
STAGE = """
INSERT INTO event_rewrites (erasure, position, payload, attachment, salt) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (erasure, position) DO UPDATE
SET payload = excluded.payload, attachment = excluded.attachment, salt = excluded.salt
"""
MOVED = f"""
SELECT EXISTS (
    SELECT FROM events WHERE type = $3 AND position > $2 AND actor = $1 AND stream <> ALL ($4::uuid[])
) OR EXISTS (
    SELECT FROM document_updates
    WHERE person_id = $1 AND document_id <> ALL ($4::uuid[]) AND {NOT_SET_ASIDE}
)
"""
EMPTY_ROWS = "UPDATE document_updates SET update = $2 WHERE person_id = $1 AND document_id = ANY ($3::uuid[])"
DROP_SNAPSHOTS = "DELETE FROM document_snapshots WHERE document_id = ANY($1::uuid[])"
NEXT_EPOCH = """
INSERT INTO document_epochs (document_id, epoch) SELECT unnest($1::uuid[]), 1
ON CONFLICT (document_id) DO UPDATE SET epoch = document_epochs.epoch + 1
"""
_SEALED_WITHIN = 10.0  # seconds
_AGAIN = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Staged:
    """What waits in `event_rewrites`: made of the log up to position `head`.

    `documents` are those that were looked at, `kept` those that were not.
    `replaced`: of each event its position, the commitment under its leaf, and the new one (32 bytes each).
    """

    person: UUID
    erasure: UUID
    head: int
    documents: list[UUID]
    replaced: list[tuple[int, bytes, bytes]]
    kept: Sequence[UUID] = ()


async def stage(system: System, person: UUID, erasure: UUID, *, kept: Sequence[UUID] = ()) -> Staged:
    """Seal what a person wrote, and stage events without it; may be called again for the same erasure.

    What they wrote in `kept` stays. The person must not be able to write any more. Raises Unavailable if
    not all could be sealed.
    """
    await _seal(system, person, kept)
    head = await system.log.head()
    documents = await written_in(system.pool, person, kept)
    replaced: list[tuple[int, bytes, bytes]] = []
    for document in documents:
        bursts = await system.pool.fetch(BURSTS, document, EDITED, head)
        clients = {row[0] for row in await system.pool.fetch(CLIENTS, document, person)}
        for burst, update in await asyncio.to_thread(_redacted, bursts, person, clients):
            payload, salt = _payload(burst["payload"], update), os.urandom(SALT_SIZE)
            await system.pool.execute(STAGE, erasure, burst["position"], payload, update, salt)
            replaced.append((burst["position"], burst["commitment"], commitment(salt, payload)))
    return Staged(person, erasure, head, documents, sorted(replaced), list(kept))


async def apply(connection: Any, staged: Staged) -> None:
    """In the transaction that replaces the staged events: drop snapshots and begin a new epoch.

    Raises Unavailable if the person wrote more since: stage again.
    """
    for document in staged.documents:  # ascending: two erasures do not wait for each other
        await connection.execute(SNAPSHOT_LOCK, document)
    if await connection.fetchval(MOVED, staged.person, staged.head, EDITED, staged.kept):
        raise Unavailable("the person wrote more meanwhile; try again")
    await connection.execute(
        EMPTY_ROWS, staged.person, EMPTY, staged.documents
    )  # what is set aside, unreadable as it is
    await connection.execute(DROP_SNAPSHOTS, staged.documents)
    await connection.execute(NEXT_EPOCH, staged.documents)


async def replaced(system: System, documents: Sequence[UUID]) -> None:
    """After the commit, on every node: live replicas and kept histories lose what was redacted."""
    for document in documents:
        system.history.forget(document)
        await system.hub.redacted(document)


async def epoch(pool: Pool, document: UUID) -> int:
    """How often text was redacted from a document: what a browser keeps from an earlier epoch has to go."""
    with unavailable_when_away():
        counted: int = await pool.fetchval(EPOCH, document)
    return counted


async def written_in(pool: Pool, person: UUID, kept: Sequence[UUID] = ()) -> list[UUID]:
    """The documents in which a person wrote, ascending, but for those in `kept`."""
    rows = await pool.fetch(DOCUMENTS, person, EDITED)
    return [row[0] for row in rows if row[0] not in kept]


async def _seal(system: System, person: UUID, kept: Sequence[UUID]) -> None:
    """Put every row of a person into the log."""
    documents = await written_in(system.pool, person, kept)
    try:
        async with asyncio.timeout(_SEALED_WITHIN):
            while rows := await system.pool.fetch(UNSEALED, documents, person):
                sealed = [await system.hub.seal(row[0]) for row in rows]
                if not all(sealed):  # another node is at it
                    await asyncio.sleep(_AGAIN)
    except TimeoutError:
        raise Unavailable("not everything could be sealed; try again") from None


def _redacted(bursts: Sequence[Any], person: UUID, clients: set[int]) -> list[tuple[Any, bytes]]:
    """The bursts of one document that hold something of a person, with their updates without it."""
    deliveries = [
        Delivery(burst["position"], burst["actor"] == person, burst["attachment"] or EMPTY)
        for burst in bursts
    ]
    again = reinserted(deliveries)
    changed: list[tuple[Any, bytes]] = []
    for burst in bursts:
        before = burst["attachment"] or EMPTY
        own = burst["actor"] == person
        try:
            after = redact(before) if own else redact_runs(redact(before, clients), again)
        except Malformed:  # set aside as unreadable; nobody but its author can have anything in it
            after = EMPTY if own else before
        if after != before:
            changed.append((burst, after))
    return changed


def _payload(payload: bytes, update: bytes) -> bytes:
    """The payload of an edit with another update, in the log's canonical form."""
    values = json.loads(payload)
    values["update"] = {"sha256": sha256(update).hexdigest(), "size": len(update)}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
