"""JSON Schemas of payloads: what fits, what does not, and what has been superseded."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from app.eventlog import examples
from app.eventlog.examples import read
from app.eventlog.schemas import Schemas, meaning
from domain.catalogue import EVENTS
from domain.errors import Invalid
from domain.registry import Registry, UnknownEventType, dump
from tests.domain.test_registry import OLD, registry

__all__ = ["registry"]

FILES = examples.files()
SCHEMAS = Schemas()
ADDRESS = "https://parks.example.org"


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


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_payload_at_all_does_not_fit(payload: bytes) -> None:
    with pytest.raises(Invalid):
        SCHEMAS.validate("process.started", 1, payload)


def test_a_schema_says_what_its_type_means() -> None:
    for entry in EVENTS:
        described = SCHEMAS.sent(entry.name, entry.schema_version, "http://127.0.0.1")["description"]
        assert described.endswith("."), entry.name
        assert "originator_id" not in described


def test_superseded_schemas_are_those_that_were_kept(registry: Registry, tmp_path: Path) -> None:
    for version in (1, 2):
        kept = {"type": "object", "required": list(OLD[version])}
        (tmp_path / f"parcel.sent.v{version}.json").write_text(json.dumps(kept))
    schemas = Schemas(registry, retired=tmp_path)
    assert list(schemas) == [("parcel.packed", 1), ("parcel.sent", 1), ("parcel.sent", 2), ("parcel.sent", 3)]
    for version in (1, 2, 3):
        assert sorted(schemas.get("parcel.sent", version)["required"]) == sorted(OLD[version])
        schemas.validate("parcel.sent", version, dump(OLD[version]))
    with pytest.raises(UnknownEventType):
        schemas.get("parcel.sent", 4)
    with pytest.raises(Invalid):
        schemas.validate("parcel.sent", 3, dump(OLD[1]))
    with pytest.raises(UnknownEventType):
        schemas.validate("parcel.sent", 4, dump(OLD[3]))
    for payload in (b"not json", b"[]", b"{}", b"null"):
        with pytest.raises(Invalid):
            schemas.validate("parcel.sent", 1, payload)


@pytest.mark.parametrize("version", [0, -1, 2, 10**30])
def test_a_version_that_never_was_has_no_schema(version: int) -> None:
    for ask in (SCHEMAS.get, lambda name, version: SCHEMAS.sent(name, version, ADDRESS)):
        with pytest.raises(UnknownEventType):
            ask("plan.opened", version)
    with pytest.raises(UnknownEventType):
        SCHEMAS.validate("plan.opened", version, b"{}")


@pytest.mark.parametrize("name", ["no.such_type", "", "../retired/x"])
def test_what_is_no_type_has_no_schema(name: str) -> None:
    with pytest.raises(UnknownEventType):
        SCHEMAS.get(name, 1)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'"x"',
        b"NaN",
        b'{"title":' + b"9" * 5_000 + b"}",
        b'{"title":"\\ud800"}',
    ],
    ids=range(8),
)
def test_what_is_no_payload_at_all_is_invalid(payload: bytes) -> None:
    for name, version in SCHEMAS:
        with pytest.raises(Invalid):
            SCHEMAS.validate(name, version, payload)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_sent_fits_with_its_bytes_and_without(path: Path) -> None:
    event = read(path)
    schema = SCHEMAS.sent(event.type, event.schema_version, ADDRESS)
    assert schema["$id"] == f"{ADDRESS}/schemas/{event.type}/{event.schema_version}.json"
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    data = json.loads(event.payload)
    validator.validate(data)
    field = EVENTS[event.type].attachment_field
    if field:
        validator.validate(data | {field: data[field] | {"base64": "aGk="}})
        assert not validator.is_valid(data | {field: data[field] | {"base65": "aGk="}})


def test_what_is_sent_of_an_attachment_is_no_part_of_what_is_stored() -> None:
    before = json.dumps(SCHEMAS.get("document.edited", 1), sort_keys=True)
    SCHEMAS.sent("document.edited", 1, ADDRESS)
    assert json.dumps(SCHEMAS.get("document.edited", 1), sort_keys=True) == before
    assert "base64" not in before


def test_a_type_without_words_of_its_own_has_no_meaning(registry: Registry) -> None:
    assert "Made up" not in meaning(registry["parcel.packed"])
    assert meaning(EVENTS["access.recorded"]).startswith("Somebody read events.\n\n`credential` is")
