"""What is committed of a document, and how it is given to who lacks it."""

from __future__ import annotations

from typing import Any

import pycrdt
import pytest

from realtime import content, protocol, wire
from realtime.content import Content
from realtime.crdt import EngineError, Replica
from tests.realtime.samples import updates


def read_by(frames: list[bytes]) -> dict[int, int]:
    """What a client has that reads these frames."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    for frame in frames:
        doc.apply_update(wire.read_bytes(frame, 2)[0])
    return wire.read_state_vector(doc.get_state())


def filled(count: int = 60) -> tuple[Content, Replica]:
    """A content that took updates one by one, and a replica of the same."""
    made, replica = Content(Replica()), Replica()
    for update in updates(count=count)[:-3]:
        made.apply([update])
        replica.apply(update)
    return made, replica


def test_newcomers_share_one_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    made, replica = filled()
    encoded = 0
    state = Replica.state

    def counted(self: Replica) -> bytes:
        nonlocal encoded
        encoded += 1
        return state(self)

    monkeypatch.setattr(Replica, "state", counted)
    first = made.since(b"\x00")
    assert [frame[:2] for frame in first] == [protocol.step2(b"")[:2]]
    for _ in range(100):
        assert made.since(b"\x00") == first
    assert encoded == 1
    extra: pycrdt.Doc[Any] = pycrdt.Doc(client_id=3)
    extra.get("content", type=pycrdt.Text).insert(0, "later")
    made.apply([extra.get_update()])
    replica.apply(extra.get_update())
    later = made.since(b"\x00")
    assert [frame[:2] for frame in later] == [b"\x00\x02", b"\x00\x01"], "the tail, then the cached state"
    assert read_by(later) == replica.clocks()
    assert encoded == 1


def test_a_long_tail_is_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_TAIL", 100)
    made, replica = filled(10)
    made.since(b"\x00")
    for update in updates(seed=9, count=60)[:-3]:
        made.apply([update])
        replica.apply(update)
    frames = made.since(b"\x00")
    assert read_by(frames) == replica.clocks()
    tail = sum(len(frame) for frame in frames[:-1])
    assert tail <= max(100, len(frames[-1]) // 4) + 20


def test_who_has_part_gets_the_rest() -> None:
    made, replica = filled()
    half = Replica()
    for update in updates(count=60)[:30]:
        half.apply(update)
    (frame,) = made.since(half.state_vector())
    assert frame[:2] == b"\x00\x01"
    half.apply(wire.read_bytes(frame, 2)[0])
    assert half.clocks() == replica.clocks()
    with pytest.raises(EngineError):
        made.since(b"\x05")


def test_many_updates_become_one() -> None:
    made = Content(Replica())
    several = updates(count=30)[:-3]
    merged = made.apply(several)
    assert made.version == 1
    one: pycrdt.Doc[Any] = pycrdt.Doc()
    one.apply_update(merged)
    assert wire.read_state_vector(one.get_state()) == wire.read_state_vector(made.state_vector())
    with pytest.raises(EngineError):
        made.apply([b"\x07bad"])


def test_size_is_never_less_than_the_state() -> None:
    made, _ = filled()
    assert made.size() == len(made.state())
    made.apply([updates(seed=9, count=5)[0]])
    assert made.size() >= len(made.state())


def test_totals_change_with_every_change() -> None:
    made = Content(Replica())
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=3)
    text = doc.get("content", type=pycrdt.Text)
    text.insert(0, "abcd")
    made.apply([doc.get_update()])
    assert made.totals() == (4, 0)
    before = doc.get_state()
    del text[0:3]
    made.apply([doc.get_update(before)])
    assert made.totals() == made.totals() == (4, 3)
