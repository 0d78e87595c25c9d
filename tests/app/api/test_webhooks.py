"""A webhook's whole life over the API, with a real receiver."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

from standardwebhooks import Webhook as Verifier
from starlette.applications import Starlette

from app.system import System
from tests.app.api.conftest import Somebody
from tests.app.subscriptions.hooks import system
from tests.app.subscriptions.receivers import answer, receiving

__all__ = ["system"]

WEBHOOKS = "/api/v1/subscriptions"


def one(webhook: dict[str, Any]) -> str:
    return f"/api/v1/subscriptions/{webhook['id']}"


async def test_what_happens_is_sent_to_whoever_subscribed(ana: Somebody) -> None:
    async with receiving() as receiver:
        webhook = await ana.post(
            WEBHOOKS,
            {
                "kind": "webhook",
                "name": "Mine",
                "url": receiver.url,
                "filter": [{"exact": {"type": "process.started"}}],
            },
        )
        process = await ana.a_process()
        [message] = await receiver.wait_for(1)
        [event] = [
            event
            for event in await ana.get(f"/api/v1/events?process={process}")
            if event["type"] == "process.started"
        ]
        assert Verifier(webhook["secret"]).verify(message.body, message.headers) == event
        async with asyncio.timeout(60):
            while not (found := await ana.get(one(webhook) + "/deliveries"))["items"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        [entry] = found["items"]
        assert (entry["outcome"], entry["status"], entry["cause"]) == ("delivered", 204, "event")

        again = await ana.post(f"{one(webhook)}/deliveries/{entry['id']}/redeliver")
        assert (again["outcome"], again["cause"]) == ("delivered", "redelivery")
        repeated = (await receiver.wait_for(2))[1]
        assert repeated.body == message.body
        assert repeated.headers["webhook-id"] == message.headers["webhook-id"]
        assert repeated.headers["interlink-replayed"] == "true"


async def test_a_ping_tells_how_it_went(ana: Somebody) -> None:
    async with receiving() as receiver:
        webhook = await ana.post(WEBHOOKS, {"kind": "webhook", "name": "Mine", "url": receiver.url})
        good = await ana.post(one(webhook) + "/ping")
        receiver.behave = answer(500)
        bad = await ana.post(one(webhook) + "/ping")
    assert (good["outcome"], good["status"], bad["outcome"], bad["status"]) == (
        "delivered",
        204,
        "failed",
        500,
    )
    sent = Verifier(webhook["secret"]).verify(receiver.received[0].body, receiver.received[0].headers)
    assert sent["type"] == "webhook.ping"
    page = await ana.get(one(webhook) + "/deliveries", limit=1)
    rest = await ana.get(one(webhook) + "/deliveries", limit=1, cursor=page["next"])
    assert [page["items"][0]["id"], rest["items"][0]["id"]] == [bad["id"], good["id"]]
    await ana.post(f"{one(webhook)}/deliveries/{good['id']}/redeliver", status=404)


async def test_both_secrets_verify_while_one_is_rotated(ana: Somebody) -> None:
    async with receiving() as receiver:
        old = await ana.post(WEBHOOKS, {"kind": "webhook", "name": "Mine", "url": receiver.url})
        new = await ana.post(one(old) + "/secret")
        await ana.post(one(old) + "/ping")
        [message] = receiver.received
    assert old["secret"] != new["secret"]
    for keys in (old, new):
        assert Verifier(keys["secret"]).verify(message.body, message.headers)
    shown = json.dumps(await ana.get(one(old)))
    assert "whsec" not in shown
    assert "whsk" not in shown


async def test_a_webhook_is_its_owners_alone(ana: Somebody, bruno: Somebody) -> None:
    webhook = await ana.post(WEBHOOKS, {"kind": "webhook", "name": "Mine", "url": "http://127.0.0.1:9/"})
    await bruno.get(one(webhook) + "/deliveries", status=404)
    for path in ("/ping", "/secret", f"/deliveries/{uuid4()}/redeliver"):
        await bruno.post(one(webhook) + path, status=404)


NO_URLS = ("ftp://example.org/", "http://u:p@example.org/", "example.org", "https://example.org/#a", "")
PRIVATE = (
    "http://127.0.0.1/",
    "http://10.0.0.1/",
    "http://169.254.169.254/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://example.org:5432/",
)


async def test_urls_that_cannot_be_are_refused_when_a_webhook_is_made_or_changed(
    ana: Somebody, app: Starlette, system: System
) -> None:
    webhook = await ana.post(WEBHOOKS, {"kind": "webhook", "name": "Mine", "url": "http://127.0.0.1:9/"})
    strict = system.settings.model_copy(update={"webhook_allow_private": False})
    for running, urls in ((system, NO_URLS), (replace(system, settings=strict), PRIVATE)):
        app.state.system = running
        for url in urls:
            body = {"kind": "webhook", "name": "Mine", "url": url}
            made = await ana.post(WEBHOOKS, body, status=422)
            changed = await ana.patch(one(webhook), {"url": url}, status=422)
            assert (made["code"], changed["code"]) == ("url_refused", "url_refused"), url
    refused = await ana.post(one(webhook) + "/ping")
    assert (refused["outcome"], refused["error"]) == ("failed", "address_refused")
    await ana.patch(one(webhook), {"url": "http://localhost/"})  # a name is looked at when it is used
    refused = await ana.post(one(webhook) + "/ping")
    assert (refused["outcome"], refused["error"]) == ("failed", "address_refused")
    assert (await ana.get(one(webhook)))["settings"]["url"] == "http://localhost/"


async def test_a_new_url_and_form_hold_from_the_next_message_on(ana: Somebody) -> None:
    async with receiving() as old, receiving() as new:
        chosen = [{"exact": {"type": "process.started"}}]
        body = {"kind": "webhook", "name": "Mine", "url": old.url, "filter": chosen}
        webhook = await ana.post(WEBHOOKS, body)
        await ana.a_process("First")
        await old.wait_for(1)
        await ana.patch(one(webhook), {"url": new.url, "batch": 2, "thin": True})
        await ana.a_process("Second")
        [message, *_] = await new.wait_for(1)
        assert len(old.received) == 1
    [event, *_] = json.loads(message.body)
    assert "data" not in event
    assert event["dataref"].endswith(f"&before={int(event['sequence']) + 1}")


async def test_a_revoked_token_ends_its_webhook_within_a_second(ana: Somebody) -> None:
    async with receiving() as receiver:
        token = await ana.post("/api/v1/tokens", {"name": "hook", "scopes": ["read", "write"]})
        answered = await ana.client.post(
            WEBHOOKS,
            json={"kind": "webhook", "name": "Mine", "url": receiver.url},
            headers={"Authorization": f"Bearer {token['token']}"},
        )
        assert answered.status_code == 201, answered.text
        witness = await ana.post(
            WEBHOOKS, {"kind": "webhook", "name": "Other", "url": receiver.url + "/witness"}
        )
        first = await ana.a_process("First")
        told = {event["type"] for event in await ana.get(f"/api/v1/events?process={first}")}

        def came(target: str) -> set[str]:
            return {json.loads(each.body)["type"] for each in receiver.received if each.target == target}

        async with asyncio.timeout(60):  # nothing may be on its way when the token ends
            while not told <= came("/hook") & came("/hook/witness"):
                await receiver.wait_for(len(receiver.received) + 1, timeout=60)
        await ana.delete(f"/api/v1/tokens/{token['id']}")
        await asyncio.sleep(1)  # the promise
        before = len([message for message in receiver.received if message.target == "/hook"])
        process = await ana.a_process("Second")
        async with asyncio.timeout(60):
            while not any(process.encode() in message.body for message in receiver.received):
                await receiver.wait_for(len(receiver.received) + 1, timeout=60)
    assert len([message for message in receiver.received if message.target == "/hook"]) == before
    assert witness["id"]
