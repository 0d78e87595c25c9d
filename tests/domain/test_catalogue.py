"""Every event type has a stored example for each version, and reads it as it was written.

An example is never changed: it stands for what is in somebody's log.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.eventlog import examples
from app.eventlog.examples import read, recorded
from app.eventlog.schemas import Schemas
from domain.catalogue import EVENTS

FILES = examples.files()
SCHEMAS = Schemas()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_decodes_and_encodes_to_the_same_bytes(path: Path) -> None:
    event = read(path)
    again = EVENTS.encode(EVENTS.decode(recorded(event)), process=event.process)
    if event.schema_version == EVENTS[event.type].schema_version:
        assert again == event
    else:
        assert again.schema_version == EVENTS[event.type].schema_version


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
