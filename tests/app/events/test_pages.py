"""How much of the log is read at once."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.events import following as module
from app.events.following import Following
from app.events.pages import Pace
from app.events.tail import Tail
from app.system import System
from domain.ports import Context, EventFilter, NewEvent, RecordedEvent
from tests.app.api.conftest import Somebody
from tests.app.events.test_fan_out import nobody


def event(size: int) -> RecordedEvent:
    now, id = datetime.now(UTC), uuid4()
    return RecordedEvent(1, id, id, 1, "a.b", 1, now, None, None, id, None, None, None, (), b"x" * size, None)


@pytest.mark.parametrize(("size", "expected"), [(100, 500), (10_000, 104), (8 * 2**20, 1)], ids=str)
def test_asks_for_as_many_as_are_no_more_than_so_many_bytes(size: int, expected: int) -> None:
    pace = Pace()
    for _ in range(5):
        pace.heard([event(size)] * min(pace.events, 3))
    assert pace.events == expected
    pace.heard([])
    assert pace.events == expected
    pace.heard([event(10)])
    assert pace.events == min(2 * expected, 500)  # no faster than that


@pytest.mark.parametrize("kept", [True, False], ids=["from the tail", "from the log"])
async def test_a_step_is_bounded_in_bytes(
    system: System, ana: Somebody, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    monkeypatch.setattr(module, "STEP", 2_500)
    head = await system.log.head()
    large = [NewEvent(ana.person, "person.noted", b'{"text":"%b"}' % (b"x" * 1_000)) for _ in range(5)]
    huge = NewEvent(ana.person, "person.noted", b'{"text":"%b"}' % (b"x" * 5_000))
    if not kept:
        await system.log.append([*large, huge], Context())
    tail = Tail(system.log, system.settings.address, nobody)
    async with tail.reading(None) as subscriber:
        if kept:
            await system.log.append([*large, huge], Context())
            assert await tail.beyond(head + 5, 10, subscriber)
        assert (tail.since(head) is not None) == kept
        reading = Following(system, tail, ana.person, after=head, where=EventFilter())
        steps = [await reading.next(subscriber) for _ in range(4)]
    assert [len(step.entries) for step in steps] == [2, 2, 1, 1]
    assert [step.position - head for step in steps] == [2, 4, 5, 6]
