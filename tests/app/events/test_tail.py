"""The newest events in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from uuid import UUID, uuid4

import pytest

from app.authorization import CHANGES
from app.events import tail as module
from app.events.tail import Subscriber, Tail
from domain.ports import Context, NewEvent
from tests.memory_log import MemoryLog

PROCESS = uuid4()


async def nobody(credentials: Collection[UUID]) -> Collection[UUID]:
    return ()


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
async def tail(log: MemoryLog) -> AsyncIterator[Tail]:
    """One that somebody reads, from the third event on."""
    await append(log, "plan.opened", "plan.node_added")
    tail = Tail(log, "http://127.0.0.1:8000", nobody)
    async with tail.reading(None):
        yield tail


async def append(log: MemoryLog, *types: str) -> None:
    events = [NewEvent(uuid4(), type, b"{}", process=PROCESS) for type in types]
    await log.append(events, Context())


async def reached(tail: Tail, position: int) -> None:
    assert await tail.beyond(position - 1, 60, Subscriber(None))


def kept(tail: Tail, after: int) -> list[int] | None:
    found = tail.since(after)
    return None if found is None else [entry.event.position for entry in found]


async def test_keeps_what_came_since_somebody_reads(log: MemoryLog, tail: Tail) -> None:
    assert (kept(tail, 1), kept(tail, 2)) == (None, [])
    await append(log, *["plan.node_added"] * 3)
    await reached(tail, 5)
    assert (kept(tail, 1), kept(tail, 2), kept(tail, 4)) == (None, [3, 4, 5], [5])


async def test_keeps_no_more_than_so_much(
    log: MemoryLog, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_KEPT", 2)
    await append(log, *["plan.node_added"] * 4)
    await reached(tail, 6)
    assert (kept(tail, 3), kept(tail, 4)) == (None, [5, 6])
    monkeypatch.setattr(module, "BYTES_KEPT", 3)
    await append(log, "plan.node_added")
    await reached(tail, 7)
    assert (kept(tail, 5), kept(tail, 6)) == (None, [7])


async def test_lets_go_of_all_that_came_before_somebody_was_erased(log: MemoryLog, tail: Tail) -> None:
    await append(log, "document.version_named", "person.erased", "plan.node_added")
    await reached(tail, 5)
    assert (kept(tail, 2), kept(tail, 3), kept(tail, 4)) == (None, [4, 5], [5])


@pytest.mark.parametrize("type", sorted(CHANGES))
async def test_tells_that_rights_in_a_process_changed(log: MemoryLog, tail: Tail, type: str) -> None:
    await append(log, "plan.node_added")
    await reached(tail, 3)
    assert tail.rights_changed(PROCESS) == 0
    await append(log, type)
    await reached(tail, 4)
    assert (tail.rights_changed(PROCESS), tail.rights_changed(uuid4())) == (4, 0)
