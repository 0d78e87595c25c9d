"""What a person wrote into events themselves: fields that domain/ marks as `PERSONAL`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from app.privacy.requests import Erasure
from domain.catalogue import EVENTS
from domain.ports import EventFilter, EventLog
from domain.registry import dump

_PAGE = 500  # events
_VIEWED = "SELECT to_regclass('view_document_versions') IS NOT NULL"
_UNVIEW = """
UPDATE view_document_versions SET reason = ''
WHERE author = $1 AND reason <> '' AND document <> ALL ($2::uuid[])
"""


async def blanked(log: EventLog, erasure: Erasure) -> AsyncIterator[tuple[int, bytes, bytes | None]]:
    """(position, payload, attachment) of the person's events that hold words of theirs, without these."""
    kept = set(erasure.kept or ())
    marked = {entry.name: entry.personal_fields for entry in EVENTS if entry.personal_fields}
    where, after = EventFilter(types=tuple(marked), actor=erasure.person), 0
    while page := await log.read(after=after, where=where, limit=_PAGE):
        for event in page:
            payload: dict[str, Any] = json.loads(event.payload)
            blank = payload | {name: "" for name in marked[event.type] if name in payload}
            if blank != payload and event.stream not in kept:
                yield event.position, dump(blank), event.attachment
        after = page[-1].position


async def forget(connection: Any, erasure: Erasure) -> None:
    """Take the same words out of the views, which have read all that the person did."""
    if erasure.text == "redact" and await connection.fetchval(_VIEWED):
        await connection.execute(_UNVIEW, erasure.person, erasure.kept or [])
