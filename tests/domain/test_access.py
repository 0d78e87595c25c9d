"""That somebody read events is recorded, and what they read is forgotten in time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.eventlog.examples import recorded
from app.eventlog.schemas import Schemas
from domain.access import WAYS, Access, Way
from domain.catalogue import EVENTS
from domain.registry import dump
from tests.domain.replay import replayed

BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)


def reading(way: Way = "page") -> Access:
    ended = BEGAN + timedelta(minutes=2)
    return Access(credential=uuid4(), way=way, began=BEGAN, ended=ended, events=3, first=5, last=9)


@pytest.mark.parametrize("way", WAYS)
def test_a_reading_is_read_back(way: Way) -> None:
    access = reading(way)
    assert replayed(access) == access
    assert access.way == way


def test_of_an_old_reading_stays_when_and_by_which_way() -> None:
    """Enough to be replayed and to fit its schema, and nothing of what was read."""
    (event,) = reading().pending_events
    assert isinstance(event, Access.Recorded)
    new = EVENTS.encode(event)
    before = json.loads(new.payload)
    told = dump(before | EVENTS[new.type].expired_fields)
    assert {name: value for name, value in json.loads(told).items() if value} == {
        name: before[name] for name in ("way", "began", "ended")
    }
    Schemas().validate(new.type, new.schema_version, told)
    found = EVENTS.decode(recorded(replace(new, payload=told))).mutate(None)
    assert isinstance(found, Access)
    assert (found.began, found.credential, found.events) == (BEGAN, None, 0)
    assert new.tags == (), "nobody finds it by anything but its process"
