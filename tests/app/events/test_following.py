"""One reader's way through the log: what was, then what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import following as module
from app.events import tail as tails
from app.events.following import Following, Step
from app.events.tail import Subscriber, Tail
from app.system import System
from domain.ports import EventFilter, RecordedEvent
from tests.app.events.in_memory import a_note, an_erasure, let_in, notes, shut_out, system_in_memory
from tests.app.events.test_fan_out import nobody
from tests.builders import a_process
from tests.memory_log import MemoryLog

ANA, BRUNO = UUID(int=0xA), UUID(int=0xB)
ALL = EventFilter()


@pytest.fixture
def system() -> System:
    return system_in_memory()


class Reading:
    """Somebody who follows."""

    def __init__(self, following: Following, tail: Tail, subscriber: Subscriber) -> None:
        self.following = following
        self.tail = tail
        self.subscriber = subscriber

    async def next(self, limit: int = module.PAGE) -> Step:
        async with asyncio.timeout(60):
            return await self.following.next(self.subscriber, limit)

    async def up_to(self, mark: str) -> list[Step]:
        """The steps up to the first one with this mark."""
        steps = [await self.next()]
        while steps[-1].mark != mark:
            steps.append(await self.next())
        return steps

    async def heard(self, position: int) -> None:
        """Once the tail has an event."""
        assert await self.tail.beyond(position - 1, 60, self.subscriber)


@asynccontextmanager
async def reading(
    system: System, person: UUID = ANA, *, after: int = 0, where: EventFilter = ALL, **more: Any
) -> AsyncIterator[Reading]:
    tail = Tail(system.log, system.settings.address, nobody)
    async with tail.reading(None) as subscriber:
        yield Reading(Following(system, tail, person, after=after, where=where, **more), tail, subscriber)


def positions(steps: Sequence[Step]) -> list[int]:
    return [entry.event.position for step in steps for entry in step.entries]


async def test_tells_once_that_it_has_caught_up_and_then_what_happens(system: System) -> None:
    before = await notes(system, ANA, 3)
    async with reading(system) as reader:
        assert not reader.following.waits
        first, caught_up = await reader.up_to("caughtup")
        assert (positions([first]), first.position, first.mark) == (before, 3, None)
        assert (caught_up.position, caught_up.entries) == (3, ())
        assert reader.following.waits
        position = await a_note(system, ANA)
        await reader.heard(position)
        assert not reader.following.waits
        steps = [await reader.next()]
        while not steps[-1].entries:
            steps.append(await reader.next())
        assert (positions(steps), reader.following.position) == ([position], position)
        assert all(step.mark is None for step in steps)


async def test_an_empty_log_is_caught_up_with_at_once(system: System) -> None:
    async with reading(system) as reader:
        assert await reader.next() == Step(0, mark="caughtup")


async def test_who_fell_behind_is_told_again_on_catching_up(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "EVENTS_KEPT", 2)
    async with reading(system) as reader:
        await reader.up_to("caughtup")
        written = await notes(system, ANA, 5)
        await reader.heard(written[-1])
        assert not reader.following.waits
        assert positions(await reader.up_to("caughtup")) == written


async def test_what_is_wanted_is_asked_of_the_log_and_of_each_event(system: System) -> None:
    await a_process(system, ANA)
    where = EventFilter(types=("process.*",))

    def wanted(event: RecordedEvent) -> bool:
        return event.type != "process.right_granted"

    async with reading(system, where=where, wanted=wanted) as reader:
        steps = await reader.up_to("caughtup")
        await a_process(system, ANA)
        head = await system.log.head()
        await reader.heard(head)
        while reader.following.position < head:
            steps.append(await reader.next())
    found = [entry.event for step in steps for entry in step.entries]
    assert [event.type for event in found] == ["process.started"] * 2


async def test_a_right_counts_as_it_is_when_an_event_is_handed_over(system: System) -> None:
    process = await a_process(system, ANA)
    permission = await let_in(system, process, BRUNO)
    async with reading(system, BRUNO) as reader:
        seen = positions(await reader.up_to("caughtup"))
        assert seen == [1, 2, 3, 4]
        await shut_out(system, process, permission)
        await a_process(system, BRUNO)
        head = await system.log.head()
        await reader.heard(head)
        steps = [await reader.next()]
        while steps[-1].position < head:
            steps.append(await reader.next())
        assert positions(steps) == [head - 2, head - 1, head]


class SilentLog(MemoryLog):
    """Tells nobody that it has grown, until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def follow(
        self, after: int = 0, *, where: EventFilter | None = None
    ) -> AsyncIterator[Sequence[RecordedEvent]]:
        await self.may.wait()
        async for batch in super().follow(after, where=where):
            yield batch


