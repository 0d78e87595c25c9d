"""The log as lines, up to a position: all of it, in bounded pieces, or an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.events import lines as module
from app.events.cloud_events import encode
from app.events.lines import Lines
from app.events.tail import Tail
from app.system import System
from domain.errors import Unavailable
from domain.ports import EventFilter, RecordedEvent
from tests.app.events.in_memory import a_note, everything, let_in, notes, system_in_memory
from tests.app.events.test_fan_out import nobody
from tests.builders import a_process
from tests.memory_log import MemoryLog

ANA, BRUNO = UUID(int=0xA), UUID(int=0xB)


@pytest.fixture
def system() -> System:
    return system_in_memory()


def tail_of(system: System) -> Tail:
    return Tail(system.log, system.settings.address, nobody)


class Noted(list[int]):
    """The positions that were noted as given."""

    def __call__(self, events: Iterable[RecordedEvent]) -> None:
        self += [event.position for event in events]


def read(system: System, *, tail: Tail | None = None, note: Noted | None = None, **asked: Any) -> Any:
    """The pieces that Ana gets."""
    wanted: dict[str, Any] = {"after": 0, "before": 10**6, "where": EventFilter()} | asked
    found = Lines(system, tail_of(system) if tail is None else tail, ANA, **wanted)
    return found.read(None, Noted() if note is None else note)


async def text(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def as_lines(system: System, events: Iterable[RecordedEvent]) -> bytes:
    return b"".join(encode(event, system.settings.address) + b"\n" for event in events)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 599, 600, 601, 1_100])
async def test_all_events_come_once_and_in_order(system: System, count: int) -> None:
    await notes(system, ANA, count)
    noted = Noted()
    assert await text(read(system, note=noted)) == as_lines(system, await everything(system))
    assert noted == list(range(1, count + 1))


async def test_only_what_may_be_seen_is_given_and_noted(system: System) -> None:
    hidden, shown = await a_process(system, BRUNO), await a_process(system, BRUNO)
    await let_in(system, shown, ANA)
    await a_note(system, BRUNO)
    await a_note(system, ANA)
    expected = [
        event
        for event in await everything(system)
        if event.process == shown or (event.process != hidden and event.stream == ANA)
    ]
    noted = Noted()
    assert await text(read(system, note=noted)) == as_lines(system, expected)
    assert noted == [event.position for event in expected]


async def test_positions_and_a_filter_narrow_what_comes(system: System) -> None:
    await notes(system, ANA, 6)
    await a_process(system, ANA)
    [*_, third, fourth, _, _, started, _, _] = await everything(system)
    assert await text(read(system, after=2, before=5)) == as_lines(system, [third, fourth])
    assert await text(read(system, after=4, before=5)) == b""
    only = EventFilter(types=("process.started",))
    assert await text(read(system, where=only)) == as_lines(system, [started])


async def test_pieces_are_bounded_in_bytes_and_a_large_event_comes_alone(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART", 2_500)
    for size in (1_000, 1_000, 1_000, 5_000, 1_000, 1, 1):
        await a_note(system, ANA, size)
    pieces = [piece async for piece in read(system)]
    assert [piece.count(b"\n") for piece in pieces] == [2, 1, 1, 3]
    assert b"".join(pieces) == as_lines(system, await everything(system))


async def test_the_end_of_the_sign_in_is_an_error_and_not_the_end_of_the_lines(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART", 1)
    await notes(system, ANA, 3)
    tail = tail_of(system)
    pieces = read(system, tail=tail)
    await anext(pieces)
    [subscriber] = tail._readers
    subscriber.over.set()
    with pytest.raises(Unavailable):
        await anext(pieces)
    assert not tail._readers


async def test_a_server_that_shuts_down_gives_no_empty_answer(system: System) -> None:
    tail = tail_of(system)
    await tail.close()
    with pytest.raises(Unavailable):
        await text(read(system, tail=tail))


class WeakLog(MemoryLog):
    """Answers the first reads alone; then it fails, or keeps its reader waiting."""

    good = 1
    fails = True

    async def read(self, **asked: Any) -> Sequence[RecordedEvent]:
        self.good -= 1
        if self.good < 0:
            if self.fails:
                raise Unavailable("away")
            await asyncio.Event().wait()
        return await super().read(**asked)


@pytest.fixture
def weak(system: System) -> tuple[System, WeakLog]:
    log = WeakLog()
    return replace(system, log=log), log


async def test_a_log_that_goes_away_is_an_error_and_not_the_end_of_the_lines(
    weak: tuple[System, WeakLog],
) -> None:
    system, _ = weak
    await notes(system, ANA, 300)
    pieces = read(system)
    assert (await anext(pieces)).count(b"\n") == 200
    with pytest.raises(Unavailable):
        await anext(pieces)


async def test_who_goes_away_leaves_nothing_behind(weak: tuple[System, WeakLog]) -> None:
    system, log = weak
    log.fails = False
    await notes(system, ANA, 300)
    tail, before = tail_of(system), asyncio.all_tasks()
    async with aclosing(read(system, tail=tail)) as pieces:
        await anext(pieces)
        assert asyncio.all_tasks() > before  # it reads ahead
    async with asyncio.timeout(60):
        while asyncio.all_tasks() != before:  # noqa: ASYNC110  a cancelled task has no event for its end
            await asyncio.sleep(0)
    assert not tail._readers
