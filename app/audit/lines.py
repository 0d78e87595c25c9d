"""A record of the log as one line of JSON, with nothing lost: the line gives back every stored byte.

Keys are sorted; ids are lower-case text, times RFC 3339 in UTC with microseconds, bytes base64. A
payload stands there as the text that it is. There is one way to write a record, and a line written
in any other way is refused.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID

from app.audit.archive import NotAnArchive, strict_json
from app.audit.records import LogRecord
from domain.ports import RecordedEvent
from domain.registry import dump

_IDS = (
    "event_id",
    "stream",
    "actor",
    "on_behalf_of",
    "command_id",
    "correlation_id",
    "causation_id",
    "process",
)


def line(record: LogRecord) -> bytes:
    """The line of a record, without a newline."""
    event = record.event
    facts: dict[str, Any] = {name: getattr(event, name) for name in _IDS}
    facts |= {
        "position": event.position,
        "version": event.version,
        "type": event.type,
        "schema_version": event.schema_version,
        "recorded_at": time_of(event.recorded_at),
        "tags": event.tags,
        "payload": _text(event.payload),
        "attachment": None if event.attachment is None else base64_of(event.attachment),
        "salt": base64_of(record.salt),
        "commitment": base64_of(record.commitment),
        "leaf_hash": base64_of(record.leaf_hash),
        "rewritten": record.rewritten,
    }
    return dump(facts)


def read_line(data: bytes) -> LogRecord:
    """The record of a line; raises NotAnArchive for whatever `line` would not have written."""
    facts = strict_json(data)
    try:
        record = LogRecord(
            _event(facts),
            bytes_of(facts["salt"]),
            bytes_of(facts["commitment"]),
            bytes_of(facts["leaf_hash"]),
            _truth(facts["rewritten"]),
        )
        same = line(record) == data
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NotAnArchive(f"this is no event: {type(error).__name__}") from None
    if not same:
        raise NotAnArchive("this event is not written as an export writes it")
    return record


def _event(facts: dict[str, Any]) -> RecordedEvent:
    ids = {name: None if facts[name] is None else UUID(facts[name]) for name in _IDS}
    for name in ("event_id", "stream", "command_id"):
        if ids[name] is None:
            raise ValueError(name)
    return RecordedEvent(
        **ids,  # type: ignore[arg-type]
        position=_whole(facts["position"]),
        version=_whole(facts["version"]),
        type=_string(facts["type"]),
        schema_version=_whole(facts["schema_version"]),
        recorded_at=datetime.fromisoformat(facts["recorded_at"]),
        tags=tuple(_string(tag) for tag in facts["tags"]),
        payload=_payload(facts["payload"]),
        attachment=None if facts["attachment"] is None else bytes_of(facts["attachment"]),
    )


def base64_of(data: bytes) -> str:
    """Standard base64, with padding."""
    return base64.b64encode(data).decode()


def bytes_of(text: object) -> bytes:
    """The reverse; raises ValueError."""
    return base64.b64decode(_string(text), validate=True)


def _text(payload: bytes) -> object:
    try:
        return payload.decode()
    except UnicodeDecodeError:  # never written by the application, and still to be exported
        return {"base64": base64_of(payload)}


def _payload(value: object) -> bytes:
    return bytes_of(value["base64"]) if isinstance(value, dict) else _string(value).encode()


def time_of(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _whole(value: object) -> int:
    if type(value) is not int or value < 1:
        _refuse(value)
    return value


def _string(value: object) -> str:
    if type(value) is not str:
        _refuse(value)
    return value


def _truth(value: object) -> bool:
    if type(value) is not bool:
        _refuse(value)
    return value


def _refuse(value: object) -> NoReturn:
    raise ValueError(f"{type(value).__name__} is not what stands there")
