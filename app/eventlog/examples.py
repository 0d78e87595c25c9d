"""One event of every type and schema version, as a log may hold it: tests read them, integrators see them.

Each is a file `examples/<type>.v<n>.json`. It is never changed: it stands for what is in somebody's log.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

from domain.catalogue import EVENTS
from domain.ports import NewEvent, RecordedEvent
from domain.registry import UnknownEventType

EXAMPLES = Path(__file__).parent / "examples"

_PERSON = UUID("84dce859-adab-5f5f-98fe-1afede269a18")
_AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def files() -> list[Path]:
    """All examples, by name."""
    return sorted(EXAMPLES.glob("*.json"))


def read(path: Path) -> NewEvent:
    """The event in a file, as it went into the log."""
    found = json.loads(path.read_bytes())
    attachment = found["attachment"]
    return NewEvent(
        stream=UUID(found["stream"]),
        type=found["type"],
        payload=found["payload"].encode(),
        version=found["version"],
        schema_version=found["schema_version"],
        attachment=None if attachment is None else base64.b64decode(attachment),
        process=UUID(found["process"]),
        tags=tuple(found["tags"]),
    )


def recorded(event: NewEvent, position: int = 1) -> RecordedEvent:
    """The event as the log would give it back; its ids follow from what it is."""
    return RecordedEvent(
        position=position,
        event_id=uuid5(event.stream, f"{event.type} {event.schema_version} {position}"),
        stream=event.stream,
        version=event.version or 1,
        type=event.type,
        schema_version=event.schema_version,
        recorded_at=_AT,
        actor=_PERSON,
        on_behalf_of=None,
        command_id=uuid5(event.stream, "command"),
        correlation_id=uuid5(event.stream, "correlation"),
        causation_id=None,
        process=event.process,
        tags=event.tags,
        payload=event.payload,
        attachment=event.attachment,
    )


def example(name: str, position: int = 1) -> RecordedEvent:
    """An event of a type, at its current schema version; raises UnknownEventType if none is kept."""
    path = EXAMPLES / f"{name}.v{EVENTS[name].schema_version}.json"
    if not path.exists():
        raise UnknownEventType(f"there is no example of {name}")
    return recorded(read(path), position)
