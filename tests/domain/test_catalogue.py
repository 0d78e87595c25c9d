"""Every event type has a stored example for each version, and reads it as it was written.

A golden file is never changed: it stands for what is in somebody's log.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import jsonschema
import pytest

from app.eventlog.schemas import Schemas
from domain.catalogue import EVENTS
from domain.errors import Invalid
from domain.ports import NewEvent, RecordedEvent

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
FILES = sorted(GOLDEN.glob("*.json"))
SCHEMAS = Schemas()


def stored(path: Path) -> NewEvent:
    """The event of a golden file."""
    found = json.loads(path.read_text())
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


def recorded(event: NewEvent) -> RecordedEvent:
    """The event as the log would give it back."""
    return RecordedEvent(
        position=1,
        event_id=uuid4(),
        stream=event.stream,
        version=event.version or 1,
        type=event.type,
        schema_version=event.schema_version,
        recorded_at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
        actor=None,
        on_behalf_of=None,
        command_id=uuid4(),
        correlation_id=None,
        causation_id=None,
        process=event.process,
        tags=event.tags,
        payload=event.payload,
        attachment=event.attachment,
    )


def test_each_type_and_version_has_an_example_and_no_other() -> None:
    assert {path.name for path in FILES} == {f"{name}.v{version}.json" for name, version in SCHEMAS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_named_for_what_it_holds(path: Path) -> None:
    event = stored(path)
    assert path.name == f"{event.type}.v{event.schema_version}.json"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_decodes_and_encodes_to_the_same_bytes(path: Path) -> None:
    event = stored(path)
    again = EVENTS.encode(EVENTS.decode(recorded(event)), process=event.process)
    if event.schema_version == EVENTS[event.type].schema_version:
        assert again == event
    else:
        assert again.schema_version == EVENTS[event.type].schema_version


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_fits_its_schema(path: Path) -> None:
    event = stored(path)
    schema = SCHEMAS.get(event.type, event.schema_version)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.validate(json.loads(event.payload))
    SCHEMAS.validate(event.type, event.schema_version, event.payload)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_payload_with_too_much_or_too_little_does_not_fit(path: Path) -> None:
    event = stored(path)
    values = json.loads(event.payload)
    validator = jsonschema.Draft202012Validator(SCHEMAS.get(event.type, event.schema_version))
    wrong = [values | {"e-mail": "somebody@example.org"}]
    wrong += [{k: v for k, v in values.items() if k != name} for name in values]
    wrong += [values | {name: 3.5} for name in values]
    for payload in wrong:
        assert not validator.is_valid(payload)
        with pytest.raises(Invalid):
            SCHEMAS.validate(event.type, event.schema_version, json.dumps(payload).encode())


def test_the_attachment_is_named_by_the_payload() -> None:
    event = stored(GOLDEN / "document.edited.v1.json")
    decoded = EVENTS.decode(recorded(event))
    assert EVENTS.encode(decoded) == replace(event, process=None)
    assert json.loads(event.payload)["update"]["size"] == len(event.attachment or b"")
