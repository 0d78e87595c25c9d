"""Webhooks against real receivers, good and bad, in a running application."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook as Verifier

from app.events.cloud_events import BATCH
from app.subscriptions.delivery_log import Delivery, DeliveryLog
from app.subscriptions.message import STRUCTURED
from app.subscriptions.webhook import Webhooks
from app.system import System
from tests.app.api.conftest import Somebody
from tests.app.subscriptions.hooks import a_webhook, deliver, events_of, system
from tests.app.subscriptions.receivers import answer, never, receiving

__all__ = ["system"]


async def until(system: System, webhook: UUID, sql: str, wanted: Any) -> None:
    """Wait until a query over `$1`, the webhook, answers so; raises TimeoutError."""
    async with asyncio.timeout(60):
        while await system.pool.fetchval(sql, webhook) != wanted:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)


LEFT = "SELECT count(*) FROM deliveries WHERE subscription = $1"
LEASED = "SELECT count(*) FROM deliveries WHERE subscription = $1 AND state = 'leased'"
STATE = "SELECT state FROM subscriptions WHERE id = $1"
WAITS = """
SELECT due_at > now() + interval '50 minutes' AND lease IS NULL AND attempts = 1
FROM deliveries WHERE subscription = $1
"""


async def noted(system: System, webhook: UUID, count: int = 1) -> list[Delivery]:
    """The attempts, newest first, of which there are so many."""
    await until(system, webhook, "SELECT count(*) FROM webhook_deliveries WHERE subscription = $1", count)
    return await DeliveryLog(system.pool).newest(webhook, limit=100)


async def test_an_event_arrives_signed_once_and_is_noted(system: System, ana: Somebody) -> None:
    [event, *_] = await events_of(ana, await ana.a_process())
    position = int(event["sequence"])
    async with receiving() as receiver:
        webhook = await a_webhook(system, ana.person, receiver.url)
        keys = await Webhooks(system.pool, system.settings.signing_key()).rotate(webhook)
        await deliver(system, webhook, position)
        [message] = await receiver.wait_for(1)
        await until(system, webhook, LEFT, 0)
    assert Verifier(keys.secret).verify(message.body, message.headers) == event
    assert message.headers["webhook-id"] == event["id"]
    assert message.headers["content-type"] == STRUCTURED
    [entry] = await noted(system, webhook)
    assert (entry.outcome, entry.status, entry.error, entry.attempt) == ("delivered", 204, None, 1)
    assert (entry.cause, list(entry.positions)) == ("event", [position])


async def test_each_stream_arrives_in_order(system: System, ana: Somebody) -> None:
    processes = [await ana.a_process(f"Process {n}") for n in range(3)]
    for process in processes:
        for n in range(4):
            await ana.post(f"/api/v1/processes/{process}/nodes", {"kind": "phase", "title": f"Phase {n}"})
    events = [event for process in processes for event in await events_of(ana, process)]
    async with receiving() as receiver:
        webhook = await a_webhook(system, ana.person, receiver.url)
        await deliver(system, webhook, *(int(event["sequence"]) for event in events))
        messages = await receiver.wait_for(len(events))
    arrived: dict[str, list[str]] = {}
    for message in messages:
        body = json.loads(message.body)
        arrived.setdefault(body["subject"], []).append(body["sequence"])
    assert sum(map(len, arrived.values())) == len(events)
    assert all(sequences == sorted(sequences) for sequences in arrived.values())
    assert len(arrived) >= 3


async def test_a_failing_stream_is_tried_again_later_and_told(system: System, ana: Somebody) -> None:
    [event, *_] = await events_of(ana, await ana.a_process())
    async with receiving(answer(500)) as receiver:
        webhook = await a_webhook(system, ana.person, receiver.url)
        await deliver(system, webhook, int(event["sequence"]))
        await receiver.wait_for(1)
        await until(system, webhook, STATE, "failing")
        await until(system, webhook, WAITS, True)
        receiver.behave = answer(200)
        await system.pool.execute("UPDATE deliveries SET due_at = now() WHERE subscription = $1", webhook)
        first, second = await receiver.wait_for(2)
        await until(system, webhook, STATE, "active")
        await until(system, webhook, LEFT, 0)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    newest, oldest = await noted(system, webhook, 2)
    assert (oldest.outcome, oldest.status, newest.outcome, newest.attempt) == ("retried", 500, "delivered", 2)


async def test_nothing_overtakes_what_was_not_taken(system: System, ana: Somebody) -> None:
    process = await ana.a_process()
    await ana.a_task(process)
    plan = [event for event in await events_of(ana, process) if event["type"] == "plan.node_added"]
    answers = iter([answer(500)])

    async def behave(writer: asyncio.StreamWriter) -> None:
        await next(answers, answer(204))(writer)

    async with receiving(behave) as receiver:
        webhook = await a_webhook(system, ana.person, receiver.url)
        await deliver(system, webhook, *(int(event["sequence"]) for event in plan))
        await until(system, webhook, STATE, "failing")
        await until(system, webhook, LEASED, 0)
        assert [message.headers["webhook-id"] for message in receiver.received] == [plan[0]["id"]]
        await system.pool.execute("UPDATE deliveries SET due_at = now() WHERE subscription = $1", webhook)
        system.news.tell([webhook])
        await until(system, webhook, LEFT, 0)
    ids = [event["id"] for event in plan]
    assert [message.headers["webhook-id"] for message in receiver.received] == [ids[0], *ids]


async def test_a_right_that_is_taken_away_ends_sending_within_a_second(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    process = await ana.a_process()
    permission = (await ana.let_in(bruno, process, "view"))["id"]
    for n in range(40):
        await ana.post(f"/api/v1/processes/{process}/nodes", {"kind": "phase", "title": f"Phase {n}"})
    plan = [event for event in await events_of(ana, process) if event["type"] == "plan.node_added"]
    later = asyncio.Event()

    async def behave(writer: asyncio.StreamWriter) -> None:
        if len(receiver.received) == 4:
            await later.wait()
        await answer(204)(writer)

    async with receiving(behave) as receiver:
        webhook = await a_webhook(system, bruno.person, receiver.url)
        await deliver(system, webhook, *(int(event["sequence"]) for event in plan))
        await receiver.wait_for(4)
        await ana.delete(f"/api/v1/permissions/{permission}")
        await asyncio.sleep(1)  # the promise
        later.set()
        await until(system, webhook, LEFT, 0)
    assert len(receiver.received) == 4


async def test_after_the_last_attempt_it_is_parked(system: System, ana: Somebody) -> None:
    [event, *_] = await events_of(ana, await ana.a_process())
    async with receiving(answer(500)) as receiver:
        webhook = await a_webhook(system, ana.person, receiver.url)
        await deliver(system, webhook, int(event["sequence"]))
        await until(system, webhook, WAITS, True)
        await system.pool.execute(
            "UPDATE deliveries SET due_at = now(), attempts = 9 WHERE subscription = $1", webhook
        )
        await until(system, webhook, "SELECT state FROM deliveries WHERE subscription = $1", "parked")
        await until(system, webhook, "SELECT last_error FROM subscriptions WHERE id = $1", "answered 500")
    assert (await noted(system, webhook, 2))[0].outcome == "parked"


async def test_gone_disables(system: System, ana: Somebody) -> None:
    events = await events_of(ana, await ana.a_process())
    async with receiving(answer(410)) as receiver:
        webhook = await a_webhook(system, ana.person, receiver.url)
        await deliver(system, webhook, int(events[0]["sequence"]))
        await until(system, webhook, STATE, "disabled")
        [entry] = await noted(system, webhook)
    assert (entry.outcome, entry.status) == ("disabled", 410)
    assert len(receiver.received) == 1


async def test_a_busy_receiver_is_left_alone_altogether(system: System, ana: Somebody) -> None:
    first, second = [await events_of(ana, await ana.a_process(f"Process {n}")) for n in range(2)]
    async with receiving(answer(429, "Retry-After: 100")) as receiver:
        webhook = await a_webhook(system, ana.person, receiver.url)
        await deliver(system, webhook, int(first[0]["sequence"]))
        await until(
            system,
            webhook,
            "SELECT until > now() + interval '80 s' FROM webhook_quiet WHERE subscription = $1",
            True,
        )
        await deliver(system, webhook, int(second[0]["sequence"]))
        other = await a_webhook(system, ana.person, receiver.url)
        receiver.behave = answer(200)
        await deliver(system, other, int(first[0]["sequence"]))
        await receiver.wait_for(2)
        await until(system, other, LEFT, 0)
        assert await system.pool.fetchval(LEFT, webhook) == 2
    assert len(receiver.received) == 2


async def test_what_the_owner_may_no_longer_see_is_not_sent(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    hidden, *_ = await events_of(ana, await ana.a_process())
    seen, *_ = await events_of(bruno, await bruno.a_process())
    async with receiving() as receiver:
        webhook = await a_webhook(system, bruno.person, receiver.url)
        await deliver(system, webhook, int(hidden["sequence"]))
        await until(system, webhook, LEFT, 0)
        await deliver(system, webhook, int(seen["sequence"]))
        [message] = await receiver.wait_for(1)
    assert json.loads(message.body)["id"] == seen["id"]


async def test_nothing_is_sent_with_a_revoked_token(system: System, ana: Somebody) -> None:
    event, *_ = await events_of(ana, await ana.a_process())
    token, _ = await system.sign_in.create_token(ana.person, name="hook", scopes=["read"], expires=None)
    async with receiving() as receiver:
        good = await a_webhook(system, ana.person, receiver.url)
        revoked = await a_webhook(system, ana.person, receiver.url + "/revoked", credential=token)
        await system.sign_in.revoke_token(ana.person, token)
        await deliver(system, revoked, int(event["sequence"]))
        await deliver(system, good, int(event["sequence"]))
        [message] = await receiver.wait_for(1)
        await until(system, good, LEFT, 0)
        assert await system.pool.fetchval(LEFT, revoked) == 1
    assert message.target == "/hook"
    assert len(receiver.received) == 1


async def test_a_receiver_that_hangs_holds_up_no_other(system: System, ana: Somebody) -> None:
    event, *_ = await events_of(ana, await ana.a_process())
    async with receiving(never) as stuck, receiving() as receiver:
        for url in (stuck.url, receiver.url):
            webhook = await a_webhook(system, ana.person, url)
            await deliver(system, webhook, int(event["sequence"]))
            await (stuck if url == stuck.url else receiver).wait_for(
                1, timeout=50
            )  # long before it is given up


async def test_a_batch_is_one_message(system: System, ana: Somebody) -> None:
    events = [(await events_of(ana, await ana.a_process(f"Process {n}")))[0] for n in range(3)]
    async with receiving() as receiver:
        webhook = await a_webhook(system, ana.person, receiver.url, batch=8)
        await deliver(system, webhook, *(int(event["sequence"]) for event in events))
        [message] = await receiver.wait_for(1)
        await until(system, webhook, LEFT, 0)
    assert message.headers["content-type"] == BATCH
    assert sorted(json.loads(message.body), key=lambda one: one["sequence"]) == events
    assert len(receiver.received) == 1
