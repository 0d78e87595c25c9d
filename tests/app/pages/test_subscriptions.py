"""Webhooks and pull groups by hand, without scripts: made, watched, mended, replayed, deleted."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.events.filters import Filter
from app.settings import Settings
from app.subscriptions.delivery_log import Attempt, DeliveryLog
from app.subscriptions.queue import Queue
from app.subscriptions.store import Subscriptions
from app.subscriptions.subscription import Subscription
from app.subscriptions.webhook import Webhooks
from app.system import System
from app.wiring import system as wired
from tests.app.pages.conftest import Reader, Work
from tests.app.subscriptions.receivers import Receiver, answer, receiving

NEW_WEBHOOK = "/integrations/new/webhook"
NEW_PULL = "/integrations/new/pull-group"
SECRET = re.compile(r">(whsec_[\w+/=-]+)</code>")


@pytest.fixture
async def system(database: str, tmp_path: Path) -> AsyncIterator[System]:
    """Everything, started; webhooks may go to this machine."""
    values = {"data_dir": tmp_path, "secret_key": "a key for tests alone", "webhook_allow_private": True}
    async with wired(Settings.model_validate(values), database) as running:
        yield running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def only(system: System, reader: Reader) -> Subscription:
    """The reader's one subscription."""
    [found] = await Subscriptions(system.pool).list(reader.person)
    return found


async def a_webhook(system: System, reader: Reader, url: str, **entered: str) -> tuple[str, UUID]:
    """A webhook made through its form; the path of its page, and its id."""
    await reader.send(NEW_WEBHOOK, NEW_WEBHOOK, status=200, name="Mine", url=url, **entered)
    found = await only(system, reader)
    return f"/integrations/subscriptions/{found.id}", found.id


async def a_pull_group(system: System, reader: Reader, **entered: str) -> tuple[str, UUID]:
    await reader.send(NEW_PULL, NEW_PULL, name="Workers", **entered)
    found = await only(system, reader)
    return f"/integrations/subscriptions/{found.id}", found.id


async def due(system: System, id: UUID, *positions: int) -> None:
    """Let these events be due, as the feeding of subscriptions does."""
    await system.pool.execute(
        """INSERT INTO deliveries (subscription, position, stream)
        SELECT $1, position, stream FROM events WHERE position = ANY ($2::bigint[])
        ON CONFLICT DO NOTHING""",
        id,
        list(positions),
    )


async def park(system: System, id: UUID, error: str, *positions: int) -> None:
    """Let these have been given up."""
    await system.pool.execute("DELETE FROM deliveries WHERE subscription = $1", id)
    await system.pool.execute("UPDATE subscriptions SET cursor = 1000000 WHERE id = $1", id)
    await due(system, id, *positions)
    await system.pool.execute(
        "UPDATE deliveries SET state = 'parked', attempts = 10, last_error = $2 WHERE subscription = $1",
        id,
        error,
    )


async def test_a_webhook_is_made_and_its_secret_shown_once(
    ilze: Reader, system: System, receiver: Receiver
) -> None:
    assert 'href="/integrations"' in await ilze.get("/profile")
    assert "You have no subscriptions." in await ilze.get("/integrations")
    form = await ilze.form(NEW_WEBHOOK, NEW_WEBHOOK)
    made = await ilze.post(NEW_WEBHOOK, status=200, **{**form, "name": "Mine", "url": receiver.url})
    secret = SECRET.search(made.text)
    assert secret
    assert made.headers["cache-control"] == "no-store"
    found = await only(system, ilze)
    keys = Webhooks(system.pool, system.settings.signing_key())
    assert secret[1] in await keys.keys(found.id)
    assert dict(found.settings) == {"url": receiver.url, "batch": 1, "thin": False}
    assert (found.kind, found.credential, found.start, found.cursor) == (
        "webhook",
        None,
        "now",
        await system.log.head(),
    )

    again = await ilze.post(NEW_WEBHOOK, **{**form, "name": "Mine", "url": receiver.url})
    html = await ilze.get(again.headers["location"])
    assert secret[1] not in html
    assert "its secret was shown once" in html
    assert await only(system, ilze) == found
    assert secret[1] in await keys.keys(found.id)
    overview = await ilze.get("/integrations")
    assert ">Mine</a>" in overview
    assert "Active" in overview


async def test_the_choice_of_events_becomes_a_filter_and_comes_back(
    ilze: Reader, system: System, work: Work
) -> None:
    page, id = await a_pull_group(
        system, ilze, **{"group-plan": "yes", "group-asset": "yes", "process": str(work.process)}
    )
    found = await only(system, ilze)
    assert found.filter.to_json() == [
        {"any": [{"prefix": {"type": "plan."}}, {"prefix": {"type": "asset."}}]},
        {"exact": {"process": str(work.process)}},
    ]
    html = await ilze.get(page)
    assert "The plan" in html
    assert "Only of “" in html
    form = await ilze.form(f"{page}/edit", f"{page}/edit")
    assert {name for name in form if name.startswith("group-")} == {"group-plan", "group-asset"}
    assert form["process"] == str(work.process)
    assert form["filter"] == ""
    del form["group-asset"]
    await ilze.post(f"{page}/edit", **{**form, "name": "Others", "lease": "90", "deliveries": "3"})
    found = await only(system, ilze)
    assert (found.id, found.name) == (id, "Others")
    assert found.filter.to_json()[0] == {"prefix": {"type": "plan."}}
    assert dict(found.settings) == {"lease_seconds": 90, "max_deliveries": 3}


