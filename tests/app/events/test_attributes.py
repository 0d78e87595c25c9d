"""What is sent holds the attributes that filters compare, and the data as it is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from app.events.attributes import ATTRIBUTES
from app.events.cloud_events import encode
from domain.ports import RecordedEvent

SOURCE = "https://interlink.example"
ID = UUID("0190a1b2-0000-7000-8000-00000000000a")
WHOLE = RecordedEvent(
    position=7,
    event_id=ID,
    stream=ID,
    version=3,
    type="plan.node_renamed",
    schema_version=1,
    recorded_at=datetime(2026, 3, 2, 12, 0, 0, 5, tzinfo=UTC),
    actor=ID,
    on_behalf_of=None,
    command_id=ID,
    correlation_id=ID,
    causation_id=ID,
    process=ID,
    tags=(),
    payload='{"node":"x","title":"Straße \\"1\\"\\n"}'.encode(),
    attachment=None,
)
EVENTS = {
    "whole": WHOLE,
    "bare": replace(WHOLE, actor=None, process=None, correlation_id=None, causation_id=None),
    "on the second": replace(WHOLE, recorded_at=datetime(2026, 3, 2, 12, tzinfo=UTC)),
    "of another zone": replace(WHOLE, recorded_at=WHOLE.recorded_at.astimezone(timezone(timedelta(hours=2)))),
    "of an unknown type": replace(WHOLE, type='no."such', schema_version=9),
    "of an unknown version": replace(WHOLE, schema_version=9),
    "over several lines": replace(WHOLE, payload=b'{\n  "title": "x",\r "node": "y"\n}'),
    "with an attachment": replace(
        WHOLE, type="document.edited", payload=b'{"edits":1,"update":{"size":1}}', attachment=b"\0"
    ),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_is_sent_with_all_its_attributes(event: RecordedEvent) -> None:
    line = encode(event, SOURCE)
    assert not {b"\n"[0], b"\r"[0]} & set(line)
    sent = json.loads(line)
    data = sent.pop("data")
    assert list(sent.items()) == [
        (name, value) for name, of in ATTRIBUTES.items() if (value := of(event, SOURCE)) is not None
    ]
    stored = json.loads(event.payload)
    if event.attachment is not None:
        stored["update"]["base64"] = "AA=="
    assert data == stored
