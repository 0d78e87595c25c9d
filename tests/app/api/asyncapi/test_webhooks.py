"""Webhooks are described as they are sent."""

from __future__ import annotations

import json
from uuid import uuid4

from app.eventlog.examples import example
from app.subscriptions.message import THIN_OVER, compose, ping
from domain.catalogue import EVENTS
from tests.app.api.asyncapi.described import ADDRESS, document, messages_of, payload_fits

ALL = [example(entry.name, position) for position, entry in enumerate(EVENTS, 1)]


def test_what_is_composed_is_described_by_its_own_message_and_no_other() -> None:
    for event in ALL:
        whole = json.loads(compose([event], ADDRESS).body)
        thin = json.loads(compose([event], ADDRESS, thin=True).body)
        assert payload_fits("webhook.event", whole)
        assert payload_fits("webhook.thin", thin)
        assert not payload_fits("webhook.thin", whole)
        assert not payload_fits("webhook.thin", whole | thin)
        assert not payload_fits("webhook.ping", whole)


def test_a_batch_holds_whole_events_and_thin_ones() -> None:
    sent = json.loads(compose(ALL[:3], ADDRESS, batch=True).body)
    thin = json.loads(compose(ALL[3:5], ADDRESS, batch=True, thin=True).body)
    assert payload_fits("webhook.batch", [*sent, *thin])
    assert not payload_fits("webhook.batch", [])
    assert not payload_fits("webhook.batch", [*sent, {"type": "x"}])


def test_a_ping_is_described_as_it_is_sent() -> None:
    sent = json.loads(ping(uuid4(), ADDRESS).body)
    assert payload_fits("webhook.ping", sent)
    assert not payload_fits("webhook.ping", sent | {"data": {"a": 1}})
    assert not payload_fits("webhook.ping", sent | {"type": "plan.opened"})


def test_all_that_may_come_is_named_with_its_limit() -> None:
    assert messages_of("sendWebhook") == ["webhook.event", "webhook.batch", "webhook.thin", "webhook.ping"]
    assert f"over {THIN_OVER:,} bytes" in document()["channels"]["webhook"]["description"]
