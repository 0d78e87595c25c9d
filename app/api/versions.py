"""The past of live documents: named versions, what changed when, who wrote what, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.api.writing import Items, Output, Paging, Written
from app.commands import document as commands
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.moments import position_of
from app.people import Profile
from domain.errors import Invalid
from projections import documents
from realtime import crdt
from realtime.history.attribution import Piece, Run
from realtime.history.chronicle import in_log

_MOMENT = Field(None, min_length=1, max_length=40)


class Version(Output):
    """A named version: the content at log position `through`; `position` is where the naming stands."""

    id: UUID
    name: str
    reason: str
    through: int
    position: int
    author: UUID | None
    author_name: str | None
    at: datetime


class NewVersion(Input):
    """What to name, and why. `at`: a log position or an RFC 3339 time; absent: what is there now."""

    name: str
    reason: str = ""
    at: str | None = _MOMENT


class Back(Input):
    """The moment to bring back: a log position or an RFC 3339 time."""

    at: str = Field(min_length=1, max_length=40)


class Between(Input):
    """Two moments, each a log position or an RFC 3339 time.

    `to` absent: now, with what is not in the log yet.
    """

    from_: str = Field(alias="from", min_length=1, max_length=40)
    to: str | None = _MOMENT


class Difference(Output):
    """What stood in a document at `from` or at `to` (log positions; null: now), in order.

    `content` is like the document's JSON. A text's `author` wrote it, in the burst at log position
    `written` (null: not in the log yet). What differs has a `change` (`inserted`, `deleted`;
    `formatted`: text with other marks than before; `changed`: a block with other attributes), with
    `by` and `at` telling who did it and in which burst. `people` names everybody in it.
    """

    from_: int | None = Field(serialization_alias="from")
    to: int | None
    people: dict[UUID, str]
    content: list[dict[str, Any]]


class Part(Input):
    """The UTF-16 units [from, to) of the readable text at a moment (absent: now)."""

    from_: int = Field(0, alias="from", ge=0, le=2**31)
    to: int | None = Field(None, ge=0, le=2**31)
    at: str | None = _MOMENT


class Authored(Output):
    """Who wrote the UTF-16 units [from, to).

    `position` is the newest burst in it; null: it is not in the log yet.
    """

    from_: int = Field(serialization_alias="from")
    to: int
    author: UUID | None
    author_name: str | None
    position: int | None


class Authors(Output):
    """Who wrote which part of a text of `length` units. Breaks between blocks are nobody's."""

    at: int | None
    length: int
    ranges: list[Authored]


@endpoint("GET", "/api/v1/documents/{id}/versions", scope="read", waits=True, summary="Named versions")
async def versions(call: Call, id: UUID, query: Paging) -> Items[Version]:
    """Who named which moment of a document, and why; newest first."""
    await call.system.authorization.document(call.person, id)
    page = await documents.versions(call.system.pool, id, before=query.cursor, limit=query.limit)
    names = await call.system.people.names(row.author for row in page.items if row.author)
    found = [
        Version(
            id=row.id,
            name=row.name,
            reason=row.reason,
            through=row.through,
            position=row.position,
            author=row.author,
            author_name=_name(names, row.author),
            at=row.at,
        )
        for row in page.items
    ]
    return Items(items=found, next=page.next)


@endpoint("POST", "/api/v1/documents/{id}/versions", scope="write", status=201, summary="Name a version")
async def name(call: Call, id: UUID, body: NewVersion) -> Written:
    """Give a moment of a document a name, so that it is found again. Needs `edit`."""
    await call.system.authorization.document(call.person, id)
    at = None if body.at is None else await position_of(call.system, body.at, "at")
    done = await commands.name_version(
        call.system, call.context, document=id, name=body.name, reason=body.reason, at=at
    )
    return Written.of(done)


@endpoint(
    "POST",
    "/api/v1/documents/{id}/versions/{version}/restore",
    scope="write",
    summary="Bring back a named version",
)
async def restore_version(call: Call, id: UUID, version: UUID) -> Written:
    """Make a document say what it said then, by an edit of yours. Needs `edit`."""
    return Written.of(await commands.restore_version(call.system, call.context, document=id, version=version))


@endpoint("POST", "/api/v1/documents/{id}/restore", scope="write", summary="Bring back any moment")
async def restore(call: Call, id: UUID, body: Back) -> Written:
    """Make a document say what it said at a moment, by an edit of yours. Needs `edit`."""
    await call.system.authorization.document(call.person, id)
    at = await position_of(call.system, body.at, "at")
    return Written.of(await commands.restore(call.system, call.context, document=id, at=at))


@endpoint("GET", "/api/v1/documents/{id}/diff", scope="read", waits=True, summary="What changed")
async def diff(call: Call, id: UUID, query: Between) -> Difference:
    """What changed between two moments, and who inserted, deleted and formatted what."""
    access = await call.system.authorization.document(call.person, id)
    before = await position_of(call.system, query.from_, "from")
    after = None if query.to is None else await position_of(call.system, query.to, "to")
    if after is not None and after < before:
        raise Invalid("`to` comes before `from`", code="moments_reversed", field="to")
    found = await call.system.history.difference(id, access.format, before, after)
    names = await call.system.people.names(person for person in set(found.people.values()) if person)
    content = await asyncio.to_thread(lambda: list(_pieces(found.content, found.people)))
    return Difference(
        from_=found.before,
        to=found.after,
        people={person: profile.name for person, profile in names.items() if person in _people(content)},
        content=content,
    )


@endpoint("GET", "/api/v1/documents/{id}/authors", scope="read", waits=True, summary="Who wrote this")
async def authors(call: Call, id: UUID, query: Part) -> Authors:
    """Who wrote each part of what a document says, as `format=text` of its content gives it."""
    access = await call.system.authorization.document(call.person, id)
    at = None if query.at is None else await position_of(call.system, query.at, "at")
    found = await call.system.history.authors(id, access.format, at, query.from_, query.to)
    names = await call.system.people.names(part.person for part in found.ranges if part.person)
    return Authors(
        at=found.moment,
        length=found.length,
        ranges=[
            Authored(
                from_=part.start,
                to=part.end,
                author=part.person,
                author_name=_name(names, part.person),
                position=in_log(part.moment),
            )
            for part in found.ranges
        ],
    )


def _name(names: dict[UUID, Profile], person: UUID | None) -> str | None:
    return names[person].name if person in names else None


def _pieces(content: Sequence[Piece], people: dict[int, UUID | None]) -> Iterable[dict[str, Any]]:
    for piece in content:
        if isinstance(piece, Run):
            told: dict[str, Any] = {"type": "text", "text": piece.text}
            if piece.marks:
                told["marks"] = [crdt.mark(name, value) for name, value in sorted(piece.marks.items())]
        else:
            told = {"type": piece.type}
            if piece.attrs:
                told["attrs"] = piece.attrs
            if piece.content:
                told["content"] = list(_pieces(piece.content, people))
        told |= {"author": people.get(piece.written), "written": in_log(piece.written)}
        if piece.change is not None and piece.changed is not None:
            told |= {"change": piece.change, "by": people.get(piece.changed), "at": in_log(piece.changed)}
        yield told


def _people(content: Iterable[dict[str, Any]]) -> set[UUID]:
    found: set[UUID] = set()
    for piece in content:
        found |= {piece[who] for who in ("author", "by") if piece.get(who)}
        found |= _people(piece.get("content", ()))
    return found


routes = routes_of(versions, name, restore_version, restore, diff, authors)
