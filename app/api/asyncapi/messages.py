"""One message for each event type that the log may hold, with its schema and an example."""

from __future__ import annotations

import json
from typing import Any

from app.api.asyncapi.schemas import inlined, ref
from app.eventlog.examples import example
from app.eventlog.schemas import Schemas, meaning
from app.events.cloud_events import encode
from app.subscriptions.message import STRUCTURED
from domain.catalogue import EVENTS
from domain.registry import EventType


def event_messages(address: str) -> dict[str, Any]:
    """The messages by event type. Raises UnknownEventType if a type has no example."""
    schemas = Schemas()
    return {
        entry.name: _message(entry, schemas, position, address) for position, entry in enumerate(EVENTS, 1)
    }


def _message(entry: EventType, schemas: Schemas, position: int, address: str) -> dict[str, Any]:
    described = meaning(entry)
    data = schemas.sent(entry.name, entry.schema_version, address)
    return {
        "name": entry.name,
        "title": entry.name,
        "summary": described.partition("\n")[0],
        "description": described,
        "contentType": STRUCTURED,
        "tags": [{"$ref": f"#/components/tags/{entry.name.partition('.')[0]}"}],
        "externalDocs": {"description": "The schema of its data", "url": data["$id"]},
        "payload": {
            "allOf": [
                ref("CloudEvent"),
                {
                    "type": "object",
                    "properties": {"type": {"const": entry.name}, "data": inlined(data)},
                },
            ]
        },
        "examples": [
            {"name": "stored", "payload": json.loads(encode(example(entry.name, position), address))}
        ],
    }


def one_of(types: list[str]) -> dict[str, Any]:
    """The schema of any event of these types."""
    return {"oneOf": [{"$ref": f"#/components/messages/{name}/payload"} for name in types]}


def in_channel(channel: str, *names: str) -> list[dict[str, Any]]:
    """References from an operation to messages of its channel."""
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]


def in_components(*names: str) -> dict[str, Any]:
    """The messages of a channel, by reference to the shared ones."""
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}
