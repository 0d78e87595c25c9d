"""Everything that is known of one person, as one JSON document, made piece by piece."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

from app.database.failures import unavailable_when_away
from app.events.cloud_events import encode
from app.system import System
from domain.document import Document
from domain.errors import DomainError, Unavailable
from domain.ports import EventFilter
from realtime.history.attribution import readable

_PAGE = 200  # events
_OWN = {
    "profile": "SELECT id AS person, email, name, language, colour, created_at FROM persons WHERE id = $1",
    "sessions": """
        SELECT created_at, last_seen_at, expires_at FROM sessions WHERE person = $1 ORDER BY created_at
    """,
    "tokens": """
        SELECT id, name, scopes, created_at, expires_at, last_used_at, revoked_at
        FROM access_tokens WHERE person = $1 ORDER BY created_at, id
    """,
    "subscriptions": """
        SELECT id, kind, name, filter, state, cursor, created_at
        FROM subscriptions WHERE owner = $1 ORDER BY created_at, id
    """,
    "erasures": "SELECT basis, text, asked_at, due_at FROM erasures WHERE person = $1",
    "rights": """
        SELECT permission, process, node, rights, granted_at, granted_by
        FROM view_access_grants WHERE grantee = $1 AND grantee_kind = 'person' ORDER BY position
    """,
}
"""What is asked for each member. Secrets are stored as hashes only, and these stay here."""

_DOCUMENTS = "SELECT DISTINCT document_id FROM document_clients WHERE person_id = $1 ORDER BY document_id"


async def my_data(system: System, person: UUID) -> AsyncIterator[bytes]:
    """The document in pieces, whatever its size: one object with a list for each kind of data.

    `texts` is what the person wrote and still stands in documents; `events` what they did, with the
    payloads as CloudEvents have them, what they have written since removed included. Raises Unavailable.
    """
    yield b"{"
    for name, statement in _OWN.items():
        with unavailable_when_away():
            rows = await system.pool.fetch(statement, person)
        yield _json(name) + b":" + _json([dict(row) for row in rows]) + b",\n"
    yield b'"texts":['
    async for piece in _separated(_texts(system, person)):
        yield piece
    yield b'],\n"events":['
    async for piece in _separated(_events(system, person)):
        yield piece
    yield b"]}\n"


async def _texts(system: System, person: UUID) -> AsyncIterator[bytes]:
    with unavailable_when_away():
        rows = await system.pool.fetch(_DOCUMENTS, person)
    for row in rows:
        document: UUID = row["document_id"]
        try:
            with unavailable_when_away():
                written = await _written(system, person, document)
        except Unavailable:
            raise
        except (DomainError, ValueError, RuntimeError) as error:
            yield _json({"document": document, "unreadable": type(error).__name__})
            continue
        if written:
            yield _json({"document": document, "written": written})


async def _written(system: System, person: UUID, document: UUID) -> list[str]:
    """The stretches of text in a document that are this person's, in reading order."""
    format = (await system.repository.created(Document, document)).format
    shown = await system.history.difference(document, format, None, None)
    mine = {moment for moment, who in shown.people.items() if who == person}
    parts = await asyncio.to_thread(lambda: list(readable(shown.content, format)))
    return list(_joined((text, run is not None and run.written in mine) for text, run in parts))


def _joined(parts: Iterable[tuple[str, bool]]) -> Iterable[str]:
    stretch = ""
    for text, mine in parts:
        if mine:
            stretch += text
        elif stretch:
            yield stretch
            stretch = ""
    if stretch:
        yield stretch


async def _events(system: System, person: UUID) -> AsyncIterator[bytes]:
    where, after = EventFilter(actor=person), 0
    while page := await system.log.read(after=after, where=where, limit=_PAGE):
        for event in page:
            yield encode(event, system.settings.address)
        after = page[-1].position


async def _separated(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    first = True
    async for piece in pieces:
        yield piece if first else b",\n" + piece
        first = False


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode()
