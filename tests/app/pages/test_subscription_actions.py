"""What is done with a subscription: tried, paused, moved, replayed, mended, ended."""

from __future__ import annotations

import re
from uuid import uuid4

from app.subscriptions.delivery_log import Attempt, DeliveryLog
from app.subscriptions.queue import Queue
from app.subscriptions.webhook import Webhooks
from app.system import System
from tests.app.pages.conftest import Reader, Work
from tests.app.pages.integrations import (
    NEW_WEBHOOK,
    SECRET,
    a_pull_group,
    a_webhook,
    only,
    park,
    receiver,
    system,
)
from tests.app.subscriptions.receivers import Receiver, answer

__all__ = ["receiver", "system"]


def rows_of_log(html: str) -> list[list[str]]:
    """What each row of the log of deliveries says in its columns, but for those that tell times."""
    [log] = re.findall(r'<section[^>]* id="log".*?</section>', html, re.S)
    [body] = re.findall(r"<tbody.*?</tbody>", log, re.S)
    cells = r'data-label="(?:What|Outcome|Status)">(?:<span[^>]*>)?([^<]*)<'
    return [
        [cell.strip() for cell in re.findall(cells, row)] for row in re.findall(r"<tr.*?</tr>", body, re.S)
    ]


async def test_a_test_message_is_sent_and_its_result_shown(
    ilze: Reader, system: System, receiver: Receiver
) -> None:
    page, _ = await a_webhook(system, ilze, receiver.url)
    tried = await ilze.send(page, f"{page}/ping")
    html = await ilze.get(tried.headers["location"].partition("#")[0])
    assert "Test message: Delivered." in html
    assert "The receiver answered 204." in html
    [message] = receiver.received
    assert b"webhook.ping" in message.body
    receiver.behave = answer(404)
    tried = await ilze.send(page, f"{page}/ping")
    html = await ilze.get(tried.headers["location"].partition("#")[0])
    assert "Test message: Failed." in html
    assert "there is nothing at this address" in html
    assert rows_of_log(html) == [["Test message", "Failed", "404"], ["Test message", "Delivered", "204"]]


async def test_the_log_is_paged_and_what_was_sent_is_sent_again(
    ilze: Reader, system: System, receiver: Receiver, work: Work
) -> None:
    page, id = await a_webhook(system, ilze, receiver.url)
    log, head = DeliveryLog(system.pool), await system.log.head()
    for number in range(1, 28):
        await log.note(id, Attempt("event", [head], number, "retried", 500, None, number))
    html = await ilze.get(page)
    assert html.count("Send again") == 25
    [newest] = await system.log.read(after=head - 1)
    assert f"<code>{newest.type}</code>" in html
    assert "it has a fault of its own" in html
    older = re.search(r'href="([^"]+older=[^"#]+)#log"', html)
    assert older
    rest = await ilze.get(older[1])
    assert rest.count("Send again") == 2
    action = re.search(r'action="([^"]+/redeliver)"', html)
    assert action
    sent = await ilze.send(page, action[1])
    html = await ilze.get(sent.headers["location"].partition("#")[0])
    assert "Sent again by hand: Delivered." in html
    assert receiver.received[-1].headers["interlink-replayed"] == "true"


async def test_parked_events_say_why_and_are_delivered_again(
    ilze: Reader, system: System, work: Work
) -> None:
    page, id = await a_pull_group(system, ilze)
    head = await system.log.head()
    await park(system, id, "<b>no</b> disk", head - 1, head)
    html = await ilze.get(page)
    assert "&lt;b&gt;no&lt;/b&gt; disk" in html
    assert html.count('data-label="Attempts">10<') == 2
    form = next(iter(re.findall(r'name="position" value="(\d+)"', html)))
    assert int(form) == head - 1
    csrf = (await ilze.form(page, f"{page}/parked"))["csrf"]
    await ilze.post(f"{page}/parked", csrf=csrf, position=str(head))
    counts = await Queue(system.pool).counts(id)
    assert (counts.parked, counts.pending) == (1, 1)
    again = await ilze.post(f"{page}/parked", csrf=csrf)
    assert (await Queue(system.pool).counts(id)).parked == 0
    assert "What was parked is delivered again." in await ilze.get(again.headers["location"])
    await ilze.post(f"{page}/parked", status=422, csrf=csrf, position="x")


