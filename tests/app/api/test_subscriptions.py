"""Subscriptions as their owners make and change them: both kinds in one place, each with its settings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.api.conftest import Somebody

PATH = "/api/v1/subscriptions"
URL = "https://receiver.example.org/hook"
PULL = {"kind": "pull", "name": "Index"}
WEBHOOK = {"kind": "webhook", "name": "Hook", "url": URL}


async def test_a_webhook_begins_with_its_settings_and_keys_shown_once(ana: Somebody) -> None:
    made = await ana.post(PATH, WEBHOOK)
    assert made["settings"] == {"url": URL, "batch": 1, "thin": False}
    assert made["secret"].startswith("whsec_")
    assert made["public_key"].startswith("whpk_")
    shown = await ana.get(f"{PATH}/{made['id']}")
    assert "secret" not in shown
    assert (shown["kind"], shown["state"]) == ("webhook", "active")


async def test_a_pull_group_begins_with_its_settings_and_no_keys(ana: Somebody) -> None:
    made = await ana.post(PATH, {**PULL, "max_deliveries": 3})
    assert made["settings"] == {"lease_seconds": 60.0, "max_deliveries": 3}
    assert (made["secret"], made["public_key"]) == (None, None)


async def test_the_settings_of_a_kind_can_be_changed(ana: Somebody) -> None:
    webhook = f"{PATH}/{(await ana.post(PATH, WEBHOOK))['id']}"
    changed = await ana.patch(webhook, {"url": f"{URL}/2", "batch": 5, "thin": True, "name": "Two"})
    assert (changed["settings"], changed["name"]) == (
        {"url": f"{URL}/2", "batch": 5, "thin": True},
        "Two",
    )
    assert (await ana.patch(webhook, {"thin": False}))["settings"]["batch"] == 5
    group = f"{PATH}/{(await ana.post(PATH, PULL))['id']}"
    changed = await ana.patch(group, {"lease_seconds": 5, "filter": [{"exact": {"type": "plan.node_added"}}]})
    assert changed["settings"] == {"lease_seconds": 5.0, "max_deliveries": 10}
    assert changed["filter"] == [{"exact": {"type": "plan.node_added"}}]


@pytest.mark.parametrize(
    ("made", "settings", "field"),
    [
        pytest.param(PULL, {"url": URL}, "url", id="pull-url"),
        pytest.param(PULL, {"batch": 2}, "batch", id="pull-batch"),
        pytest.param(PULL, {"max_deliveries": 0}, "max_deliveries", id="pull-none"),
        pytest.param(WEBHOOK, {"lease_seconds": 5}, "lease_seconds", id="webhook-lease"),
        pytest.param(WEBHOOK, {"batch": 0}, "batch", id="webhook-empty"),
        pytest.param(WEBHOOK, {"batch": 10**9}, "batch", id="webhook-much"),
        pytest.param(WEBHOOK, {"url": "ftp://example.org/"}, "url", id="webhook-scheme"),
        pytest.param(WEBHOOK, {"url": "http://u:p@example.org/"}, "url", id="webhook-password"),
        pytest.param(WEBHOOK, {"url": f"https://example.org/{'a' * 5000}"}, "url", id="webhook-long"),
    ],
)
async def test_settings_that_cannot_be_are_refused_by_name(
    ana: Somebody, made: dict[str, Any], settings: dict[str, Any], field: str
) -> None:
    refused = await ana.post(PATH, {**made, **settings}, status=422)
    assert [error["field"] for error in refused["errors"]] == [field]
    one = f"{PATH}/{(await ana.post(PATH, made))['id']}"
    refused = await ana.patch(one, settings, status=422)
    assert [error["field"] for error in refused["errors"]] == [field]


async def test_a_webhook_needs_a_url(ana: Somebody) -> None:
    refused = await ana.post(PATH, {"kind": "webhook", "name": "Hook"}, status=422)
    assert [error["field"] for error in refused["errors"]] == ["url"]


async def test_a_command_that_is_repeated_shows_no_secret_again(ana: Somebody) -> None:
    key = {"Idempotency-Key": "once"}
    made = await ana.client.post(PATH, json=WEBHOOK, headers=key)
    assert made.status_code == 201
    again = await ana.client.post(PATH, json=WEBHOOK, headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "secret_shown_once")
    group = [(await ana.client.post(PATH, json=PULL, headers={"Idempotency-Key": "two"})) for _ in range(2)]
    assert group[0].json()["id"] == group[1].json()["id"]
    assert len((await ana.get(PATH))["items"]) == 2


async def test_nobody_elses_can_be_changed(ana: Somebody, bruno: Somebody) -> None:
    one = f"{PATH}/{(await ana.post(PATH, WEBHOOK))['id']}"
    await bruno.patch(one, {"url": URL}, status=404)
