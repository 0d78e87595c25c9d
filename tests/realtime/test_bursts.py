"""When bursts are sealed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from realtime.bursts import Bursts
from realtime.limits import Limits

START = datetime(2026, 1, 1, tzinfo=UTC)
ILZE, ANNA, LIGA = (uuid4() for _ in range(3))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_burst_ends_when_its_author_pauses() -> None:
    bursts = Bursts(Limits())
    bursts.add(ILZE, 1, at(0), 10, ())
    bursts.add(ILZE, 4, at(1.5), 10, ())
    assert not bursts.take(at(3.4))
    taken = bursts.take(at(3.5))
    assert [(p, b.through) for p, b in taken.items()] == [(ILZE, 4)]
    assert not bursts


def test_a_burst_ends_after_a_while_or_when_it_is_large_or_its_author_leaves() -> None:
    for change in ("while", "large", "left", "everything"):
        bursts = Bursts(Limits())
        bursts.add(ILZE, 1, at(0), 70_000 if change == "large" else 10, ())
        bursts.add(ILZE, 2, at(29), 10, ())
        if change == "left":
            bursts.left(ILZE)
        now = at(30 if change == "while" else 29)
        assert set(bursts.take(now, everything=change == "everything")) == {ILZE}, change


def test_a_burst_waits_for_those_it_leans_on() -> None:
    bursts = Bursts(Limits())
    bursts.add(ILZE, 1, at(0), 10, {ANNA})
    bursts.add(ANNA, 2, at(4), 10, {LIGA})
    bursts.add(LIGA, 3, at(1), 10, ())
    assert set(bursts.take(at(4))) == {LIGA}, "leans on nobody"
    assert not bursts.take(at(5)), "Ilze pauses, but leans on Anna"
    assert set(bursts.take(at(6))) == {ILZE, ANNA}


def test_the_bound_takes_along_what_is_leaned_on() -> None:
    bursts = Bursts(Limits())
    bursts.add(ILZE, 1, at(0), 10, {ANNA})
    bursts.add(ANNA, 2, at(29.9), 10, ())
    bursts.add(ILZE, 3, at(29.9), 10, ())
    assert set(bursts.take(at(30))) == {ILZE, ANNA}


def test_what_could_not_be_sealed_is_open_still() -> None:
    bursts = Bursts(Limits())
    bursts.add(ILZE, 1, at(0), 10, {ANNA})
    taken = bursts.take(at(5))
    bursts.add(ILZE, 2, at(6), 20, ())
    bursts.put_back(taken)
    (burst,) = bursts.take(at(60)).values()
    assert (burst.began, burst.through, burst.size, burst.leans_on) == (at(0), 2, 30, {ANNA})
