"""Single messages against receivers, good and bad, and what is understood of their answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook as Verifier

from app.database.postgres import Pool
from app.subscriptions import address_guard, posting
from app.subscriptions import courier as module
from app.subscriptions.courier import Courier
from app.subscriptions.message import ping
from app.subscriptions.schedule import Answer
from app.subscriptions.webhook import Webhook
from app.system import System
from domain.catalogue import EVENTS
from domain.ports import EventFilter, EventLog
from tests.app.subscriptions.hooks import a_webhook, sender
from tests.app.subscriptions.receivers import (
    Behaviour,
    answer,
    break_off,
    drip,
    flood,
    gibberish,
    never,
    receiving,
)
from tests.builders import a_person, a_process
from tests.ports import kept_port


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a machine stands still for seconds, no connection is given up."""
    monkeypatch.setattr(posting, "CONNECTING", 300.0)
    monkeypatch.setattr(address_guard, "CONNECTING", 300.0)


@pytest.fixture
def system(pool: Pool, log: EventLog) -> System:
    return sender(pool, log)


async def found(courier: Courier, id: UUID) -> Webhook:
    webhook = await courier.webhooks.find(id)
    assert webhook is not None
    return webhook


async def one_attempt(system: System, owner: UUID, url: str, *, within: float = 300) -> Answer:
    id = await a_webhook(system, owner, url)
    async with Courier(system, within=within) as courier:
        return await courier.send(await found(courier, id), ping(id, "http://here"))


ANSWERS: list[tuple[Behaviour, int | None, str | None]] = [
    (answer(204), 204, None),
    (answer(302, "Location: http://127.0.0.1:1/"), 302, None),
    (answer(500), 500, None),
    (answer(503, "Retry-After: 120"), 503, None),
    (flood, 200, None),
    (drip, None, "timeout"),
    (never, None, "timeout"),
    (break_off, None, "protocol"),
    (gibberish, None, "protocol"),
]


async def test_what_receivers_do_is_understood(system: System) -> None:
    owner, port = await a_person(system), kept_port(system)
    for behaviour, status, error in ANSWERS:
        async with receiving(behaviour, port=port) as receiver:
            began = time.monotonic()
            within = 0.2 if error == "timeout" else 300
            told = await one_attempt(system, owner, receiver.url, within=within)
            assert (told.status, told.error) == (status, error)
            assert told.retry_after == (120 if status == 503 else None)
            assert time.monotonic() - began < 60
    assert (await one_attempt(system, owner, receiver.url)).error == "connection"


async def test_private_addresses_are_refused_unless_allowed(system: System) -> None:
    async def inside(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.7"]

    owner = await a_person(system)
    strict = system.settings.model_copy(update={"webhook_allow_private": False})
    guarded = replace(system, settings=strict)
    async with Courier(guarded, resolve=inside) as courier:
        for url in ("http://127.0.0.1:9/", "https://receiver.test/", "http://u:p@receiver.test/", "nothing"):
            webhook = Webhook(await a_webhook(system, owner, url), owner, url, "active")
            told = await courier.send(webhook, ping(webhook.id, "http://here"))
            assert told == Answer(None, error="address_refused")


async def test_new_keys_sign_a_moment_later_and_nothing_goes_out_unsigned(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as receiver, Courier(system, within=300) as courier:
        webhook = await found(courier, await a_webhook(system, await a_person(system), receiver.url))
        message = ping(webhook.id, "http://here")
        await courier.send(webhook, message)
        keys = await courier.webhooks.rotate(webhook.id)
        monkeypatch.setattr(module, "KEYS_KEPT", 0.0)
        await courier.send(webhook, message)
        await system.pool.execute("UPDATE webhook_keys SET sealed = sealed || 'x'::bytea")
        assert await courier.send(webhook, message) == Answer(None, error="signing_key")
    [_, sent] = receiver.received
    Verifier(keys.secret).verify(sent.body, sent.headers)


async def test_what_was_sent_by_hand_is_noted_as_it_went(system: System) -> None:
    async with receiving() as receiver, Courier(system, within=300) as courier:
        webhook = await found(courier, await a_webhook(system, await a_person(system), receiver.url))
        message = ping(webhook.id, "http://here")
        good = await courier.send_once(webhook, message, cause="ping")
        receiver.behave = answer(410)
        bad = await courier.send_once(webhook, message, cause="redelivery", positions=[4, 2])
        receiver.behave = break_off
        broken = await courier.send_once(webhook, message, cause="redelivery")
        noted = await courier.log.newest(webhook.id, limit=9)
    assert noted == [broken, bad, good]
    told = [(one.cause, list(one.positions), one.outcome, one.status, one.error) for one in noted]
    assert told == [
        ("redelivery", [], "failed", None, "protocol"),
        ("redelivery", [4, 2], "failed", 410, None),
        ("ping", [], "delivered", 204, None),
    ]
    assert [one.headers.get("interlink-replayed") for one in receiver.received] == [None, "true", "true"]
    assert {one.headers["webhook-id"] for one in receiver.received} == {message.id}
    assert {one.body for one in receiver.received} == {message.body}


async def test_events_are_those_that_the_owner_may_see_and_are_noted_as_read(
    system: System, log: EventLog
) -> None:
    owner, other = await a_person(system), await a_person(system)
    await a_process(system, other)
    hidden = await log.head()
    await a_process(system, owner)
    last, token = await log.head(), uuid4()
    async with Courier(system) as courier:
        webhook = Webhook(uuid4(), owner, "http://receiver.test/", "active", batch=2, credential=token)
        events = await courier.events(webhook, [last, hidden, last - 1, last + 1])
        assert [event.position for event in events] == [last, last - 1]
        assert courier.compose(webhook, events).body.startswith(b"[")
        assert courier.compose(replace(webhook, batch=1, thin=True), events[:1]).body.count(b"dataref") == 1
    await system.accesses.write()
    [told] = await log.read(where=EventFilter(types=("access.recorded",)))
    payload = EVENTS.payload(told)
    assert told.actor == owner
    assert (payload["way"], payload["credential"], payload["events"]) == ("webhook", str(token), 3)
    assert (payload["first"], payload["last"]) == (last - 1, last)
