"""A line gives back every stored byte of a record, and there is no second way to write it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.archive import LARGEST_NUMBER, NotAnArchive
from app.audit.lines import bytes_of, line, read_line, time_of
from app.audit.records import LogRecord
from domain.ports import RecordedEvent
from tests.app.audit.histories import History

RECORD = History(5, 2).records[0]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
IDS = st.uuids()
MAYBE = st.none() | IDS
WHOLE = st.integers(1, LARGEST_NUMBER)
RECORDS = st.builds(
    LogRecord,
    st.builds(
        RecordedEvent,
        position=WHOLE,
        event_id=IDS,
        stream=IDS,
        version=WHOLE,
        type=TEXT,
        schema_version=WHOLE,
        recorded_at=st.datetimes(
            datetime(1, 1, 2),
            datetime(9999, 12, 30),
            timezones=st.just(UTC),
        ),
        actor=MAYBE,
        on_behalf_of=MAYBE,
        command_id=IDS,
        correlation_id=MAYBE,
        causation_id=MAYBE,
        process=MAYBE,
        tags=st.lists(TEXT, max_size=3).map(tuple),
        payload=st.binary(max_size=40) | TEXT.map(str.encode),
        attachment=st.none() | st.binary(max_size=40),
    ),
    salt=st.binary(max_size=33),
    commitment=st.binary(max_size=33),
    leaf_hash=st.binary(max_size=33),
    rewritten=st.booleans(),
)


@given(RECORDS)
def test_a_line_gives_back_the_record(record: LogRecord) -> None:
    """Whatever is stored: what was tampered with must be exported too, and be found then."""
    written = line(record)
    assert read_line(written) == record
    assert b"\n" not in written


def changed(**facts: Any) -> bytes:
    """The line of a record with other values in it, otherwise written as it has to be."""
    return dumped(json.loads(line(RECORD)) | facts)


def dumped(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def test_a_line_is_canonical_json_with_everything_in_it() -> None:
    facts = json.loads(line(RECORD))
    assert line(RECORD) == dumped(facts) == changed()
    assert facts["payload"] == RECORD.event.payload.decode(), "as text, not packed"
    assert facts["recorded_at"].endswith("Z")
    assert facts.keys() == set(RecordedEvent.__slots__) | {
        "salt",
        "commitment",
        "leaf_hash",
        "rewritten",
    }


OTHER_WAYS: dict[str, bytes] = {
    "a space": line(RECORD).replace(b":", b": ", 1),
    "an escape": line(RECORD).replace(b'"type":"p', b'"type":"\\u0070'),
    "another order": b'{"version":1,'
    + line(RECORD)[1:].replace(b'"version":1,', b"", 1).replace(b',"version":1', b""),
    "more": changed(more=1),
    "capitals": changed(stream=str(RECORD.event.stream).upper()),
    "braces": changed(stream=f"{{{RECORD.event.stream}}}"),
    "another zone": changed(recorded_at=RECORD.event.recorded_at.isoformat()),
    "no zone": changed(recorded_at=RECORD.event.recorded_at.replace(tzinfo=None).isoformat()),
    "a time without microseconds": changed(recorded_at="2026-01-01T00:00:00Z"),
    "loose base64": changed(leaf_hash="AB=="),
    "a payload packed needlessly": changed(payload={"base64": "e30="}),
    "a payload packed with more": changed(payload={"base64": "/w==", "x": 1}),
    "a fraction": changed(position=1.0),
}
NO_EVENTS: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "no facts": b"{}",
    "a position of zero": changed(position=0),
    "a version below zero": changed(version=-1),
    "true for a number": changed(position=True),
    "a number for a type": changed(type=5),
    "no stream": changed(stream=None),
    "no command": changed(command_id=None),
    "a number for an id": changed(actor=5),
    "an id that is none": changed(actor="x"),
    "text for tags": changed(tags="ab"),
    "no tags": changed(tags=None),
    "a number among tags": changed(tags=[1]),
    "no payload": changed(payload=None),
    "a payload of pieces": changed(payload={"base16": ""}),
    "an attachment that is no base64": changed(attachment="ä"),
    "half a character": line(RECORD).replace(b'"type":"p', b'"type":"\\ud800p'),
    "no salt": changed(salt=None),
    "a year before all": changed(recorded_at="0001-01-01T00:00:00.000000+14:00"),
    "a year after all": changed(recorded_at="9999-12-31T23:59:59.000000-14:00"),
    "text for whether it was rewritten": changed(rewritten="no"),
    "null for whether it was rewritten": changed(rewritten=None),
    "zero for whether it was rewritten": changed(rewritten=0),
    "a pit for whether it was rewritten": changed(rewritten="deep").replace(
        b'"deep"', b"[" * 900 + b"]" * 900
    ),
}


@pytest.mark.parametrize("how", [*OTHER_WAYS, *NO_EVENTS])
def test_what_is_written_in_any_other_way_is_refused(how: str) -> None:
    data = (OTHER_WAYS | NO_EVENTS)[how]
    assert data != line(RECORD)
    with pytest.raises(NotAnArchive) as refusal:
        read_line(data)
    assert "\n" not in str(refusal.value)


@given(st.data())
def test_any_other_bytes_are_another_record_or_refused(data: st.DataObject) -> None:
    original = line(RECORD)
    at = data.draw(st.integers(0, len(original) - 1))
    other = original[:at] + data.draw(st.binary(max_size=2)) + original[at + 1 :]
    try:
        found = read_line(other)
    except NotAnArchive:
        return
    assert (found == RECORD) == (other == original)


def test_a_payload_that_is_no_text_is_told_in_base64() -> None:
    record = replace(RECORD, event=replace(RECORD.event, payload=b"\xff\xfe"))
    assert json.loads(line(record))["payload"] == {"base64": "//4="}
    assert read_line(line(record)) == record


def test_times_are_utc_with_microseconds() -> None:
    riga = timezone(timedelta(hours=3))
    assert time_of(datetime(2026, 1, 1, 1, 30, tzinfo=riga)) == "2025-12-31T22:30:00.000000Z"


@pytest.mark.parametrize("text", ["A", "AA=", "A A=", "AAA=\n", "-_==", None, 5, b"AA=="])
def test_what_is_no_base64_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        bytes_of(text)


def test_ids_of_the_driver_are_written_like_others() -> None:
    class DriversUUID(UUID):
        """asyncpg's are of a class of its own."""

    event = replace(RECORD.event, stream=DriversUUID(str(RECORD.event.stream)))
    assert line(replace(RECORD, event=event)) == line(RECORD)