async def test_pausing_resuming_replaying(ilze: Reader, system: System, work: Work) -> None:
    page, id = await a_pull_group(system, ilze)
    await ilze.send(page, f"{page}/pause")
    assert "Paused" in await ilze.get(page)
    refused = await ilze.send(page, f"{page}/replay", status=422, first="3", last="2")
    assert 'href="#replay-last">The last place' in refused.text
    refused = await ilze.send(page, f"{page}/replay", status=422, first="1", last="99999999")
    assert 'href="#replay-last">Enter a whole number' in refused.text
    await system.pool.execute(
        "UPDATE subscriptions SET replay_after = 0, replay_through = 1 WHERE id = $1", id
    )
    busy = await ilze.send(page, f"{page}/replay", status=409, first="1", last="2")
    assert "Another replay is under way." in busy.text
    await system.pool.execute(
        "UPDATE subscriptions SET replay_after = NULL, replay_through = NULL WHERE id = $1", id
    )
    begun = await ilze.send(page, f"{page}/replay", first="1", last="2")
    assert "delivered again" in await ilze.get(begun.headers["location"])
    await ilze.send(page, f"{page}/resume")
    assert (await only(system, ilze)).state == "active"


async def test_the_secret_is_replaced_and_shown_once(
    ilze: Reader, system: System, receiver: Receiver
) -> None:
    page, id = await a_webhook(system, ilze, receiver.url)
    made = await ilze.send(page, f"{page}/secret", status=200)
    secret = SECRET.search(made.text)
    assert secret
    assert "signed with the old secret too until" in made.text
    keys = await Webhooks(system.pool, system.settings.signing_key()).keys(id)
    assert secret[1] == next(key for key in keys if key.startswith("whsec_"))
    assert secret[1] not in await ilze.get(page)


async def test_deleting_asks_first(ilze: Reader, system: System) -> None:
    page, _ = await a_pull_group(system, ilze)
    assert "This cannot be undone." in await ilze.get(f"{page}/delete")
    csrf = (await ilze.form(f"{page}/delete", f"{page}/delete"))["csrf"]
    for _ in range(2):
        gone = await ilze.post(f"{page}/delete", csrf=csrf)
        assert "The subscription was deleted." in await ilze.get(gone.headers["location"])
    await ilze.get(page, status=404)


async def test_what_a_pull_group_has_not(ilze: Reader, system: System) -> None:
    page, _ = await a_pull_group(system, ilze)
    html = await ilze.get(page)
    assert f"{page}/ping" not in html
    assert "Log of deliveries" not in html
    csrf = (await ilze.form(page, f"{page}/pause"))["csrf"]
    for path in ("ping", "secret", f"deliveries/{uuid4()}/redeliver"):
        await ilze.post(f"{page}/{path}", status=404, csrf=csrf)


async def test_what_may_no_longer_be_seen_or_held_no_event_is_not_sent_again(
    ilze: Reader, janis: Reader, system: System, receiver: Receiver, work: Work
) -> None:
    page, id = await a_webhook(system, janis, receiver.url)
    log, csrf = DeliveryLog(system.pool), (await janis.form(page, f"{page}/pause"))["csrf"]
    hidden = await log.note(id, Attempt("event", [await system.log.head()], 1, "delivered", 204, None, 1))
    refused = await janis.post(f"{page}/deliveries/{hidden.id}/redeliver", status=409, csrf=csrf)
    assert "You may no longer see what was sent then." in refused.text
    ping = await log.note(id, Attempt("ping", [], 1, "delivered", 204, None, 1))
    for other in (ping.id, uuid4()):
        await janis.post(f"{page}/deliveries/{other}/redeliver", status=404, csrf=csrf)
    assert receiver.received == []
    assert len(await log.newest(id, limit=9)) == 2


async def test_it_is_there_for_its_owner_alone(
    ilze: Reader, janis: Reader, system: System, receiver: Receiver
) -> None:
    page, id = await a_webhook(system, ilze, receiver.url)
    sent = await DeliveryLog(system.pool).note(id, Attempt("event", [1], 1, "failed", 500, None, 1))
    csrf = (await janis.form(NEW_WEBHOOK, NEW_WEBHOOK))["csrf"]
    values = {"csrf": csrf, "to": "now", "first": "1", "last": "1", "name": "Theirs"}
    for path in ("", "/edit", "/delete", f"?tried={sent.id}"):
        await janis.get(f"{page}{path}", status=404)
    acts = ("pause", "resume", "seek", "replay", "parked", "ping", "secret", "edit")
    for path in (*acts, f"deliveries/{sent.id}/redeliver"):
        await janis.post(f"{page}/{path}", status=404, **values)
    await janis.post(f"{page}/delete", **values)  # done as often as one likes, to nothing
    found = await only(system, ilze)
    assert (found.id, found.state, found.name) == (id, "active", "Mine")
    assert receiver.received == []
    assert "Mine" not in await janis.get("/integrations")
