"""Live documents, read: where they stand, what they say, who edited them; and tickets to edit them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from app.api.writing import Items, Output, Paging
from app.authorization import DocumentAccess
from app.conversion.answers import READABLE_AS, Shown, shown
from app.conversion.converter import Content
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.moments import position_of
from domain.document import Format
from domain.errors import Conflict
from domain.rights import RIGHTS, Right
from projections import documents


class Document(Output):
    """A live document. `rights` are the reader's; `edited` tells of the newest edit in the log."""

    id: UUID
    asset: UUID
    process: UUID
    node: UUID
    title: str
    format: Format
    language: str
    enabled: bool
    rights: list[Right]
    edits: int = 0
    edited: datetime | None = None
    edited_by: UUID | None = None


class Wanted(Input):
    """As what to read it: text, markdown, html, or json (after ProseMirror; plain text as {"text"}).

    `at` is a log position or an RFC 3339 time; absent: now.
    """

    format: Shown = "json"
    at: str | None = Field(None, min_length=1, max_length=40)


class Burst(Output):
    """One person's burst of editing. `added` and `removed` count UTF-16 units and other CRDT items."""

    position: int
    author: UUID | None
    author_name: str | None
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    edits: int
    added: int
    removed: int


class TicketFor(Input):
    """The document to open."""

    document: UUID


class Ticket(Output):
    """What to give as `?token=` when connecting; good for reconnects until it expires."""

    token: str
    expires: datetime


@endpoint("GET", "/api/v1/documents/{id}", scope="read", waits=True, summary="One document")
async def show(call: Call, id: UUID) -> Document:
    """Where a document stands, and what you may do with it."""
    access = await call.system.authorization.document(call.person, id)
    row = await documents.one(call.system.pool, id)
    return Document(
        id=id,
        asset=access.asset,
        process=access.process,
        node=access.node,
        title=access.title,
        format=_format(access),
        language=access.language,
        enabled=access.enabled,
        rights=[right for right in RIGHTS if right in access.rights],
        edits=row.edits if row else 0,
        edited=row.edited_at if row else None,
        edited_by=row.edited_by if row else None,
    )


@endpoint(
    "GET",
    "/api/v1/documents/{id}/content",
    scope="read",
    waits=True,
    summary="What a document says",
    produces={"application/json": dict[str, object], **dict.fromkeys(READABLE_AS, str)},
)
async def content(call: Call, id: UUID, query: Wanted) -> Response:
    """The committed text, this very moment, or as the log had it at an earlier one.

    This very moment is newer than the log, which holds whole bursts of editing.
    """
    access = await call.system.authorization.document(call.person, id)
    if query.at is None:
        state = await call.system.hub.read(id)
    else:
        state = await call.system.history.state(id, await position_of(call.system, query.at, "at"))
    return await shown(call.system.converter, access, Content(access.format, state), query.format)


@endpoint("GET", "/api/v1/documents/{id}/history", scope="read", waits=True, summary="Who edited a document")
async def history(call: Call, id: UUID, query: Paging) -> Items[Burst]:
    """The bursts of editing that stand in the log, newest first."""
    await call.system.authorization.document(call.person, id)
    page = await documents.history(call.system.pool, id, before=query.cursor, limit=query.limit)
    names = await call.system.people.names(row.author for row in page.items if row.author)
    bursts = [
        Burst(
            position=row.position,
            author=row.author,
            author_name=names[row.author].name if row.author in names else None,
            from_=row.began,
            to=row.ended,
            edits=row.edits,
            added=row.added,
            removed=row.removed,
        )
        for row in page.items
    ]
    return Items(items=bursts, next=page.next)


@endpoint("POST", "/api/v1/live-tickets", scope="live", summary="Get a ticket to a live document")
async def ticket(call: Call, body: TicketFor) -> Ticket:
    """A ticket bound to you and one document, for an hour; dead at once when you may no longer view it."""
    access = await call.system.authorization.document(call.person, body.document)
    if not access.enabled:
        raise Conflict("this document is out of use", code="document_disabled")
    by = call.principal
    assert by is not None
    token, expires = call.system.sign_in.ticket(
        call.person, body.document, credential=by.session or by.token, may_write="write" in by.scopes
    )
    return Ticket(token=token, expires=expires)


def _format(access: DocumentAccess) -> Format:
    return "text" if access.format == "text" else "richtext"


routes = routes_of(show, content, history, ticket)
