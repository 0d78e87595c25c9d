"""Edits in doubt: kept in order, bounded, given up after a while."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from realtime.limits import Limits
from realtime.member import Member
from realtime.nodes.doubts import Doubts, Held
from realtime.protocol import Edit
from realtime.update import walk


def held(size: int, since: float = 0.0) -> Held:
    member = Member(uuid4(), uuid4(), "Ilze", "#123456", may_edit=True)
    return Held(member, Edit(b"x" * size, walk(b"\x00\x00"), step2=True), datetime.now(UTC), since)


def test_what_a_failed_reading_took_comes_first_again() -> None:
    doubts = Doubts(Limits())
    one, two, three = held(1), held(1), held(1)
    assert doubts.put(one)
    assert doubts.put(two)
    taken = doubts.take()
    assert taken == [one, two]
    assert doubts.put(three)
    doubts.put_back(taken)
    assert doubts.take() == [one, two, three]
    assert doubts.take() == []


def test_it_is_bounded() -> None:
    doubts = Doubts(Limits(parked_updates=3, parked_bytes=100))
    assert doubts.put(held(500)), "one of any size, else it could never be taken"
    assert not doubts.put(held(1))
    doubts.take()
    assert [doubts.put(held(1)) for _ in range(4)] == [True, True, True, False]
    doubts.put_back(doubts.take())
    assert not doubts.put(held(1))


def test_what_waited_too_long() -> None:
    doubts = Doubts(Limits(parked_for=30, parked_bytes=100))
    old, young = held(60, 0.0), held(30, 20.0)
    doubts.put(old)
    doubts.put(young)
    assert doubts.expired(30.0) == []
    assert doubts.expired(30.1) == [old]
    assert doubts.put(held(60)), "its bytes are free again"
    assert doubts.take()[0] is young
