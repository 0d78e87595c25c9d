"""The explicit list of event types: how each is written to bytes and read back.

A type name and schema version in the log lead, through this list only, to a class; nothing is
ever imported or resolved by a string that came from the database.

Payload bytes are canonical JSON (sorted keys, no spaces, UTF-8), so the same event always gives
the same bytes. A field of type `bytes` is kept out of the JSON: it becomes the attachment, and
the JSON names its SHA-256 and size, so that what proves the payload proves the attachment.
Fields that a class names in `TAGGED` become tags (`node:<id>`), by which the event can be found.
Text fields that it names in `PERSONAL` hold a person's own words, and become empty when they are erased.
`EXPIRED` says what may take the place of fields that need not be kept for ever: nothing is decided or
shown by them once they are old. What is personal may expire too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from eventsourcing.domain import Aggregate, AggregateCreated, AggregateEvent
from eventsourcing.utils import get_topic

from domain.ports import NewEvent, RecordedEvent

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the payload of one schema version into that of the next."""

_ENVELOPE = frozenset({"originator_id", "originator_version", "timestamp", "originator_topic"})


class UnknownEventType(LookupError):
    """The log holds a type or schema version that this code does not know."""


@dataclass(frozen=True)
class EventType:
    """One stable type name, the class it stands for, and the way up from older versions.

    `upcasters[n]` turns a payload of schema version n into one of version n + 1.
    """

    name: str
    event_class: type[AggregateEvent]
    aggregate_class: type[Aggregate]
    schema_version: int
    upcasters: Mapping[int, Upcaster]
    payload_fields: Mapping[str, Any]
    attachment_field: str | None
    tagged_fields: tuple[str, ...]
    personal_fields: tuple[str, ...] = ()
    expired_fields: Mapping[str, Any] = field(default_factory=dict)

    def upcast(self, payload: dict[str, Any], version: int) -> dict[str, Any]:
        """Bring a payload to the current schema version; raises UnknownEventType."""
        if not 1 <= version <= self.schema_version:
            raise UnknownEventType(f"{self.name} version {version} is not known to this code")
        for step in range(version, self.schema_version):
            payload = self.upcasters[step](payload)
        return payload


class Registry:
    """All event types of the application, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, EventType] = {}
        self._by_class: dict[type, EventType] = {}

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> EventType:
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownEventType(f"{name} is not known to this code") from None

    def add(
        self,
        aggregate_class: type[Aggregate],
        *event_classes: type[AggregateEvent],
        schema_version: int = 1,
        upcasters: Mapping[int, Upcaster] | None = None,
    ) -> None:
        """Register the events of an aggregate under their `TOPIC`."""
        ups = dict(upcasters or {})
        if set(ups) != set(range(1, schema_version)):
            raise ValueError(f"upcasters must cover versions 1 to {schema_version - 1}")
        for event_class in event_classes:
            entry = _describe(aggregate_class, event_class, schema_version, ups)
            if entry.name in self._by_name:
                raise ValueError(f"event type {entry.name} is registered twice")
            self._by_name[entry.name] = self._by_class[event_class] = entry

    def encode(self, event: AggregateEvent, *, process: UUID | None = None) -> NewEvent:
        """An aggregate's event as the log takes it."""
        entry = self._by_class[type(event)]
        attachment: bytes | None = None
        payload: dict[str, Any] = {}
        for name in entry.payload_fields:
            payload[name] = getattr(event, name)
        if entry.attachment_field:
            data: bytes = getattr(event, entry.attachment_field)
            attachment = data
            payload[entry.attachment_field] = _digest(data)
        return NewEvent(
            stream=event.originator_id,
            type=entry.name,
            payload=dump(payload),
            version=event.originator_version,
            schema_version=entry.schema_version,
            attachment=attachment,
            process=process,
            tags=tuple(f"{name}:{getattr(event, name)}" for name in entry.tagged_fields),
        )

    def payload(self, recorded: RecordedEvent) -> dict[str, Any]:
        """The payload as plain JSON values, at the current schema version."""
        raw: dict[str, Any] = json.loads(recorded.payload)
        return self[recorded.type].upcast(raw, recorded.schema_version)

    def decode(self, recorded: RecordedEvent) -> AggregateEvent:
        """The aggregate's event that was stored; raises UnknownEventType."""
        entry = self[recorded.type]
        values = self.payload(recorded)
        state: dict[str, Any] = {
            "originator_id": recorded.stream,
            "originator_version": recorded.version,
            "timestamp": recorded.recorded_at,
        }
        if issubclass(entry.event_class, AggregateCreated):
            state["originator_topic"] = get_topic(entry.aggregate_class)
        for name, hint in entry.payload_fields.items():
            if name in values:
                state[name] = revive(hint, values[name])
        if entry.attachment_field:
            state[entry.attachment_field] = recorded.attachment or b""
        return entry.event_class(**state)


def _describe(
    aggregate_class: type[Aggregate],
    event_class: type[AggregateEvent],
    schema_version: int,
    upcasters: Mapping[int, Upcaster],
) -> EventType:
    hints = get_type_hints(event_class)
    own = {f.name: hints[f.name] for f in fields(event_class) if f.name not in _ENVELOPE}
    binary = [name for name, hint in own.items() if hint is bytes]
    if len(binary) > 1:
        raise ValueError(f"{event_class.__qualname__} has more than one attachment")
    for name in binary:
        del own[name]
    topic: str = event_class.TOPIC  # type: ignore[attr-defined]
    personal: tuple[str, ...] = getattr(event_class, "PERSONAL", ())
    expired = dict.fromkeys(personal, "") | getattr(event_class, "EXPIRED", {})
    if not own.keys() >= expired.keys():
        raise ValueError(f"{topic} has no field {min(expired.keys() - own.keys())} to blank")
    return EventType(
        name=topic,
        event_class=event_class,
        aggregate_class=aggregate_class,
        schema_version=schema_version,
        upcasters=upcasters,
        payload_fields=own,
        attachment_field=next(iter(binary), None),
        tagged_fields=getattr(event_class, "TAGGED", ()),
        personal_fields=personal,
        expired_fields=expired,
    )


def dump(value: Any) -> bytes:
    """Canonical JSON bytes: sorted keys, no spaces, UTF-8; ids and times as text."""
    return json.dumps(
        value, default=_plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    ).encode()


def _digest(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not belong in an event payload")


def revive(hint: Any, value: Any) -> Any:
    """A JSON value as the type that an event field declares."""
    if value is None or hint is Any:
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        chosen = [arg for arg in args if arg is not NoneType]
        return revive(chosen[0], value) if len(chosen) == 1 else value
    if origin is tuple:
        return tuple(revive(args[0], item) for item in value)
    if origin in (Literal, dict):
        return value
    if hint is UUID:
        return UUID(value)
    if hint is datetime or hint is date:
        return hint.fromisoformat(value)
    return value
