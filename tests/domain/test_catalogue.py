"""Every event type has a stored example for each version, and reads it as it was written.

An example is never changed: it stands for what is in somebody's log.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from app.eventlog import examples
from app.eventlog.examples import read, recorded
from app.eventlog.schemas import Schemas
from domain.catalogue import EVENTS
from domain.errors import Invalid

FILES = examples.files()
SCHEMAS = Schemas()


def test_each_type_and_version_has_an_example_and_no_other() -> None:
    assert {path.name for path in FILES} == {f"{name}.v{version}.json" for name, version in SCHEMAS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_named_for_what_it_holds(path: Path) -> None:
    event = read(path)
    assert path.name == f"{event.type}.v{event.schema_version}.json"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_decodes_and_encodes_to_the_same_bytes(path: Path) -> None:
    event = read(path)
    again = EVENTS.encode(EVENTS.decode(recorded(event)), process=event.process)
    if event.schema_version == EVENTS[event.type].schema_version:
        assert again == event
    else:
        assert again.schema_version == EVENTS[event.type].schema_version


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_fits_its_schema(path: Path) -> None:
    event = read(path)
    schema = SCHEMAS.get(event.type, event.schema_version)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.validate(json.loads(event.payload))
    SCHEMAS.validate(event.type, event.schema_version, event.payload)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_payload_with_too_much_or_too_little_does_not_fit(path: Path) -> None:
    event = read(path)
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
    event = read(examples.EXAMPLES / "document.edited.v1.json")
    decoded = EVENTS.decode(recorded(event))
    assert EVENTS.encode(decoded) == replace(event, process=None)
    assert json.loads(event.payload)["update"]["size"] == len(event.attachment or b"")


def test_every_type_and_version_has_a_schema_an_example_and_a_way_up() -> None:
    """What a new type or version lacks is said by name."""
    named = {path.name for path in FILES}
    for entry in EVENTS:
        assert entry.upcasters.keys() == set(range(1, entry.schema_version)), entry.name
        for version in range(1, entry.schema_version + 1):
            assert SCHEMAS.get(entry.name, version)["type"] == "object"
            assert f"{entry.name}.v{version}.json" in named


def test_a_schema_says_what_its_type_means() -> None:
    for entry in EVENTS:
        described = SCHEMAS.sent(entry.name, entry.schema_version, "http://127.0.0.1")["description"]
        assert described.endswith("."), entry.name
        assert "originator_id" not in described
