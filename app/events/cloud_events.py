"""Events as the outside gets them: CloudEvents 1.0 in JSON.

`data` is the payload at the schema version that `dataschema` names; an attachment is put into its
member as `base64`. The attributes are those of app/events/attributes.py.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from app.events.attributes import ATTRIBUTES
from domain.catalogue import EVENTS
from domain.ports import RecordedEvent
from domain.registry import UnknownEventType

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
