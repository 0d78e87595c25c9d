"""Webhooks and pull groups by hand, without scripts: made, watched, mended, replayed, deleted."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from app.events.filters import Filter
from app.subscriptions.store import Subscriptions
from app.subscriptions.webhook import Webhooks
from app.system import System
from tests.app.pages.conftest import Reader, Work
from tests.app.pages.integrations import (
    NEW_PULL,
    NEW_WEBHOOK,
    SECRET,
    a_pull_group,
    only,
    park,
    receiver,
    system,
)
from tests.app.subscriptions.receivers import Receiver

__all__ = ["receiver", "system"]


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


async def test_what_one_may_no_longer_see_is_not_told(
    ilze: Reader, janis: Reader, system: System, work: Work
) -> None:
    page, id = await a_pull_group(system, janis)
    head = await system.log.head()
    await park(system, id, "no", head)
    html = await janis.get(page)
    assert f"Place {head}" in html
    assert "<code>" not in html[html.index('id="parked"') :]


async def test_pages_need_their_own_form(ilze: Reader, system: System) -> None:
    page, id = await a_pull_group(system, ilze)
    for path in (f"{page}/pause", f"{page}/delete", NEW_PULL):
        await ilze.post(path, status=403, name="x")
    assert [(one.id, one.state) for one in await Subscriptions(system.pool).list(ilze.person)] == [
        (id, "active")
    ]
    await ilze.get("/integrations/new/anything", status=404)
    await ilze.get(f"{page}?older=x&parked_after=-1&tried={uuid4()}")
