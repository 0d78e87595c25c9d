"""Events as the messages that webhooks send: structured CloudEvents, or batches of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from app.events.cloud_events import BATCH, encode
from domain.ports import RecordedEvent

STRUCTURED = "application/cloudevents+json"
THIN_OVER = 20 * 1024  # bytes of an encoded event


@dataclass(frozen=True, slots=True)
class Message:
    """What goes over the wire but for its signature. `id` is the same whenever the same is sent."""

    id: str
    content_type: str
    body: bytes


def compose(
    events: Sequence[RecordedEvent], source: str, *, batch: bool = False, thin: bool = False
) -> Message:
    """Events as one message: a structured CloudEvent, or a batch.

    One whose encoding is over 20 kB (or any, if `thin`) has, instead of `data`, a `dataref` (CloudEvents
    extension) from which it may be read with the reader's own rights.
    """
    bodies = [_encode(event, source, thin) for event in events]
    if batch:
        digest = hashlib.sha256(b"".join(event.event_id.bytes for event in events)).hexdigest()[:32]
        return Message(f"batch_{digest}", BATCH, b"[%b]" % b",".join(bodies))
    return Message(str(events[0].event_id), STRUCTURED, bodies[0])


def _encode(event: RecordedEvent, source: str, thin: bool) -> bytes:
    encoded = encode(event, source)
    if not thin and len(encoded) <= THIN_OVER:
        return encoded
    attributes: dict[str, Any] = json.loads(encoded)
    attributes.pop("data", None)
    where = f"after={event.position - 1}&before={event.position + 1}"
    attributes["dataref"] = f"{source}/api/v1/events?{where}"
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":")).encode()


def ping(subscription: UUID, source: str) -> Message:
    """A message that says nothing but that messages arrive."""
    id = str(uuid4())
    event = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": "webhook.ping",
        "subject": str(subscription),
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {},
    }
    return Message(id, STRUCTURED, json.dumps(event, separators=(",", ":")).encode())