async def test_a_filter_of_one_s_own_counts_alone(ilze: Reader, system: System) -> None:
    own = '[{"not": {"suffix": {"type": ".moved"}}}]'
    page, _ = await a_pull_group(system, ilze, filter=own, **{"group-plan": "yes"})
    spelled = Filter.parse([{"not": {"suffix": {"type": ".moved"}}}])
    assert (await only(system, ilze)).filter == spelled
    form = await ilze.form(f"{page}/edit", f"{page}/edit")
    assert "group-plan" not in form
    await ilze.post(f"{page}/edit", **form)
    assert (await only(system, ilze)).filter == spelled


WRONG = [
    ("name", " ", "Enter a name."),
    ("url", "ftp://example.org/", "Enter a full public address"),
    ("url", "https://me:secret@example.org/", "Enter a full public address"),
    ("filter", "[", "This is not a CloudEvents filter."),
    ("filter", "[" * 2000, "This is not a CloudEvents filter."),
    ("filter", '{"sql": "1"}', "This is not a CloudEvents filter."),
    ("process", "x", "Choose a process from the list."),
    ("batch", "101", "Enter a whole number"),
    ("batch", "٣", "Enter a whole number"),
    ("start-position", "99999999", "Enter a place from 0"),
    ("start-position", "٣", "Enter a place from 0"),
    ("start-position", "", "Enter a place from 0"),
    ("start-time", "2999-01-01T00:00", "Enter a date and time that have passed."),
    ("start-time", "soon", "Enter a date and time that have passed."),
    ("start", "x", "Choose one of the kinds offered."),
]


async def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(
    ilze: Reader, system: System
) -> None:
    form = await ilze.form(NEW_WEBHOOK, NEW_WEBHOOK)
    for field, value, words in WRONG:
        entered = {"name": "Kept", "url": "https://example.org/hook", "group-plan": "yes", field: value}
        if field.startswith("start-"):
            entered["start"] = field.removeprefix("start-")
        html = (await ilze.post(NEW_WEBHOOK, status=422, **{**form, **entered})).text
        assert f'href="#subscription-{field}">{words}' in html, (field, value)
        assert f'id="subscription-{field}"' in html
        assert 'value="Kept"' in html or field == "name"
        assert re.search(r'name="group-plan"[^>]* checked', html)
    assert await Subscriptions(system.pool).list(ilze.person) == []


async def test_it_begins_where_it_was_told_to(ilze: Reader, system: System, work: Work) -> None:
    page, _ = await a_pull_group(system, ilze)
    head = await system.log.head()
    assert (await only(system, ilze)).cursor == head
    await ilze.send(page, f"{page}/pause")  # so that it stays where it is put
    csrf = (await ilze.form(page, f"{page}/seek"))["csrf"]
    values = {"csrf": csrf, "to-position": "3", "to-time": "2020-01-01T10:00"}
    for start, expected in (("beginning", 0), ("now", head), ("position", 3), ("time", 0)):
        moved = await ilze.post(f"{page}/seek", to=start, **values)
        assert "It goes on from there." in await ilze.get(moved.headers["location"])
        assert (await only(system, ilze)).cursor == expected, start
    refused = await ilze.post(f"{page}/seek", status=422, to="position", **{**values, "to-position": "-1"})
    assert 'href="#seek-to-position"' in refused.text
    for start, kept in (("beginning", "beginning"), ("position", "3"), ("time", "2020-01-01T10:00:00Z")):
        entered = {"start-position": "3", "start-time": "2020-01-01T10:00"}
        made = await ilze.send(NEW_PULL, NEW_PULL, name="x", start=start, **entered)
        made_id = UUID(made.headers["location"].rpartition("/")[2].partition("?")[0])
        assert (await Subscriptions(system.pool).get(ilze.person, made_id)).start == kept


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
    assert html.index("<td", html.index('id="log"')) < html.index("404", html.index('id="log"'))


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


async def test_what_one_may_no_longer_see_is_not_told(
    ilze: Reader, janis: Reader, system: System, work: Work
) -> None:
    page, id = await a_pull_group(system, janis)
    head = await system.log.head()
    await park(system, id, "no", head)
    html = await janis.get(page)
    assert f"Place {head}" in html
    assert "<code>" not in html[html.index('id="parked"') :]


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


async def test_pages_need_their_own_form(ilze: Reader, system: System) -> None:
    page, id = await a_pull_group(system, ilze)
    for path in (f"{page}/pause", f"{page}/delete", NEW_PULL):
        await ilze.post(path, status=403, name="x")
    assert [(one.id, one.state) for one in await Subscriptions(system.pool).list(ilze.person)] == [
        (id, "active")
    ]
    await ilze.get("/integrations/new/anything", status=404)
    await ilze.get(f"{page}?older=x&parked_after=-1&tried={uuid4()}")


async def test_what_a_pull_group_has_not(ilze: Reader, system: System) -> None:
    page, _ = await a_pull_group(system, ilze)
    html = await ilze.get(page)
    assert f"{page}/ping" not in html
    assert "Log of deliveries" not in html
    csrf = (await ilze.form(page, f"{page}/pause"))["csrf"]
    for path in ("ping", "secret", f"deliveries/{uuid4()}/redeliver"):
        await ilze.post(f"{page}/{path}", status=404, csrf=csrf)
