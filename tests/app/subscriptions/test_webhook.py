"""Webhooks as they are stored: what may be asked of them, and the keys that sign."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from app.database.postgres import Pool
from app.subscriptions import webhook as module
from app.subscriptions.webhook import BATCH, Webhooks, checked_url
from app.system import System
from domain.errors import Invalid
from domain.ports import EventLog
from tests.app.subscriptions.hooks import a_webhook, sender
from tests.builders import a_person


@pytest.fixture
def system(pool: Pool, log: EventLog) -> System:
    return sender(pool, log)


async def test_keys_rotate_with_a_day_of_both(system: System) -> None:
    webhooks = Webhooks(system.pool, system.settings.signing_key())
    id = await a_webhook(system, await a_person(system), "http://127.0.0.1/")
    first = await webhooks.rotate(id)
    second = await webhooks.rotate(id)
    assert [key for key in await webhooks.keys(id) if key.startswith("whsec_")] == [
        second.secret,
        first.secret,
    ]
    third = await webhooks.rotate(id)
    shared = [key for key in await webhooks.keys(id) if key.startswith("whsec_")]
    assert shared == [third.secret, second.secret]
    await system.pool.execute("UPDATE webhook_keys SET retires_at = now() WHERE retires_at IS NOT NULL")
    assert len(await webhooks.keys(id)) == 2
    stored = await system.pool.fetch("SELECT sealed FROM webhook_keys")
    assert not any(prefix in row["sealed"] for row in stored for prefix in (b"whsec_", b"whsk_"))


async def test_the_first_keys_are_made_once(system: System) -> None:
    webhooks = Webhooks(system.pool, system.settings.signing_key())
    id = await a_webhook(system, await a_person(system), "http://127.0.0.1/")
    found = await asyncio.gather(*(webhooks.keys(id) for _ in range(5)))
    assert all(keys == found[0] and len(keys) == 2 for keys in found)


async def test_a_webhook_of_somebody_else_is_not_found(system: System) -> None:
    owner = await a_person(system)
    webhooks = Webhooks(system.pool, system.settings.signing_key())
    id = await a_webhook(system, owner, "http://127.0.0.1/")
    assert await webhooks.find(id, owner=owner) is not None
    assert await webhooks.find(id, owner=uuid4()) is None
    await system.pool.execute("UPDATE subscriptions SET kind = 'pull'")
    assert await webhooks.find(id) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("", 1, False)),
        ({"url": "https://x.test/", "batch": 100, "thin": True}, ("https://x.test/", 100, True)),
        ({"batch": 101, "thin": 1}, ("", BATCH, False)),
        ({"batch": 0, "thin": "yes"}, ("", 1, False)),
        ({"batch": -5, "thin": None}, ("", 1, False)),
        ({"batch": None}, ("", 1, False)),
        ([], ("", 1, False)),
    ],
)
def test_whatever_stands_in_its_settings_it_is_a_webhook(
    settings: Any, expected: tuple[str, int, bool]
) -> None:
    row: Any = {"id": uuid4(), "owner": uuid4(), "credential": None, "state": "failing"}
    for stored in (settings, json.dumps(settings)):
        found = module.webhook(row | {"settings": stored})
        assert (found.url, found.batch, found.thin) == expected
        assert (found.id, found.owner, found.state) == (row["id"], row["owner"], "failing")


def test_a_url_is_refused_at_its_field() -> None:
    assert checked_url("https://example.org/hook", allow_private=False) == "https://example.org/hook"
    assert checked_url("http://127.0.0.1:9/", allow_private=True)
    for url in ("http://127.0.0.1:9/", "ftp://example.org/", "https://u:p@example.org/", "", "\x00"):
        with pytest.raises(Invalid) as refused:
            checked_url(url, allow_private=False)
        assert (refused.value.code, refused.value.field) == ("url_refused", "url")
