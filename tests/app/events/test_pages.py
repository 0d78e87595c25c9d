"""How much of the log is read at once."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.events.pages import Pace
from domain.ports import RecordedEvent


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
