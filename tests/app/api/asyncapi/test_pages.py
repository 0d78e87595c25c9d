"""Pages, lines and the stream are described as they are served."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from app.api.event_query import Wanted
from app.events.cloud_events import BATCH, NDJSON
from app.events.following import Mark, Step
from app.events.sse import SSE, frames
from domain.catalogue import EVENTS
from tests.app.api.asyncapi.described import document, messages_of, payload_fits

TYPES = {entry.name for entry in EVENTS}


@pytest.mark.parametrize("mark", ["caughtup", "checkpoint"])
def test_a_mark_of_the_stream_is_described_as_it_is_sent(mark: Mark) -> None:
    lines = frames(Step(4711, mark=mark)).decode().splitlines()
    sent = dict(line.split(": ", 1) for line in lines if line)
    assert document()["components"]["messages"][f"stream.{mark}"]["title"].endswith(
        f"`event: {sent['event']}`"
    )
    data = json.loads(sent["data"])
    assert payload_fits(f"stream.{mark}", data)
    assert not payload_fits(f"stream.{mark}", data | {"more": 1})
    assert not payload_fits(f"stream.{mark}", {})


def test_each_form_says_what_is_in_it_and_how_to_ask_for_it() -> None:
    marks = {"stream.caughtup", "stream.checkpoint"}
    forms = {"readBatch": ({"page.batch"}, BATCH), "readLines": (TYPES, NDJSON)}
    for name, (messages, accept) in (forms | {"followStream": (TYPES | marks, SSE)}).items():
        operation = document()["operations"][name]
        assert set(messages_of(name)) == messages
        assert ("Last-Event-ID" in operation["description"]) == (accept == SSE)
        query = operation["bindings"]["http"]["query"]
        assert query["properties"].keys() == Wanted.model_fields.keys()


def test_a_batch_is_a_list_of_events() -> None:
    messages = document()["components"]["messages"]
    events = [messages[name]["examples"][0]["payload"] for name in sorted(TYPES)]
    assert payload_fits("page.batch", events[:3])
    assert not payload_fits("page.batch", events[0])
    assert not payload_fits("page.batch", [events[0], {"position": 1}])
    most = messages["page.batch"]["payload"]["maxItems"]
    assert Wanted.model_validate({"limit": most}).limit == most
    with pytest.raises(ValidationError):
        Wanted.model_validate({"limit": most + 1})