async def test_no_page_holds_what_the_tail_has_not_seen(system: System) -> None:
    """Else an event could be older than the change of rights that hides it, for all that is known."""
    log = SilentLog()
    system = replace(system, log=log)
    await notes(system, ANA, 2)
    async with reading(system) as reader:
        late = await a_note(system, ANA)
        assert positions(await reader.up_to("caughtup")) == [1, 2]
        assert reader.following.waits
        log.may.set()
        await reader.heard(late)
        steps = [await reader.next()]
        while steps[-1].position < late:
            steps.append(await reader.next())
        assert positions(steps) == [late]


async def test_what_is_for_others_is_told_as_a_checkpoint_after_a_while(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT", 0.02)
    async with reading(system) as reader:
        await reader.up_to("caughtup")
        others = (await notes(system, BRUNO, 3))[-1]
        await reader.heard(others)
        [*quiet, checkpoint] = await reader.up_to("checkpoint")
        assert (checkpoint.position, checkpoint.entries) == (others, ())
        assert not any(step.entries for step in quiet)


async def test_a_checkpoint_comes_even_where_there_is_ever_more_that_is_for_others(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT", 0.0)
    await notes(system, BRUNO, 500)
    async with reading(system) as reader:
        steps = await reader.up_to("caughtup")
        assert len(steps) > 2
        assert {step.mark for step in steps[:-1]} == {"checkpoint"}


async def test_nothing_for_long_is_told_by_a_heartbeat(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    await a_note(system, ANA)
    async with reading(system) as reader:
        await reader.up_to("caughtup")
        assert [await reader.next() for _ in range(2)] == [Step(1, mark="heartbeat")] * 2


async def test_the_end_of_the_sign_in_ends_the_waiting(system: System) -> None:
    async with reading(system) as reader:
        await reader.up_to("caughtup")
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(0)
        reader.subscriber.over.set()
        reader.tail._wake()
        assert await waiting == Step(0)


async def test_a_reader_brought_forward_in_another_way_gets_nothing_twice(system: System) -> None:
    await notes(system, ANA, 4)
    async with reading(system) as reader:
        reader.following.go_on(3)
        reader.following.go_on(1)  # does not lead back
        assert positions(await reader.up_to("caughtup")) == [4]


@pytest.mark.parametrize("kept", [True, False], ids=["from the tail", "from the log"])
async def test_a_step_is_bounded_in_bytes(
    system: System, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    monkeypatch.setattr(module, "STEP", 2_500)

    async def write() -> None:
        await notes(system, ANA, 5, 1_000)
        await a_note(system, ANA, 5_000)

    if not kept:
        await write()
    async with reading(system) as reader:
        if kept:
            await write()
            await reader.heard(6)
        assert (reader.tail.since(0) is not None) == kept
        steps = [await reader.next() for _ in range(4)]
    assert [len(step.entries) for step in steps] == [2, 2, 1, 1]
    assert [step.position for step in steps] == [2, 4, 5, 6]


EVENTS = st.lists(st.sampled_from(["mine", "large", "other", "erasure", "read"]), min_size=1, max_size=25)


@settings(max_examples=60)
@given(EVENTS, st.integers(1, 6), st.integers(1, 5), st.integers(200, 3_000))
def test_nothing_is_lost_or_doubled_whatever_fits_at_once(
    story: list[str], limit: int, kept: int, step: int
) -> None:
    async def follow() -> None:
        system = system_in_memory()
        write: dict[str, Callable[[], Any]] = {
            "mine": lambda: a_note(system, ANA),
            "large": lambda: a_note(system, ANA, 1_000),
            "other": lambda: a_note(system, BRUNO),
            "erasure": lambda: an_erasure(system),
        }
        steps: list[Step] = []
        async with reading(system) as reader:
            for what in story:
                if what == "read":
                    steps.append(await reader.next(limit))
                else:
                    await reader.heard(await write[what]())
            while not reader.following.waits:
                steps.append(await reader.next(limit))
        mine = [event for event in await system.log.read() if event.stream == ANA]
        erasures = [event for event in await system.log.read() if event.type == "person.erased"]
        expected = sorted(event.position for event in [*mine, *erasures])
        assert positions(steps) == expected
        assert max(len(one.entries) for one in steps) <= limit
        told = [one.position for one in steps]
        assert told == sorted(told)
        assert told[-1] == await system.log.head()
        assert "caughtup" in [one.mark for one in steps]
        for one in steps:
            sizes = [entry.size for entry in one.entries]
            assert len(sizes) <= 1 or sum(sizes) <= step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tails, "EVENTS_KEPT", kept)
        patch.setattr(module, "STEP", step)
        patch.setattr(module, "_SHORTEST_PAGE", 2)
        patch.setattr(module, "HEARTBEAT", 0.0)
        asyncio.run(follow())
