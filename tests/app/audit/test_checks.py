"""Each check names the first thing that does not hold, goes on counting, and says so in one line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.checks import (
    REWRITE_SIZE,
    Attachments,
    Check,
    Known,
    Leaves,
    Order,
    Payloads,
    RecordCheck,
)
from app.audit.records import LogRecord
from app.eventlog.leaf import SALT_SIZE, leaf
from domain.person import RECORD
from tests.app.audit.histories import History, record_of

HISTORY = History(6, 20)
LOG = tuple(HISTORY.records)
EDIT = next(at for at, record in enumerate(LOG) if record.event.attachment)


def found(check: RecordCheck, records: Iterable[LogRecord] = LOG) -> dict[str, int | None]:
    """The names and positions of what does not hold."""
    for record in records:
        check.feed(record)
    return {result.name: result.position for result in check.results() if not result.ok}


def with_event(at: int, **change: Any) -> list[LogRecord]:
    """The log with another event at an index."""
    other = replace(LOG[at], event=replace(LOG[at].event, **change))
    return [*LOG[:at], other, *LOG[at + 1 :]]


def test_a_check_keeps_the_first_finding() -> None:
    check = Check("leaves", seen=1234, note="(all)")
    assert str(check) == "ok      leaves: 1,234 (all)"
    check.fail("first", 7)
    check.fail("second", 3)
    assert not check.ok
    assert str(check) == "FAILED  leaves at position 7: first"
    assert str(Check("members", failure="gone")) == "FAILED  members: gone"


@pytest.mark.parametrize(
    "text", ["x\nok      root: 9", "x\r\x1b[2Kok", "\u2028", "\x9b31m", "\u202eko", "\x00", "x" * 10**6]
)
def test_a_finding_is_one_line_whatever_it_quotes(text: str) -> None:
    check = Check("members")
    check.fail(text)
    assert str(check).isprintable()
    assert len(str(check)) < 4000
    check = Check("members")
    check.fail("Fāze ñ")
    assert str(check) == "FAILED  members: Fāze ñ"


def test_a_sound_log_passes_every_check() -> None:
    for check in (Order(), Leaves(), Payloads(), Attachments(), Known()):
        assert found(check) == {}
        assert check.results()[0].seen > 0


def test_positions_have_no_gap_but_where_other_processes_are() -> None:
    process = HISTORY.processes[0]
    own = [record for record in LOG if record.event.process == process]
    assert found(Order(process), own) == {}
    assert found(Order(), own)["positions"] not in (None, own[0].event.position)
    assert found(Order(), [*LOG[:4], *LOG[5:]])["positions"] == 5
    assert found(Order(), [*LOG[:4], LOG[3]])["positions"] == 5
    assert found(Order(process), [own[0], own[0]])["positions"] == own[0].event.position + 1


def test_a_process_has_its_own_events_and_erasures_alone() -> None:
    process, other = HISTORY.processes
    own = [record for record in LOG if record.event.process == process]
    stranger = next(record for record in LOG if record.event.process == other)
    mixed = sorted([*own, stranger], key=lambda record: record.event.position)
    assert found(Order(process), mixed) == {"positions": stranger.event.position}
    erased = replace(stranger, event=replace(stranger.event, type="person.erased", version=77))
    mixed = sorted([*own, erased], key=lambda record: record.event.position)
    assert found(Order(process), mixed) == {}, "versions of streams of which only this is there say nothing"


def test_versions_and_times_do_not_go_back() -> None:
    at = next(n for n, record in enumerate(LOG) if record.event.version == 2)
    for version in (1, 3):
        assert found(Order(), with_event(at, version=version))["stream versions"] == at + 1
    early = LOG[8].event.recorded_at - timedelta(microseconds=1)
    assert found(Order(), with_event(9, recorded_at=early)) == {"times": 10}
    assert found(Order(), with_event(9, recorded_at=LOG[8].event.recorded_at)) == {}, "at the same moment"


def test_a_leaf_is_of_its_header_and_commitment() -> None:
    assert found(Leaves(), with_event(5, actor=uuid4())) == {"leaves": 6}
    forged = replace(LOG[5], leaf_hash=bytes(32))
    assert found(Leaves(), [*LOG[:5], forged, *LOG[6:]]) == {"leaves": 6}


def test_a_newline_in_a_tag_does_not_pass_for_two_tags() -> None:
    two = record_of(replace(LOG[0].event, tags=("node:1", "node:2")), LOG[0].salt)
    one = replace(two, event=replace(two.event, tags=("node:1\nnode:2",)))
    assert leaf(one.event, one.salt) == two.leaf_hash, "what they are hashed as is the same"
    assert found(Leaves(), [two]) == {}
    assert found(Leaves(), [one]) == {"leaves": 1}


def test_another_payload_or_salt_is_found() -> None:
    assert found(Payloads(), with_event(5, payload=LOG[5].event.payload + b" ")) == {"payloads": 6}
    other = replace(LOG[5], salt=bytes(32))
    assert found(Payloads(), [*LOG[:5], other, *LOG[6:]]) == {"payloads": 6}


@pytest.mark.parametrize("rewritten", [False, True])
def test_nothing_moves_from_the_salt_to_the_payload(rewritten: bool) -> None:
    salt = bytes(SALT_SIZE - 1) + b" "
    before = record_of(LOG[0].event, salt)
    moved = replace(
        before,
        event=replace(before.event, payload=b" " + before.event.payload),
        salt=salt[:-1],
        rewritten=rewritten,
    )
    assert moved.own_commitment == before.commitment, "what they are hashed as is the same"
    assert json.loads(moved.event.payload) == json.loads(before.event.payload)
    assert found(Leaves(), [before]) == {}
    assert found(Leaves(), [moved]) == {"leaves": 1}


FIRST = replace(LOG[0], rewritten=True, salt=bytes(SALT_SIZE))
LEAF, NOW = FIRST.commitment, FIRST.own_commitment
BETWEEN, OTHER = (sha256(bytes([n])).digest() for n in range(2))


def rewrite(position: int, old: bytes, new: bytes) -> bytes:
    return position.to_bytes(8, "big") + old + new


def rewritten(*told: bytes) -> dict[str, int | None]:
    """What is found if the first payload was replaced, and the next events tell of it in attachments."""
    teller = replace(LOG[1].event, type="person.erased")
    events = [replace(teller, position=at, attachment=data) for at, data in enumerate(told, 2)]
    return found(Payloads(), [FIRST, *(record_of(event, bytes(SALT_SIZE)) for event in events)])


def test_a_replaced_payload_is_one_that_the_log_tells_of() -> None:
    assert rewritten() == {"rewritten payloads": 1}
    assert rewritten(rewrite(1, LEAF, NOW)) == {}
    assert rewritten(rewrite(1, LEAF, BETWEEN) + rewrite(1, BETWEEN, NOW)) == {}
    assert rewritten(rewrite(1, LEAF, BETWEEN), rewrite(1, BETWEEN, NOW)) == {}
    assert rewritten(rewrite(1, LEAF, BETWEEN), rewrite(1, LEAF, NOW)) == {}, "from the leaf's again"
    for told in (
        [rewrite(1, LEAF, BETWEEN)],
        [rewrite(1, OTHER, NOW)],
        [rewrite(1, LEAF, NOW), rewrite(1, NOW, BETWEEN)],
        [rewrite(1, LEAF, BETWEEN), rewrite(1, OTHER, NOW)],
        [rewrite(1, BETWEEN, NOW), rewrite(1, LEAF, BETWEEN)],
    ):
        assert rewritten(*told) == {"rewritten payloads": 1}, told


@pytest.mark.parametrize("position", [0, 3, 4, 2**64 - 1])
def test_nobody_tells_of_what_does_not_stand_before_them(position: int) -> None:
    good = rewrite(1, LEAF, NOW)
    assert rewritten(good, rewrite(2, LEAF, NOW)) == {}
    assert rewritten(good, rewrite(position, LEAF, NOW)) == {"rewritten payloads": 3}


@given(st.binary(max_size=3 * REWRITE_SIZE))
def test_a_list_of_replaced_payloads_is_whole_or_named(data: bytes) -> None:
    teller = record_of(replace(LOG[1].event, type="person.erased", attachment=data), LOG[1].salt)
    told = found(Payloads(), [LOG[0], teller])
    assert told == {} or told == {"rewritten payloads": 2}
    assert told or len(data) % REWRITE_SIZE == 0


def test_both_sides_agree_on_the_size_of_an_entry() -> None:
    assert REWRITE_SIZE == RECORD == len(rewrite(1, LEAF, NOW))


def test_an_attachment_is_what_the_payload_names() -> None:
    data = LOG[EDIT].event.attachment or b""
    for other in (data + b"x", b"", data[::-1]):
        assert found(Attachments(), with_event(EDIT, attachment=other)) == {"attachments": EDIT + 1}
    assert found(Attachments(), with_event(EDIT, attachment=None)) == {"attachments": EDIT + 1}
    forgotten = replace(with_event(EDIT, attachment=None)[EDIT], rewritten=True)
    assert found(Attachments(), [forgotten]) == {}, "an erasure takes it away"
    bare = next(at for at, record in enumerate(LOG) if record.event.attachment is None)
    assert found(Attachments(), with_event(bare, attachment=b"")) == {"attachments": bare + 1}


DEEP = b'{"sha256":' + b"[" * 100_000


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b"5", b'{"a":', DEEP, b'{"sha256":1e999}'])
def test_hostile_payloads_are_findings_and_no_crash(payload: bytes) -> None:
    assert found(Known(), with_event(3, payload=payload)) == {"schemas": 4}
    assert found(Attachments(), with_event(3, payload=payload, attachment=b"x")) == {"attachments": 4}
    assert found(Attachments(), with_event(3, payload=payload, attachment=None)) == {}


def test_only_known_types_and_versions_are_good() -> None:
    for change in ({"type": "plan.burnt"}, {"schema_version": 99}, {"payload": b'{"title":"x"}'}):
        assert found(Known(), with_event(3, **change)) == {"schemas": 4}
    gone = replace(LOG[3], event=replace(LOG[3].event, payload=b"{}"), rewritten=True)
    assert found(Known(), [gone]) == {}, "what is forgotten need not fit any more"
    gone = replace(gone, event=replace(gone.event, type="plan.burnt"))
    assert found(Known(), [gone]) == {"schemas": 4}
