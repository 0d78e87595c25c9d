"""One example of every type and schema version, named for what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.eventlog import examples
from app.eventlog.examples import example, read, recorded
from app.eventlog.schemas import Schemas
from domain.catalogue import EVENTS
from domain.registry import UnknownEventType

FILES = examples.files()


def test_each_type_and_version_has_an_example_and_no_other() -> None:
    assert {path.name for path in FILES} == {f"{name}.v{version}.json" for name, version in Schemas()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_named_for_what_it_holds(path: Path) -> None:
    event = read(path)
    assert path.name == f"{event.type}.v{event.schema_version}.json"


def test_an_example_is_recorded_the_same_each_time_and_otherwise_elsewhere() -> None:
    event = read(FILES[0])
    here, again, there = recorded(event), recorded(event), recorded(event, 2)
    assert here == again
    assert (here.position, there.position) == (1, 2)
    assert here.event_id != there.event_id
    assert (here.type, here.payload, here.stream) == (event.type, event.payload, event.stream)


def test_no_two_examples_have_the_same_id() -> None:
    ids = [recorded(read(path)).event_id for path in FILES]
    assert len(set(ids)) == len(ids)


def test_the_example_of_a_type_is_that_of_its_current_version() -> None:
    for entry in EVENTS:
        found = example(entry.name, 7)
        assert (found.type, found.schema_version, found.position) == (entry.name, entry.schema_version, 7)


def test_the_bytes_beside_a_payload_come_along() -> None:
    edited = example("document.edited")
    assert edited.attachment
    assert EVENTS.decode(edited).update == edited.attachment  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["no.such_type", "", "../examples/plan.opened"])
def test_of_what_is_no_type_there_is_no_example(name: str) -> None:
    with pytest.raises(UnknownEventType):
        example(name)


def test_a_type_without_example_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(examples, "EXAMPLES", tmp_path)
    with pytest.raises(UnknownEventType, match=r"plan\.opened"):
        example("plan.opened")
