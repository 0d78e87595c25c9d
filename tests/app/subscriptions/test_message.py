"""Messages: one event or several, whole or thin, with the same id whenever the same is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from app.events.cloud_events import BATCH, encode
from app.subscriptions.message import STRUCTURED, THIN_OVER, compose, ping
from app.system import System
from domain.ports import RecordedEvent
from tests.app.api.conftest import Somebody
from tests.app.subscriptions.hooks import events_of

HERE = "http://here"


def an_event(position: int = 7, payload: bytes = b'{"title":"\xc5\xbduvis"}') -> RecordedEvent:
    ids: dict[str, Any] = dict.fromkeys(("on_behalf_of", "correlation_id", "causation_id", "attachment"))
    return RecordedEvent(
        position=position, event_id=uuid4(), stream=uuid4(), version=1, type="unknown.thing",
        schema_version=1, recorded_at=datetime(2026, 1, 2, tzinfo=UTC), actor=uuid4(),
        command_id=uuid4(), process=uuid4(), tags=(), payload=payload, **ids,
    )  # fmt: skip


def test_one_event_is_a_structured_cloud_event_of_its_own_id() -> None:
    event = an_event()
    message = compose([event], HERE)
    assert (message.id, message.content_type) == (str(event.event_id), STRUCTURED)
    assert message.body == encode(event, HERE)
    assert compose([event], HERE) == message


def test_a_batch_holds_all_in_their_order_and_has_an_id_of_its_own() -> None:
    events = [an_event(position) for position in (7, 9, 8)]
    message = compose(events, HERE, batch=True)
    assert message.content_type == BATCH
    assert json.loads(message.body) == [json.loads(encode(event, HERE)) for event in events]
    assert compose(events, HERE, batch=True).id == message.id
    others = (events[:2], events[::-1], [*events, an_event()])
    assert len({message.id, *(compose(other, HERE, batch=True).id for other in others)}) == 4
    assert "." not in message.id, "what is signed has dots between its parts"
    [alone] = json.loads(compose(events[:1], HERE, batch=True).body)
    assert alone["id"] == str(events[0].event_id)


@pytest.mark.parametrize("batch", [False, True])
def test_thin_events_say_where_their_data_is_and_nothing_of_it(batch: bool) -> None:
    event = an_event()
    body = json.loads(compose([event], HERE, batch=batch, thin=True).body)
    [thin] = body if batch else [body]
    whole = json.loads(encode(event, HERE))
    assert thin.pop("dataref") == f"{HERE}/api/v1/events?after=6&before=8"
    del whole["data"]
    assert thin == whole


def test_data_goes_along_up_to_a_size() -> None:
    over = THIN_OVER - len(encode(an_event(payload=b'""'), HERE))
    largest, larger = [
        compose([an_event(payload=b'"%b"' % (b"x" * size))], HERE) for size in (over, over + 1)
    ]
    assert len(largest.body) == THIN_OVER
    assert "data" in json.loads(largest.body)
    assert "data" not in json.loads(larger.body)


async def test_a_large_event_goes_without_its_data_which_is_where_it_says(
    system: System, ana: Somebody
) -> None:
    [seen, *_] = await events_of(ana, await ana.a_process())
    position = int(seen["sequence"])
    [event] = await system.log.read(after=position - 1, before=position + 1, limit=1)
    large = replace(event, type="unknown.thing", payload=json.dumps({"x": "y" * THIN_OVER}).encode())
    message = compose([large], HERE)
    parsed = from_http_event(HTTPMessage({"content-type": STRUCTURED}, message.body))
    assert len(message.body) < 2000
    assert parsed.get_data() is None
    where = parsed.get_extension("dataref").removeprefix(HERE)
    assert await ana.get(where) == [seen]


def test_a_ping_is_new_each_time_and_says_of_what_it_is() -> None:
    id = uuid4()
    first, second = ping(id, HERE), ping(id, HERE)
    assert first.id != second.id
    event = from_http_event(HTTPMessage({"content-type": first.content_type}, first.body))
    assert (event.get_id(), event.get_source(), event.get_subject()) == (first.id, HERE, str(id))
    assert (event.get_type(), event.get_data()) == ("webhook.ping", {})
