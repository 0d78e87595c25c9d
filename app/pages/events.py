"""What is on record of one process, event by event; and its plan as it was at any moment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from app.audit.checkpoints import Checkpoints
from app.eventlog.reading import EVENT, event
from app.events.access import EventAccess
from app.events.pages import read_page
from app.pages.form import Form
from app.pages.moment import as_rfc3339, local_time, place, position
from app.pages.page import Page
from app.pages.scope import Scope, open_scope
from app.people import Profile
from app.web.activity import persons_in, sentence
from app.web.locale import N_
from domain.catalogue import EVENTS
from domain.errors import Invalid
from domain.person import Person
from domain.plan import Plan
from domain.ports import EventFilter, RecordedEvent
from projections import access, activity, plan
from projections.activity import ActivityRow
from projections.plan import TreeNode

LISTED = 50
STOPS = 200
_SUBJECTS = {
    "process.*": N_("The process and its people"),
    "plan.*": N_("The plan"),
    "asset.*": N_("Documents and links"),
    "document.*": N_("Texts of documents"),
}
_CAUSES = f"{EVENT} WHERE event_id = ANY ($1::uuid[])"


@dataclass(frozen=True)
class Entry:
    """One event as it is shown. `cause` is the position of what caused it, if the reader may see that."""

    event: RecordedEvent
    text: Markup
    who: Profile | None
    on_behalf_of: Profile | None
    cause: int | None


@dataclass(frozen=True)
class Filter:
    """What was asked for, as written in the address."""

    type: str
    person: str
    what: str
    since: str
    until: str

    @property
    def query(self) -> str:
        """As the part of an address; empty if nothing was asked for."""
        return urlencode({name: value for name, value in vars(self).items() if value})


@dataclass(frozen=True)
class Stretch:
    """A part of the log, read from its end."""

    after: int
    before: int | None
    limit: int
    direction: Literal["backwards"] = "backwards"


@dataclass(frozen=True)
class Then:
    """The plan as it was after everything up to a position."""

    position: int
    at: datetime | None
    tree: list[TreeNode]


async def show(page: Page) -> Response:
    """The newest events that fit the filter, older ones page by page; with `at`, the plan of that moment.

    What is wrong with one question is told at its field; the others are answered.
    """
    scope = await open_scope(page)
    asked = Filter(*(page.query(name) or "" for name in ("type", "person", "what", "since", "until")))
    found = then = None
    try:
        where, stretch = _where(scope, asked), await _stretch(page, asked, page.query("older"))
        found = await read_page(page.system, page.person, where, stretch)
    except Invalid as refusal:
        page = _refused(page, refusal)
    try:
        then = await _then(page, scope)
    except Invalid as refusal:
        page = _refused(page, refusal)
    holders = await access.who(page.system.pool, scope.process.id) if scope.whole else []
    names = await page.system.people.names(row.person for row in holders)
    return page.render(
        "process/events.html",
        scope=scope,
        asked=asked,
        entries=await entries_of(page, scope, found.events) if found else None,
        older=found.position if found and found.more else None,
        types=[entry.name for entry in EVENTS if entry.aggregate_class is not Person],
        subjects=_SUBJECTS,
        persons=sorted(names.values(), key=lambda profile: profile.name.casefold()),
        things=await _things(page, scope),
        then=then,
        then_on=local_time(then.at) if then and then.at else "",
        stops=await _stops(page, scope) if scope.whole else [],
        head=await page.system.log.head(),
        signed=await signed(page),
    )


async def signed(page: Page) -> int:
    """How many events stand under a signature."""
    found = await Checkpoints.of(page.system).latest()
    return found[0] if found else 0


# --- what was asked for


def _refused(page: Page, refusal: Invalid) -> Page:
    """The page with one more thing to mend."""
    asked = page.forms.sent or Form("record", dict(page.request.query_params))
    return page.refused(asked, refusal)


def _where(scope: Scope, asked: Filter) -> EventFilter:
    if asked.type and asked.type not in _SUBJECTS and asked.type not in {entry.name for entry in EVENTS}:
        raise Invalid("there is no such kind of event", code="kind_unknown", field="type")
    return EventFilter(
        types=(asked.type,) if asked.type else (),
        stream=_id(asked.what, "what"),
        process=scope.process.id,
        actor=_id(asked.person, "person"),
    )


def _id(value: str, field: str) -> UUID | None:
    try:
        return UUID(value) if value else None
    except ValueError:
        raise Invalid("this is no id", code="id_invalid", field=field) from None


async def _stretch(page: Page, asked: Filter, older: str | None) -> Stretch:
    """From the beginning of one day to the end of another (UTC), before the page that came before."""
    first, last = _day(asked.since, "since"), _day(asked.until, "until")
    log, instant = page.system.log, timedelta(microseconds=1)
    after = 0 if first is None else await log.position_at(first - instant)
    before: int | None = None
    if last is not None:
        before = await log.position_at(last + timedelta(days=1) - instant) + 1
    if older is not None:
        end = position(older)
        if end is None:
            raise Invalid("this is no position", code="moment_invalid")
        before = end if before is None else min(before, end)
    return Stretch(after, before, LISTED)


def _day(value: str, field: str) -> datetime | None:
    if not value:
        return None
    try:
        day = date.fromisoformat(value)
        if not 1970 <= day.year < 9000:  # room for arithmetic
            raise ValueError(value)
        return datetime.combine(day, time(), UTC)
    except ValueError:
        raise Invalid("this is no date", code="day_invalid", field=field) from None


async def _things(page: Page, scope: Scope) -> list[tuple[UUID, str]]:
    """The streams that the reader can choose from, with what they are called."""
    here = scope.process.id
    tell = page.locale.gettext
    found: list[tuple[UUID, str]] = []
    if scope.whole:
        found += [(here, tell("The process and its people")), (Plan.create_id(here), tell("The plan"))]
    nodes = scope.visible(await plan.tree(page.system.pool, here, disabled=True))
    while nodes:
        node = nodes.pop(0)
        for asset in node.assets:
            found.append((asset.id, asset.title))
            if asset.document is not None:
                found.append((asset.document, tell("%(title)s: the text", title=asset.title)))
        nodes = [*node.children, *nodes]
    return found


# --- events


async def entries_of(page: Page, scope: Scope, events: Sequence[RecordedEvent]) -> list[Entry]:
    """These events as they are shown, with the causes that the reader may see."""
    told = await activity.of_events(page.system.pool, scope.process.id, events)
    rows = {each.position: told.get(each.position) or _row(scope, each) for each in events}
    people = {who for each in events for who in (each.actor, each.on_behalf_of) if who}
    names = await page.system.people.names(people | persons_in(rows.values()))
    causes = await _causes(page, events)
    return [
        Entry(
            event=each,
            text=sentence(rows[each.position], names, page.locale),
            who=names.get(each.actor) if each.actor else None,
            on_behalf_of=names.get(each.on_behalf_of) if each.on_behalf_of else None,
            cause=causes.get(each.causation_id) if each.causation_id else None,
        )
        for each in events
    ]


def _row(scope: Scope, found: RecordedEvent) -> ActivityRow:
    """What can be told of an event that is no news."""
    return ActivityRow(
        position=found.position,
        at=found.recorded_at,
        actor=found.actor,
        type=found.type,
        process=scope.process.id,
        process_title=scope.process.title,
        node=None,
        node_title=None,
        asset=None,
        asset_title=None,
        document=None,
        data=json.loads(found.payload),
    )


async def _causes(page: Page, events: Sequence[RecordedEvent]) -> dict[UUID, int]:
    wanted = [each.causation_id for each in events if each.causation_id]
    if not wanted:
        return {}
    may = EventAccess(page.system, page.person)
    causes = [event(row) for row in await page.system.pool.fetch(_CAUSES, wanted)]
    return {cause.event_id: cause.position for cause in causes if await may.may_see(cause)}


# --- the plan as it was


async def _then(page: Page, scope: Scope) -> Then | None:
    """The plan at the moment that was asked for: `at`, a position or time, or `on`, a minute (UTC)."""
    at, on = page.query("at"), page.query("on")
    if not scope.whole or (at is None and on is None):
        return None
    process = scope.process.id
    if at is not None:
        position = await place(page, at, "at")
    else:
        position = await place(page, as_rfc3339(on or ""), "on", code="time_unknown")
    async with page.system.past.views.at(process, position, plan.VIEW) as then:
        tree = await plan.tree(then, process)
    found = await page.system.log.read(after=position - 1, limit=1) if position else ()
    return Then(position, found[0].recorded_at if found else None, tree)


async def _stops(page: Page, scope: Scope) -> list[dict[str, int | str]]:
    """The newest moments at which the plan changed, oldest first."""
    where = EventFilter(types=("plan.*", "asset.*"), process=scope.process.id)
    events = await page.system.log.read(where=where, limit=STOPS, backwards=True)
    return [{"position": e.position, "at": e.recorded_at.isoformat()} for e in reversed(events)]
