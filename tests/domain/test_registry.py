"""Events go to bytes and back; old versions are brought up to date on the way."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate
from hypothesis import given
from hypothesis import strategies as st

from domain.ports import NewEvent, RecordedEvent
from domain.registry import Registry, UnknownEventType, dump


class Parcel(Aggregate):
    """Made up; its `sent` is at version 3."""

    class Packed(Aggregate.Created):
        TOPIC = "parcel.packed"
        content: str

    class Sent(Aggregate.Event):
        TOPIC = "parcel.sent"
        TAGGED = ("courier", "to")
        courier: UUID
        to: str
        sizes: tuple[int, ...]
        speed: Literal["slow", "fast"]
        due: date | None
        label: bytes

    def __init__(self, content: str) -> None:
        self.content = content


def _name_the_speed(payload: dict[str, Any]) -> dict[str, Any]:
    express = payload.pop("express")
    return payload | {"speed": "fast" if express else "slow"}


def _allow_many_sizes(payload: dict[str, Any]) -> dict[str, Any]:
    return payload | {"sizes": [payload.pop("size")], "due": None}


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.add(Parcel, Parcel.Packed)
    registry.add(Parcel, Parcel.Sent, schema_version=3, upcasters={1: _name_the_speed, 2: _allow_many_sizes})
    return registry


COURIER = uuid4()
LABEL = {"sha256": hashlib.sha256(b"label").hexdigest(), "size": 5}
OLD: dict[int, dict[str, Any]] = {
    1: {"courier": str(COURIER), "to": "Rīga", "size": 7, "express": True, "label": LABEL},
    2: {"courier": str(COURIER), "to": "Rīga", "size": 7, "speed": "fast", "label": LABEL},
    3: {"courier": str(COURIER), "to": "Rīga", "sizes": [7], "speed": "fast", "due": None, "label": LABEL},
}


def recorded(event: NewEvent, **changes: Any) -> RecordedEvent:
    found = RecordedEvent(
        position=9,
        event_id=uuid4(),
        stream=event.stream,
        version=event.version or 1,
        type=event.type,
        schema_version=event.schema_version,
        recorded_at=datetime(2026, 1, 31, tzinfo=UTC),
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
    return replace(found, **changes)


def sent(**changes: Any) -> Parcel.Sent:
    values = {
        "courier": COURIER,
        "to": "Rīga",
        "sizes": (7,),
        "speed": "fast",
        "due": None,
        "label": b"label",
    }
    return Parcel.Sent(
        originator_id=uuid4(), originator_version=2, timestamp=datetime.now(UTC), **(values | changes)
    )


@pytest.mark.parametrize("version", [1, 2, 3])
def test_each_old_version_is_brought_up_to_date(registry: Registry, version: int) -> None:
    event = NewEvent(uuid4(), "parcel.sent", dump(OLD[version]), 2, version, attachment=b"label")
    decoded = registry.decode(recorded(event))
    assert isinstance(decoded, Parcel.Sent)
    assert (decoded.courier, decoded.sizes, decoded.speed, decoded.due) == (COURIER, (7,), "fast", None)
    assert (decoded.originator_id, decoded.originator_version, decoded.label) == (event.stream, 2, b"label")
    assert registry.encode(decoded).payload == dump(OLD[3])


@pytest.mark.parametrize("version", [0, 4])
def test_a_version_from_elsewhere_is_refused(registry: Registry, version: int) -> None:
    event = recorded(registry.encode(sent()), schema_version=version)
    with pytest.raises(UnknownEventType, match=f"parcel.sent version {version}"):
        registry.decode(event)


def test_a_type_from_elsewhere_is_refused(registry: Registry) -> None:
    event = recorded(registry.encode(sent()), type="builtins.eval")
    with pytest.raises(UnknownEventType, match=r"builtins\.eval"):
        registry.decode(event)


def test_missing_upcasters_are_found_at_once() -> None:
    with pytest.raises(ValueError, match="upcasters must cover versions 1 to 2"):
        Registry().add(Parcel, Parcel.Sent, schema_version=3, upcasters={1: _name_the_speed})


def test_a_type_is_registered_once(registry: Registry) -> None:
    with pytest.raises(ValueError, match="twice"):
        registry.add(Parcel, Parcel.Packed)


def test_fields_named_by_the_class_become_tags(registry: Registry) -> None:
    assert registry.encode(sent()).tags == (f"courier:{COURIER}", "to:Rīga")


def test_bytes_stay_out_of_the_payload_and_are_named_in_it(registry: Registry) -> None:
    event = registry.encode(sent(label=b"\x00\xff"))
    assert event.attachment == b"\x00\xff"
    digest = hashlib.sha256(b"\x00\xff").hexdigest()
    assert json.loads(event.payload)["label"] == {"sha256": digest, "size": 2}


@given(
    to=st.text(),
    sizes=st.lists(st.integers()).map(tuple),
    speed=st.sampled_from(["slow", "fast"]),
    due=st.none() | st.dates(),
    label=st.binary(),
)
def test_whatever_goes_in_comes_out_and_gives_the_same_bytes(**values: Any) -> None:
    registry = Registry()
    registry.add(Parcel, Parcel.Sent)
    event = registry.encode(sent(**values))
    decoded = registry.decode(recorded(event))
    assert {name: getattr(decoded, name) for name in values} == values
    assert registry.encode(decoded) == event


def test_the_order_of_fields_does_not_change_the_bytes() -> None:
    assert dump({"b": 1, "a": "ā"}) == dump({"a": "ā", "b": 1}) == '{"a":"ā","b":1}'.encode()


def test_what_has_no_place_in_an_event_is_refused() -> None:
    with pytest.raises(TypeError, match="set does not belong"):
        dump({"a": {1, 2}})
