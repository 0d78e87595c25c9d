"""A document's past: what it said at any moment, what changed, who wrote what; naming and bringing back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.responses import Response

from app.authorization import DocumentAccess
from app.commands import document as commands
from app.moments import position_of
from app.pages.page import Page
from app.people import Profile
from app.web import prose
from app.web.past import Past
from domain.errors import Conflict, Invalid
from projections import documents
from projections.documents import MomentRow, VersionRow
from realtime import crdt
from realtime.history.attribution import Piece
from realtime.history.history import Difference

LISTED = 100
SHOWS = ("text", "changes", "authors")


@dataclass(frozen=True)
class Stop:
    """A moment that the slider stops at: a burst, with the named versions that end with it. None: now."""

    position: int | None
    author: UUID | None = None
    at: datetime | None = None
    versions: list[VersionRow] = field(default_factory=list)


async def show(page: Page) -> Response:
    """The document at the chosen moment, and all moments to choose from."""
    access = await page.system.authorization.document(page.person, page.id("document"))
    pool = page.system.pool
    found = await documents.moments(pool, access.document, before=page.query("older"), limit=LISTED)
    versions = (await documents.versions(pool, access.document, limit=LISTED)).items
    at, since = await _chosen(page, "at"), await _chosen(page, "since")
    stops = _stops(found.items, versions)
    how = page.query("show") or ("changes" if since is not None else "text")
    if how not in SHOWS:
        raise Invalid("there is no such way to show it", code="show_unknown", field="show")
    if since is None:
        since = _before(stops, at)
    shown = await _shown(page, access, how, at, since)
    authors = {row.author for row in found.items} | {version.author for version in versions}
    names = await page.system.people.names({who for who in authors if who} | shown.people)
    return page.render(
        "history.html",
        access=access,
        may_edit="edit" in access.rights and access.enabled,
        rows=found.items,
        older=found.next,
        versions=versions,
        stops=stops,
        stop=_nearest(stops, at),
        at=at,
        moment=await _time(page, at),
        since=since,
        how=how,
        names=names,
        **await asyncio.to_thread(shown.painted, page, access, names, how),
    )


async def name(page: Page) -> Response:
    """Name the version that is shown."""
    form = await page.submitted("name")
    document = page.id("document")
    try:
        at = await position_of(page.system, form["at"], "at") if form["at"] else None
        done = await commands.name_version(
            page.system,
            page.context(form),
            document=document,
            name=form["name"],
            reason=form["reason"],
            at=at,
        )
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    return await page.done(done.position, f"/documents/{document}/history", done="named", **_at(form["at"]))


async def restore(page: Page) -> Response:
    """Bring back what was there at the moment that is shown."""
    form = await page.submitted("restore")
    document = page.id("document")
    try:
        at = await position_of(page.system, form["at"], "at")
        version = form.uuid("version", "version_unknown")
        if version is not None:
            done = await commands.restore_version(
                page.system, page.context(form), document=document, version=version
            )
        else:
            done = await commands.restore(page.system, page.context(form), document=document, at=at)
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    return await page.done(done.position, f"/documents/{document}/history", done="restored")


def _at(position: str) -> dict[str, str]:
    return {"at": position} if position else {}


async def _chosen(page: Page, name: str) -> int | None:
    """A moment from the query, or from the form that was refused; None: now."""
    sent = page.forms.sent
    value = sent["at"] if sent is not None and name == "at" else page.query(name)
    return await position_of(page.system, value, name) if value else None


async def _time(page: Page, position: int | None) -> datetime | None:
    """When the event at a position was recorded."""
    if not position:
        return None
    events = await page.system.log.read(after=position - 1, limit=1)
    return events[0].recorded_at if events else None


# --- moments


def _stops(rows: Sequence[MomentRow], versions: Sequence[VersionRow]) -> list[Stop]:
    """What the slider stops at, oldest first; the last is now."""
    stops = [Stop(row.position, row.author, row.at) for row in reversed(rows) if row.kind == "edited"]
    for version in reversed(versions):
        stop = _nearest(stops, version.through)
        if stop is not None and stop.position == version.through:
            stop.versions.append(version)
    return [*stops, Stop(None)]


def _nearest(stops: Sequence[Stop], at: int | None) -> Stop | None:
    """The stop whose content stood at a moment; None: it is older than those listed."""
    if at is None:
        return stops[-1] if stops and stops[-1].position is None else None
    return next((s for s in reversed(stops) if s.position is not None and s.position <= at), None)


def _before(stops: Sequence[Stop], at: int | None) -> int:
    """The moment before a moment; now begins with the last burst."""
    positions = [stop.position for stop in stops if stop.position is not None]
    until = at if at is not None else max(positions, default=0)
    return max((position for position in positions if position < until), default=0)


# --- what is shown


@dataclass(frozen=True)
class _Shown:
    """The text alone, or content with who made it."""

    state: bytes = b""
    difference: Difference | None = None

    @property
    def people(self) -> set[UUID]:
        """Everybody behind it."""
        people = self.difference.people.values() if self.difference else ()
        return {person for person in people if person is not None}

    def painted(
        self, page: Page, access: DocumentAccess, names: dict[UUID, Profile], how: str
    ) -> dict[str, Any]:
        """What the template shows."""
        if self.difference is None:
            return {"text": prose.html(crdt.json_of(self.state, access.format), access.format), "shares": []}
        content: Sequence[Piece] = self.difference.content
        shown = "authors" if how == "authors" else "changes"
        past = Past(content, self.difference.people.get, names.get, page.locale, shown)  # type: ignore[arg-type]
        return {"text": past.html(access.format), "shares": past.shares()}


async def _shown(page: Page, access: DocumentAccess, how: str, at: int | None, since: int) -> _Shown:
    history = page.system.history
    if how == "authors":
        return _Shown(difference=await history.difference(access.document, access.format, at, at))
    if how == "changes":
        before, after = since, at
        if after is not None and after < before:
            before, after = after, before
        return _Shown(difference=await history.difference(access.document, access.format, before, after))
    if at is None:
        return _Shown(await page.system.hub.read(access.document))
    return _Shown(await history.state(access.document, at))
