"""The CloudEvents attributes of an event: one list for what is sent and for what filters compare.

Beyond the specification's own: `sequence` (the log position, 20 digits), `streamversion`, `process`,
`actor`, `correlationid` and `causationid`. Those without a value are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from types import MappingProxyType

from domain.catalogue import EVENTS
from domain.ports import RecordedEvent
from domain.registry import UnknownEventType

JSON = "application/json"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _time(event: RecordedEvent) -> str:
    return event.recorded_at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def schema_version(event: RecordedEvent) -> int:
    """The version at which the event's data is sent: the current one, if this code knows the type."""
    try:
        return EVENTS[event.type].schema_version
    except UnknownEventType:
        return event.schema_version


ATTRIBUTES: Mapping[str, Callable[[RecordedEvent, str], str | int | None]] = MappingProxyType(
    {
        "specversion": lambda event, source: "1.0",
        "id": lambda event, source: str(event.event_id),
        "source": lambda event, source: source,
        "type": lambda event, source: event.type,
        "subject": lambda event, source: str(event.stream),
        "time": lambda event, source: _time(event),
        "datacontenttype": lambda event, source: JSON,
        "dataschema": lambda event, source: f"{source}/schemas/{event.type}/{schema_version(event)}.json",
        "sequence": lambda event, source: f"{event.position:020d}",
        "streamversion": lambda event, source: event.version,
        "process": lambda event, source: _text(event.process),
        "actor": lambda event, source: _text(event.actor),
        "correlationid": lambda event, source: _text(event.correlation_id),
        "causationid": lambda event, source: _text(event.causation_id),
    }
)
"""Each attribute of an event that an installation at this address (`source`) sends; None: absent."""


def attribute(event: RecordedEvent, source: str, name: str) -> str | None:
    """An attribute in its canonical text form; None if the event has no such attribute."""
    found = ATTRIBUTES.get(name)
    return None if found is None else _text(found(event, source))
