"""What is done with a subscription: each a form of its page, after which one is back there."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from app.pages.page import NO_STORE, Page
from app.pages.subscription_form import start_of, whole
from app.pages.subscriptions import HERE, ONE, mine, show, show_keys, store, webhooks
from app.subscriptions.courier import Courier
from app.subscriptions.delivery_log import DeliveryLog
from app.subscriptions.message import ping
from app.subscriptions.queue import Queue
from app.subscriptions.webhook import Webhook
from domain.errors import Conflict, Invalid, NotFound

_NO_END = 10**18 - 1


async def pause(page: Page) -> Response:
    """Deliver nothing until it is resumed."""
    found = await store(page).pause(page.person, page.id("subscription"))
    return _back(found.id, done="subscription_paused")


async def resume(page: Page) -> Response:
    """Go on where it stood, from now on without the access token that it was made with."""
    found = await store(page).resume(page.person, page.id("subscription"), None)
    page.system.news.tell([found.id])
    return _back(found.id, done="subscription_resumed")


async def seek(page: Page) -> Response:
    """Go on after another moment."""
    form, found = await page.submitted("seek"), await mine(page)
    try:
        _, position = await start_of(page, form, "to")
    except Invalid as refusal:
        return await show(page.refused(form, refusal))
    await store(page).seek(page.person, found.id, position)
    return _back(found.id, done="subscription_moved")


async def replay(page: Page) -> Response:
    """Deliver a range again, both ends included."""
    form, found = await page.submitted("replay"), await mine(page)
    head = await page.system.log.head()
    try:
        first = whole(form, "first", (1, max(1, head)))
        last = whole(form, "last", (1, max(1, head)))
        if last < first:
            raise Invalid("a replay goes forwards", code="range_backwards", field="last")
        await store(page).replay(page.person, found.id, first, last)
    except (Invalid, Conflict) as refusal:
        return await show(page.refused(form, refusal))
    return _back(found.id, done="replay_begun")


async def deliver_parked(page: Page) -> Response:
    """Take one parked event up again (`position`), or all."""
    form, found = await page.submitted("parked"), await mine(page)
    only = None if not form["position"] else [whole(form, "position", (1, _NO_END))]
    await Queue(page.system.pool, page.system.news).replay_parked(found.id, only)
    return _back(found.id, done="parked_again")


async def try_(page: Page) -> Response:
    """Send a test message now, and show how it went."""
    webhook = await _webhook(page)
    async with Courier(page.system) as courier:
        message = ping(webhook.id, page.system.settings.address)
        tried = await courier.send_once(webhook, message, cause="ping")
    return _back(webhook.id, "tried", tried=tried.id)


async def redeliver(page: Page) -> Response:
    """Send now what an attempt sent, as far as one may still see it, and show how it went."""
    webhook = await _webhook(page)
    found = await DeliveryLog(page.system.pool).find(webhook.id, page.id("delivery"))
    if found is None or not found.positions:
        raise NotFound("no such delivery")
    async with Courier(page.system) as courier:
        events = await courier.events(webhook, found.positions)
        if not events:
            refusal = Conflict("what was sent may no longer be seen", code="nothing_to_send")
            return await show(page.refused(await page.submitted("redeliver"), refusal))
        positions = [event.position for event in events]
        message = courier.compose(webhook, events)
        tried = await courier.send_once(webhook, message, cause="redelivery", positions=positions)
    return _back(webhook.id, "tried", tried=tried.id)


async def rotate(page: Page) -> Response:
    """New keys, in this answer only. The previous ones sign beside them for a day."""
    found = await mine(page)
    webhook = await _webhook(page)
    return await show_keys(page, found, await webhooks(page).rotate(webhook.id), replaced=True)


async def ask_delete(page: Page) -> Response:
    """What ending it means, and the button that does it."""
    return page.render("integrations/delete.html", one=await mine(page))


async def delete(page: Page) -> Response:
    """End it; sent twice it is done once."""
    with suppress(NotFound):
        await store(page).delete(page.person, page.id("subscription"))
    return RedirectResponse(f"{HERE}?done=subscription_deleted", 303, NO_STORE)


async def _webhook(page: Page) -> Webhook:
    found = await webhooks(page).find(page.id("subscription"), owner=page.person)
    if found is None:
        raise NotFound("no such webhook")
    return found


def _back(id: UUID, fragment: str = "", **notice: object) -> RedirectResponse:
    url = f"{ONE}/{id}?{urlencode(notice)}"
    return RedirectResponse(f"{url}#{fragment}" if fragment else url, 303, NO_STORE)
