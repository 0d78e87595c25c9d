"""The CloudEvents SDK reads every event type, as each way of delivery serves it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator

from app.eventlog.schemas import Schemas
from app.system import System
from domain.catalogue import EVENTS
from domain.ports import RecordedEvent
from tests.app.api.conftest import Somebody
from tests.app.events.stories import every_type
from tests.app.events.test_sse import listening, until
from tests.app.subscriptions.hooks import system
from tests.app.subscriptions.receivers import Message, receiving

__all__ = ["system"]

PATH = "/api/v1/events"


async def test_the_sdk_reads_every_type_by_every_way(
    system: System, address: str, ana: Somebody, bruno: Somebody
) -> None:
    async with receiving() as receiver:
        body = {"kind": "webhook", "name": "All", "url": receiver.url, "start": "beginning"}
        await every_type(system, ana, bruno)
        await ana.post("/api/v1/subscriptions", body)
        batch = await _batch(ana)
        assert {event["type"] for event in batch} == {entry.name for entry in EVENTS}
        lines = await ana.client.get(PATH, params={"limit": 1000}, headers={"Accept": "application/x-ndjson"})
        async with listening(address, ana) as source:
            frames = [frame for frame in await until(source, "caughtup") if frame.event == "message"]
        sent = await receiver.wait_for(len(batch))

    as_read = list(map(_parsed, map(_text, batch)))
    assert list(map(_parsed, lines.content.splitlines())) == as_read
    assert [_parsed(frame.data.encode()) for frame in frames] == as_read
    assert sorted(map(_posted, sent), key=_sequence) == as_read
    await _agree(system, as_read)


async def _batch(who: Somebody) -> list[dict[str, Any]]:
    answer = await who.client.get(PATH, params={"limit": 1000})
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    found: list[dict[str, Any]] = answer.json()
    return found


async def _agree(system: System, parsed: Iterable[dict[str, Any]]) -> None:
    """That what the SDK found is what the log holds."""
    stored: dict[str, RecordedEvent] = {
        f"{event.position:020d}": event for event in await system.log.read(limit=1000)
    }
    schemas = Schemas()
    for event in parsed:
        record, attributes = stored[event["attributes"]["sequence"]], event["attributes"]
        assert attributes["id"] == str(record.event_id)
        assert attributes["time"] == record.recorded_at
        assert (attributes["type"], attributes["subject"]) == (record.type, str(record.stream))
        assert attributes.get("process") == (str(record.process) if record.process else None)
        schema = schemas.sent(record.type, record.schema_version, attributes["source"])
        assert attributes["dataschema"] == schema["$id"]
        Draft202012Validator(dict(schema)).validate(event["data"])


def _text(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def _parsed(data: bytes) -> dict[str, Any]:
    event = JSONFormat().read(CloudEvent, data)
    return {"attributes": event.get_attributes(), "data": event.get_data()}


def _posted(message: Message) -> dict[str, Any]:
    event = from_structured_event(HTTPMessage(headers=message.headers, body=message.body))
    return {"attributes": event.get_attributes(), "data": event.get_data()}


def _sequence(event: dict[str, Any]) -> str:
    found: str = event["attributes"]["sequence"]
    return found
