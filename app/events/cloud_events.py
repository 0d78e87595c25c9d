"""Events as the outside gets them: CloudEvents 1.0 in JSON.

`data` is the payload at the schema version that `dataschema` names; an attachment is put into its
member as `base64`. The attributes are those of app/events/attributes.py.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from pydantic import create_model

from app.events.attributes import ATTRIBUTES
from domain.catalogue import EVENTS
from domain.ports import RecordedEvent
from domain.registry import EventType, UnknownEventType

BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"


def encode(event: RecordedEvent, source: str) -> bytes:
    """One event as one line of JSON; `source` is this installation's address."""
    present: dict[str, Any] = {
        name: value for name, of in ATTRIBUTES.items() if (value := of(event, source)) is not None
    }
    present["data"] = _data(event)
    return json.dumps(present, ensure_ascii=False, separators=(",", ":")).encode()


def _data(event: RecordedEvent) -> dict[str, Any]:
    """The payload at the version that this code knows; as it was stored, if it knows none."""
    try:
        data, entry = EVENTS.payload(event), EVENTS[event.type]
    except UnknownEventType:
        found: dict[str, Any] = json.loads(event.payload)
        return found
    if entry.attachment_field and event.attachment is not None:
        described = data[entry.attachment_field]
        encoded = base64.b64encode(event.attachment).decode()
        data[entry.attachment_field] = {**described, "base64": encoded}
    return data


def schema(entry: EventType, address: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a type's `data` at its current version."""
    members: dict[str, Any] = {name: (hint, ...) for name, hint in entry.payload_fields.items()}
    found = create_model(entry.name, **members).model_json_schema(mode="serialization")
    if entry.attachment_field:
        found.setdefault("properties", {})[entry.attachment_field] = _ATTACHMENT
        found.setdefault("required", []).append(entry.attachment_field)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{address}/schemas/{entry.name}/{entry.schema_version}.json",
        "description": (entry.event_class.__doc__ or "").strip(),
        **found,
    }


_ATTACHMENT = {
    "type": "object",
    "description": "Bytes, with their SHA-256 and size",
    "properties": {
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "size": {"type": "integer", "minimum": 0},
        "base64": {"type": "string", "contentEncoding": "base64"},
    },
    "required": ["sha256", "size"],
}
