"""Events as the outside gets them: CloudEvents 1.0 in JSON.

`data` is the payload at the schema version that `dataschema` names; an attachment is put into its
member as `base64`. The attributes are those of app/events/attributes.py, in that order; they are put
together here without a detour, since this is done for every event that anybody reads.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC
from functools import lru_cache
from typing import Any

from app.events.attributes import JSON, schema_version
from domain.catalogue import EVENTS
from domain.ports import RecordedEvent
from domain.registry import UnknownEventType

BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"


def encode(event: RecordedEvent, source: str) -> bytes:
    """One event as one line of JSON; `source` is this installation's address."""
    named, schema = _fixed(event.type, schema_version(event), source)
    time = event.recorded_at.astimezone(UTC).isoformat()[:-6]
    line = (
        f'{{"specversion":"1.0","id":"{event.event_id}",{named},"subject":"{event.stream}",'
        f'"time":"{time}Z",{schema},"sequence":"{event.position:020d}","streamversion":{event.version}'
    )
    if event.process is not None:
        line += f',"process":"{event.process}"'
    if event.actor is not None:
        line += f',"actor":"{event.actor}"'
    if event.correlation_id is not None:
        line += f',"correlationid":"{event.correlation_id}"'
    if event.causation_id is not None:
        line += f',"causationid":"{event.causation_id}"'
    return b'%b,"data":%b}' % (line.encode(), _data(event))


@lru_cache(maxsize=1_000)
def _fixed(type: str, version: int, source: str) -> tuple[str, str]:
    """The members that are the same for all events of a type."""
    schema = f"{source}/schemas/{type}/{version}.json"
    return (
        f'"source":{_dump(source)},"type":{_dump(type)}',
        f'"datacontenttype":{_dump(JSON)},"dataschema":{_dump(schema)}',
    )


def _data(event: RecordedEvent) -> bytes:
    """The payload at the version that this code knows; as it was stored, if it knows none."""
    try:
        entry = EVENTS[event.type]
        if entry.schema_version == event.schema_version and entry.attachment_field is None:
            return _line(event.payload)
        data = EVENTS.payload(event)
    except UnknownEventType:
        return _line(event.payload)
    if entry.attachment_field and event.attachment is not None:
        described = data[entry.attachment_field]
        encoded = base64.b64encode(event.attachment).decode()
        data[entry.attachment_field] = {**described, "base64": encoded}
    return _dump(data).encode()


def _line(payload: bytes) -> bytes:
    """JSON on one line, as payloads are stored; a frame or line must not end within one that is not."""
    if b"\n" in payload or b"\r" in payload:
        return _dump(json.loads(payload)).encode()
    return payload


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
