"""What came too early waits, within bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.parking import Parked, Parking
from realtime.update import Update
from tests.realtime.peers import admission

AT = datetime(2026, 1, 1, tzinfo=UTC)
ILZE, ANNA = (Member.of(admission(uuid4())) for _ in range(2))


def early(member: Member = ILZE, size: int = 10, since: float = 0.0) -> Parked:
    return Parked(member, bytes(size), Update([(1, 5, 6)], [], [], 1, 0), AT, since)


def test_each_leaves_when_its_turn_has_come() -> None:
    parking = Parking(Limits(), Metrics())
    first, second, third = early(), early(ANNA), early()
    for parked in (first, second, third):
        assert parking.put(parked) == []
    assert parking.members() == {ILZE, ANNA}
    assert parking.take(lambda update: update is second.update) is second
    assert parking.take(lambda update: update is second.update) is None
    assert parking.take(lambda _: True) is first, "oldest first"
    assert parking.take(lambda _: True) is third
    assert not parking


def test_the_oldest_make_room() -> None:
    metrics = Metrics()
    parking = Parking(Limits(parked_updates=2, parked_bytes=100), metrics)
    first, second, third, large = early(), early(), early(), early(size=95)
    assert parking.put(first) == parking.put(second) == []
    assert parking.put(third) == [first]
    assert parking.put(large) == [second, third]
    assert (metrics.parked, metrics.parked_dropped) == (4, 3)
    assert parking.put(early(size=101)) != [], "what is too large for it does not stay either"
    assert not parking
    assert parking.put(early(size=100)) == [], "what left takes no room"


def test_nothing_waits_for_ever() -> None:
    metrics = Metrics()
    parking = Parking(Limits(parked_for=30.0), metrics)
    old, young = early(since=1.0), early(since=20.0)
    parking.put(old)
    parking.put(young)
    assert parking.expire(31.0) == []
    assert parking.expire(31.1) == [old]
    assert parking.expire(51.0) == [young]
    assert metrics.parked_dropped == 2


def test_who_leaves_takes_what_is_theirs() -> None:
    parking = Parking(Limits(), Metrics())
    mine, theirs = early(), early(ANNA)
    parking.put(mine)
    parking.put(theirs)
    assert parking.forget(ILZE) == [mine]
    assert parking.forget(ILZE) == []
    assert parking.take(lambda _: True) is theirs
