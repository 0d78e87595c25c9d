"""`GET /api/v1/events`: the log as batches, as lines, and as a stream of Server-Sent Events."""

from __future__ import annotations

from typing import Any

from app.api.asyncapi.messages import in_channel, in_components, one_of
from app.api.asyncapi.schemas import POSITION, of
from app.api.event_query import Wanted
from app.events.cloud_events import BATCH, NDJSON
from app.events.sse import SSE

CHANNEL = "events"
_MARK = {
    "type": "object",
    "properties": {"position": POSITION},
    "required": ["position"],
    "additionalProperties": False,
}


def described(types: list[str], address: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The channel, its operations, and the messages that they add to those of the log."""
    messages = {"page.batch": _batch(types), **{name: _mark(name, text) for name, text in _MARKS.items()}}
    channel = {
        "address": "/api/v1/events",
        "title": "The event log over HTTP",
        "description": (
            '`Accept` chooses the form. Pages answer with `Link: rel="next"` and `Interlink-Position`, up to '
            "which everything was looked at. A stream goes on after `Last-Event-ID`, or `after`."
        ),
        "servers": [{"$ref": "#/servers/http"}],
        "messages": in_components(*types, *messages),
    }
    operations = {
        "readBatch": _operation("Read a page as one batch", BATCH, "page.batch"),
        "readLines": _operation("Read a page as lines, one event each", NDJSON, *types),
        "followStream": _operation("Follow the log as Server-Sent Events", SSE, *types, *_MARKS),
    }
    return {CHANNEL: channel}, operations, messages


_MARKS = {
    "stream.caughtup": "Everything up to here was sent; what follows is live",
    "stream.checkpoint": "Everything up to here was looked at, and none of it was for this reader",
}


def _mark(name: str, text: str) -> dict[str, Any]:
    event = name.partition(".")[2]
    return {
        "name": name,
        "title": f"A frame of the stream with `event: {event}`",
        "summary": text,
        "contentType": "application/json",
        "payload": _MARK,
        "examples": [{"name": event, "payload": {"position": 4711}}],
    }


def _batch(types: list[str]) -> dict[str, Any]:
    return {
        "name": "page.batch",
        "title": "A page of the log",
        "summary": "Events in the order of reading",
        "contentType": BATCH,
        "payload": {"type": "array", "items": one_of(types), "maxItems": 1000},
        "examples": [{"name": "nothing new", "payload": []}],
    }


def _operation(title: str, accept: str, *messages: str) -> dict[str, Any]:
    headers: dict[str, Any] = {"Accept": {"type": "string", "const": accept}}
    if accept == SSE:
        headers["Last-Event-ID"] = {"type": "string", "description": "Go on after this position"}
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "title": title,
        "summary": title,
        "description": f"{title}, each authorised as it is read. Request headers: {', '.join(headers)}.",
        "bindings": {"http": {"method": "GET", "query": of(Wanted), "bindingVersion": "0.3.0"}},
        "messages": in_channel(CHANNEL, *messages),
    }
