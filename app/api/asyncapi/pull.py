"""Pull groups: workers take events on lease over HTTP, and say what became of each."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from app.api.asyncapi.messages import in_channel, in_components, one_of
from app.api.asyncapi.schemas import of
from app.api.pull_groups import Ack, Counted, Extend, Nack, Pull
from app.eventlog.examples import example
from app.events.cloud_events import encode

_ACK = "5f0c4f0e-9d5a-4f2d-8c9b-7a101d7e8c1c"
_ASKED: dict[str, tuple[type[BaseModel], str, dict[str, Any]]] = {
    "pull": (Pull, "Take events on lease", {"max": 10, "wait": 20}),
    "ack": (Ack, "These are dealt with", {"ack_ids": [_ACK]}),
    "nack": (Nack, "This one is not: again later, aside, or never", {"ack_id": _ACK, "action": "park"}),
    "extend": (Extend, "Let a lease last longer", {"ack_id": _ACK, "seconds": 120}),
}
_SUBSCRIPTION = {"subscription": {"description": "The id of the pull group"}}


def described(types: list[str], address: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A channel and an operation for each request, and the messages both ways."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {"group.deliveries": _deliveries(types, address), "group.counted": _counted()}
    for name, (model, text, given) in _ASKED.items():
        asked, answer = f"group.{name}", "group.deliveries" if name == "pull" else "group.counted"
        messages[asked] = _message(asked, text, of(model), given)
        channels[asked] = {
            "address": f"/api/v1/subscriptions/{{subscription}}/{name}",
            "title": text,
            "description": f"{text}. The answer comes to the request.",
            "servers": [{"$ref": "#/servers/http"}],
            "parameters": _SUBSCRIPTION,
            "messages": in_components(asked, answer),
        }
        operations[asked] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{asked}"},
            "title": text,
            "summary": text,
            "description": _TOLD[name],
            "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            "messages": in_channel(asked, asked),
            "reply": {
                "channel": {"$ref": f"#/channels/{asked}"},
                "messages": in_channel(asked, answer),
            },
        }
    return channels, operations, messages


_TOLD = {
    "pull": (
        "Any number of workers may ask. In order within each stream: the next of a stream comes when the "
        "one before was dealt with."
    ),
    "ack": "What is not acknowledged before its lease runs out comes again.",
    "nack": "`delay` (seconds) delivers again, `park` sets aside with an error, `skip` never again.",
    "extend": "A count of 0 says that the lease is over, and the event perhaps in other hands.",
}


def _deliveries(types: list[str], address: str) -> dict[str, Any]:
    delivery = {
        "type": "object",
        "properties": {
            "ack_id": {"type": "string", "format": "uuid"},
            "attempt": {"type": "integer", "minimum": 1},
            "replayed": {"type": "boolean"},
            "event": one_of(types),
        },
        "required": ["ack_id", "attempt", "replayed", "event"],
    }
    payload = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": delivery}},
        "required": ["items"],
    }
    event = json.loads(encode(example(types[0]), address))
    given = {"items": [{"ack_id": _ACK, "attempt": 1, "replayed": False, "event": event}]}
    return _message("group.deliveries", "Events on lease, ascending by position", payload, given)


def _counted() -> dict[str, Any]:
    return _message("group.counted", "For how many it held", of(Counted), {"count": 1})


def _message(name: str, text: str, payload: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "summary": text,
        "contentType": "application/json",
        "payload": payload,
        "examples": [{"name": "given", "payload": given}],
    }
