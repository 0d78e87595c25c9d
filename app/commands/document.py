"""What people do with a document's past: name a version of it, bring one back."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import cast
from uuid import UUID

from eventsourcing.domain import AggregateEvent

from app.authorization import DocumentAccess
from app.commands import Done, new_id, once
from app.door import TurnedAway, Visitor, admission
from app.system import System
from domain.catalogue import EVENTS
from domain.document import Document
from domain.errors import Conflict, Forbidden, NotFound, Unavailable
from domain.ports import Appended, Context, EventFilter
from realtime.delivery import deliver
from realtime.protocol import Close
from realtime.seat import Refused
from realtime.update import EMPTY

_SEALING = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds before each try: another may be at it


async def name_version(
    system: System, context: Context, *, document: UUID, name: str, reason: str = "", at: int | None = None
) -> Done:
    """Name the content at a log position, or (None) what is committed now.

    Needs `edit`; raises Invalid, Forbidden, NotFound, Conflict (the document is out of use), Unavailable.
    """
    version = new_id(context, "version")

    async def change() -> Appended:
        access = await _editable(system, context, document)
        if at is None:
            await _seal(system, document)
        through = await system.history.moment(document, await system.log.head() if at is None else at)
        found = await system.repository.created(Document, document)
        found.name_version(version=version, name=name, reason=reason, through=through)
        return await _append(system, context, found, access)

    return Done(version, await once(system, context, change))


async def restore_version(system: System, context: Context, *, document: UUID, version: UUID) -> Done:
    """Bring back a named version; see `restore`. Raises NotFound also if it is another document's."""
    await _editable(system, context, document)
    where = EventFilter(types=(Document.VersionNamed.TOPIC,), stream=document, tags=(f"version:{version}",))
    found = await system.log.read(where=where, limit=1)
    if not found:
        raise NotFound("no such version")
    return await restore(
        system, context, document=document, at=EVENTS.payload(found[0])["through"], version=version
    )


async def restore(
    system: System, context: Context, *, document: UUID, at: int, version: UUID | None = None
) -> Done:
    """Bring back the content at a log position, by an edit of the actor's that live clients take in.

    What others write meanwhile stays. Needs `edit`; raises Forbidden, NotFound, Unavailable, Conflict
    (`document_disabled`; `nothing_to_restore`: it says that already).
    """

    async def change() -> Appended:
        access = await _editable(system, context, document)
        through = await system.history.moment(document, at)
        update = await system.history.restoration(document, through, _client(context))
        if update == EMPTY:
            raise Conflict("the document says that already", code="nothing_to_restore")
        if update is not None:  # else an earlier run of this command got as far as that
            await _write(system, context, document, update)
        await _seal(system, document)
        found = await system.repository.created(Document, document)
        found.note_restored(through=through, version=version)
        return await _append(system, context, found, access)

    return Done(document, await once(system, context, change))


def _client(context: Context) -> int:
    """A Yjs client id of this command's own: run again, it finds its edit instead of making another."""
    return int.from_bytes(hashlib.sha256(b"yjs client" + context.command_id.bytes).digest()[:4])


async def _editable(system: System, context: Context, document: UUID) -> DocumentAccess:
    access = await system.authorization.document(context.actor, document)
    if "edit" not in access.rights:
        raise Forbidden("this needs the right to edit")
    if not access.enabled:
        raise Conflict("this document is out of use", code="document_disabled")
    return access


async def _write(system: System, context: Context, document: UUID, update: bytes) -> None:
    if context.actor is None:
        raise Forbidden("only somebody who has signed in writes")
    try:
        admitted = await admission(system, Visitor(context.actor, may_write=True), document)
        await deliver(system.hub, admitted, update)
    except (TurnedAway, Refused) as refusal:
        if refusal.code == Close.NOT_FOUND:
            raise NotFound("no such document") from None
        if refusal.code == Close.FORBIDDEN:
            raise Forbidden("this needs the right to edit") from None
        if refusal.code == Close.TOO_LARGE:
            raise Conflict("the document is too large for that", code="document_too_large") from None
        raise Unavailable("the document can't be written just now") from None


async def _seal(system: System, document: UUID) -> None:
    """Have everything committed in the log, so that what is said next comes after it."""
    for pause in _SEALING:
        await asyncio.sleep(pause)
        if await system.hub.seal(document):
            return
    raise Unavailable("the document can't be sealed just now")


async def _append(system: System, context: Context, document: Document, access: DocumentAccess) -> Appended:
    """Store what happened, whatever bursts came meanwhile."""
    events = [
        replace(EVENTS.encode(cast(AggregateEvent, event), process=access.process), version=None)
        for event in document.collect_events()
    ]
    return await system.log.append(events, context)
