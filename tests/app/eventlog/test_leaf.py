"""The bytes under a leaf are fixed for ever, and no two events share them."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from app.eventlog.leaf import commitment, header, leaf
from domain.ports import RecordedEvent


def uuid(n: int) -> UUID:
    return UUID(int=n, version=4)


EVENT = RecordedEvent(
    position=1_234,
    event_id=uuid(1),
    stream=uuid(2),
    version=7,
    type="plan.node_added",
    schema_version=2,
    recorded_at=datetime(2026, 1, 31, 9, 30, 0, 5, tzinfo=UTC),
    actor=uuid(3),
    on_behalf_of=None,
    command_id=uuid(4),
    correlation_id=uuid(5),
    causation_id=None,
    process=uuid(6),
    tags=("node:1", "ā b"),
    payload=b'{"title":"x"}',
    attachment=None,
)

HEADER = """interlink-event/1
1234
00000000-0000-4000-8000-000000000001
00000000-0000-4000-8000-000000000002
7
plan.node_added
2
2026-01-31T09:30:00.000005Z
00000000-0000-4000-8000-000000000003

00000000-0000-4000-8000-000000000004
00000000-0000-4000-8000-000000000005

00000000-0000-4000-8000-000000000006
node:1
ā b
"""


def test_the_header_is_what_is_documented() -> None:
    assert header(EVENT) == HEADER.encode()


def test_whole_seconds_and_other_zones_are_written_alike() -> None:
    there = datetime(2026, 1, 31, 11, 30, tzinfo=timezone(timedelta(hours=2)))
    assert b"\n2026-01-31T09:30:00.000000Z\n" in header(replace(EVENT, recorded_at=there))


def test_the_leaf_is_what_is_documented() -> None:
    salt = bytes(range(32))
    bound = sha256(salt + EVENT.payload).digest()
    assert commitment(salt, EVENT.payload) == bound
    assert leaf(EVENT, salt) == sha256(b"\x00" + HEADER.encode() + bound).digest()


OTHERS: dict[str, Any] = {
    "position": 1_235,
    "event_id": uuid(9),
    "stream": uuid(9),
    "version": 8,
    "type": "plan.node_moved",
    "schema_version": 3,
    "recorded_at": EVENT.recorded_at + timedelta(microseconds=1),
    "actor": None,
    "on_behalf_of": uuid(3),
    "command_id": uuid(9),
    "correlation_id": None,
    "causation_id": uuid(9),
    "process": None,
    "tags": ("ā b", "node:1"),
    "payload": b'{"title":"y"}',
}


def test_every_field_is_tried() -> None:
    assert {field.name for field in fields(RecordedEvent)} - set(OTHERS) == {
        "attachment"
    }  # the payload names it


@pytest.mark.parametrize("name", OTHERS)
def test_each_field_changes_the_leaf(name: str) -> None:
    assert leaf(replace(EVENT, **{name: OTHERS[name]}), b"s" * 32) != leaf(EVENT, b"s" * 32)


def test_the_salt_changes_the_leaf() -> None:
    assert leaf(EVENT, b"s" * 32) != leaf(EVENT, b"t" * 32)
