"""What other programs are told: one's webhooks and pull groups, made, looked at and changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from app.commands import new_id
from app.events.access import EventAccess
from app.pages.form import Form
from app.pages.page import NO_STORE, Page
from app.pages.subscription_form import (
    BATCHES,
    DELIVERIES,
    GROUPS,
    LEASE,
    STARTS,
    Chosen,
    chosen,
    settings,
    start_of,
    wanted,
)
from app.subscriptions.delivery_log import Delivery, DeliveryLog
from app.subscriptions.queue import Queue
from app.subscriptions.store import Subscriptions
from app.subscriptions.subscription import Kind, NewSubscription, Subscription
from app.subscriptions.webhook import NewKeys, Webhooks
from app.web import subscription_words as words
from domain import text
from domain.errors import Conflict, Invalid, NotFound
from projections import processes

HERE = "/integrations"
ONE = HERE + "/subscriptions"
LISTED = 25  # attempts and parked events on a page
PROCESSES = 200  # to choose from
KINDS: dict[str, Kind] = {"webhook": "webhook", "pull-group": "pull"}


@dataclass(frozen=True)
class Typed:
    """The types of events that the reader may see, by position."""

    types: dict[int, str]

    def of(self, positions: Sequence[int]) -> list[str]:
        """The types at these positions, each once."""
        return list(dict.fromkeys(self.types[at] for at in positions if at in self.types))


async def overview(page: Page) -> Response:
    """All of one's subscriptions and how they stand, newest first."""
    found = await store(page).list(page.person)
    counts = await Queue(page.system.pool).counts_of([one.id for one in found])
    rows = [(one, counts[one.id]) for one in found if one.id in counts]
    return page.render("integrations/subscriptions.html", rows=rows, **_words(page))


async def new(page: Page) -> Response:
    """The form that makes a subscription."""
    return await _form(page, _kind(page), None)


async def create(page: Page) -> Response:
    """Make it. A webhook's secret is in this answer only, so there is no redirect to it."""
    form, kind = await page.submitted("subscription"), _kind(page)
    id = new_id(page.context(form), "subscription")
    try:
        if await _is_made(page, id):  # sent twice: the secret was shown the first time
            return _made(id, kind, again=True)
        values = _entered(page, form, kind)  # in the order of the form, as what is wrong is told
        start, cursor = await start_of(page, form, "start")
        made = await store(page).create(
            NewSubscription(id, page.person, credential=None, kind=kind, start=start, cursor=cursor, **values)
        )
    except (Invalid, Conflict) as refusal:
        return await _form(page.refused(form, refusal), kind, None)
    if made.kind == "pull":
        return _made(id, kind, again=False)
    return await show_keys(page, made, await webhooks(page).rotate(id))


async def edit(page: Page) -> Response:
    """The form that changes one."""
    return await _form(page, None, await mine(page))


async def change(page: Page) -> Response:
    """Change name, filter and settings."""
    form, found = await page.submitted("subscription"), await mine(page)
    try:
        await store(page).change(page.person, found.id, **_entered(page, form, found.kind))
    except (Invalid, Conflict) as refusal:
        return await _form(page.refused(form, refusal), None, found)
    return RedirectResponse(f"{ONE}/{found.id}?done=saved", 303, NO_STORE)


async def show(page: Page) -> Response:
    """How one stands, what was sent of late, what is parked, and everything that can be done with it."""
    found = await mine(page)
    parked = await store(page).parked(found.id, after=_number(page, "parked_after"), limit=LISTED + 1)
    sent = await _sent(page, found)
    positions = [one.position for one in parked] + [at for delivery in sent for at in delivery.positions]
    return page.render(
        "integrations/subscription.html",
        one=found,
        counts=await Queue(page.system.pool).counts(found.id),
        head=await page.system.log.head(),
        chosen=chosen(found.filter),
        process=await _title(page, chosen(found.filter).process),
        parked=parked,
        sent=sent,
        listed=LISTED,
        typed=await _typed(page, positions),
        tried=await _tried(page, found),
        address=page.system.settings.address,
        **_words(page),
    )


