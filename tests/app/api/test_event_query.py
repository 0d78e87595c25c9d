"""Which part of the log a query means, and whether a page of it can still change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.event_query import Stretch, Wanted, is_settled, stretch_of
from app.http.consistency import MAX_POSITION
from app.system import System
from domain.errors import Invalid
from domain.ports import EventFilter, RecordedEvent
from tests.app.events.in_memory import everything, notes, system_in_memory
from tests.memory_log import MemoryLog

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


class DatedLog(MemoryLog):
    """Each event was recorded at its own time: some seconds after START."""

    def __init__(self, seconds: list[float]) -> None:
        super().__init__()
        at = (START + timedelta(seconds=second) for second in sorted(seconds))
        self._events = [
            RecordedEvent(
                n, uuid4(), uuid4(), 1, "a.b", 1, time, None, None, uuid4(), None, None, None, (), b"{}", None
            )
            for n, time in enumerate(at, 1)
        ]


def dated(*seconds: float) -> System:
    return replace(system_in_memory(), log=DatedLog(list(seconds)))


def wanted(**asked: Any) -> Wanted:
    return Wanted.model_validate(asked)


def told(second: float) -> str:
    return (START + timedelta(seconds=second)).isoformat()


async def found(system: System, **asked: Any) -> list[int]:
    stretch = await stretch_of(system, wanted(**asked))
    return [e.position for e in await system.log.read(after=stretch.after, before=stretch.before)]


async def test_since_takes_in_its_own_moment_and_until_does_not() -> None:
    system = dated(1, 2, 2, 3)
    assert await found(system, since=told(2)) == [2, 3, 4]
    assert await found(system, until=told(2)) == [1]
    assert await found(system, since=told(2), until=told(2)) == []
    assert await found(system, since=told(2), until=told(2.000001)) == [2, 3]
    assert await found(system, since=told(0), until=told(9)) == [1, 2, 3, 4]


async def test_positions_and_times_narrow_each_other() -> None:
    system = dated(1, 2, 3, 4, 5)
    assert await found(system, since=told(2), after=3, before=9) == [4, 5]
    assert await found(system, since=told(4), after=1) == [4, 5]
    assert await found(system, until=told(4), before=3) == [1, 2]
    assert await found(system, until=told(2), before=5) == [1]


TENTHS = st.lists(st.integers(0, 30).map(lambda tenth: tenth / 10), max_size=12)


@settings(max_examples=50)
@given(TENTHS, st.integers(0, 30), st.integers(0, 30))
def test_what_is_found_between_two_times_is_what_was_recorded_then(
    seconds: list[float], since: int, until: int
) -> None:
    async def check() -> None:
        system = dated(*seconds)
        positions = await found(system, since=told(since / 10), until=told(until / 10))
        low, high = (START + timedelta(seconds=tenth / 10) for tenth in (since, until))
        assert positions == [e.position for e in await everything(system) if low <= e.recorded_at < high]

    asyncio.run(check())


async def test_the_first_moment_of_all_is_before_everything_and_one_to_come_bounds_nothing() -> None:
    system = system_in_memory()
    await notes(system, UUID(int=1), 2)
    stretch = await stretch_of(system, wanted(since="0001-01-01T00:00:00Z", until="9999-12-31T23:59:59Z"))
    assert (stretch.after, stretch.before) == (0, None)
    with pytest.raises(Invalid) as raised:
        await stretch_of(system, wanted(since="9999-12-31T23:59:59Z"))
    assert (raised.value.code, raised.value.field) == ("moment_future", "since")


@pytest.mark.parametrize("name", ["since", "until"])
async def test_what_is_no_time_is_refused_by_the_name_it_came_under(name: str) -> None:
    with pytest.raises(Invalid) as raised:
        await stretch_of(system_in_memory(), wanted(**{name: "yesterday"}))
    assert raised.value.field == name


async def test_all_is_as_many_as_there_can_be() -> None:
    assert (await stretch_of(system_in_memory(), wanted(limit="all"))).limit == MAX_POSITION
    assert (await stretch_of(system_in_memory(), wanted())).limit == 100


def test_what_is_asked_for_by_name_is_asked_of_the_log() -> None:
    id = uuid4()
    assert wanted(type=["plan.*", "a.b"], stream=str(id)).where == EventFilter(("plan.*", "a.b"), stream=id)


@pytest.mark.parametrize(
    "type", ["", ".", "a.", ".a", "*", "a*", "a.*.b", "a.**", "A.b", "a b", "a.b\n", "é", "a" * 101]
)
def test_what_is_no_type_is_refused(type: str) -> None:
    with pytest.raises(ValidationError):
        wanted(type=[type])


@pytest.mark.parametrize(
    ("before", "direction", "full", "settled"),
    [
        (10, "forwards", False, True),
        (11, "backwards", False, True),
        (12, "forwards", False, False),
        (12, "forwards", True, True),
        (None, "forwards", True, True),
        (None, "forwards", False, False),
        (None, "backwards", True, False),
        (12, "backwards", True, False),
    ],
)
def test_a_page_is_settled_once_nothing_new_belongs_on_it(
    before: int | None, direction: Any, full: bool, settled: bool
) -> None:
    assert is_settled(Stretch(0, before, 5, direction), 10, full=full) == settled