async def show_keys(page: Page, one: Subscription, keys: NewKeys, *, replaced: bool = False) -> Response:
    """What receivers verify with, shown this once; `replaced`: instead of others."""
    return page.render("integrations/keys.html", one=one, keys=keys, replaced=replaced)


async def mine(page: Page) -> Subscription:
    """The subscription in the path; raises NotFound unless it is the reader's own."""
    return await store(page).get(page.person, page.id("subscription"))


def store(page: Page) -> Subscriptions:
    """Where subscriptions are kept."""
    return Subscriptions(page.system.pool)


def webhooks(page: Page) -> Webhooks:
    """What webhooks have beside other subscriptions."""
    return Webhooks(page.system.pool, page.system.settings.signing_key())


def _entered(page: Page, form: Form, kind: Kind) -> dict[str, Any]:
    """Name, settings and filter; raises Invalid at the field to mend."""
    return {
        "name": text.name(form["name"]),
        "settings": settings(page, form, kind),
        "filter": wanted(form),
    }


def _kind(page: Page) -> Kind:
    kind = KINDS.get(page.request.path_params["kind"])
    if kind is None:
        raise NotFound("no such kind of subscription")
    return kind


def _made(id: UUID, kind: Kind, *, again: bool) -> RedirectResponse:
    notice = "secret_shown" if again and kind == "webhook" else "subscription_made"
    return RedirectResponse(f"{ONE}/{id}?done={notice}", 303, NO_STORE)


async def _is_made(page: Page, id: UUID) -> bool:
    try:
        await store(page).get(page.person, id)
    except NotFound:
        return False
    return True


async def _form(page: Page, kind: Kind | None, one: Subscription | None) -> Response:
    """The form of a new subscription of a kind, or of one that is there."""
    found = await processes.mine(page.system.pool, page.person, limit=PROCESSES)
    before = Chosen() if one is None else chosen(one.filter)
    places = [(row.id, row.title) for row in found.items]
    if before.process is not None and before.process not in dict(places):
        places.append((before.process, str(before.process)))
    return page.render(
        "integrations/subscription_form.html",
        kind=one.kind if one else kind,
        one=one,
        before=before,
        places=places,
        groups=GROUPS,
        starts=STARTS,
        head=await page.system.log.head(),
        bounds={"batch": BATCHES, "lease": LEASE, "deliveries": DELIVERIES},
    )


async def _title(page: Page, process: UUID | None) -> str | None:
    """What a process is called, if the reader may know of it; its id otherwise."""
    if process is None:
        return None
    if "view" in await page.system.authorization.rights(page.person, process):
        row = await processes.one(page.system.pool, process)
        if row is not None:
            return row.title
    return str(process)


async def _sent(page: Page, one: Subscription) -> list[Delivery]:
    """One more attempt than is listed, if there is one."""
    if one.kind != "webhook":
        return []
    log = DeliveryLog(page.system.pool)
    return await log.newest(one.id, limit=LISTED + 1, after=_uuid(page, "older"))


async def _tried(page: Page, one: Subscription) -> Delivery | None:
    """The attempt that the reader asked for a moment ago."""
    asked = _uuid(page, "tried")
    return None if asked is None else await DeliveryLog(page.system.pool).find(one.id, asked)


async def _typed(page: Page, positions: Sequence[int]) -> Typed:
    events = await store(page).events(positions)
    access = EventAccess(page.system, page.person)
    return Typed({at: event.type for at, event in events.items() if await access.may_see(event)})


def _uuid(page: Page, name: str) -> UUID | None:
    try:
        return UUID(page.query(name) or "")
    except ValueError:
        return None


def _number(page: Page, name: str) -> int:
    asked = page.query(name) or "0"
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 18 else 0


def _words(page: Page) -> dict[str, object]:
    """What the templates of subscriptions say things with."""
    return {
        "words": words,
        "groups": GROUPS,
        "error_in_words": lambda error: words.error_in_words(page.locale, error),
        "attempt_in_words": lambda attempt: words.attempt_in_words(
            page.locale, attempt.status, attempt.error
        ),
    }
