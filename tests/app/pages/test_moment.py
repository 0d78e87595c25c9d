"""Moments as they come from forms: places, and local times without seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.moments import instant
from app.pages import moment
from domain.errors import Invalid
from domain.ports import Context, NewEvent
from tests.memory_log import MemoryLog


@given(
    st.datetimes(min_value=datetime(1000, 1, 1)).map(
        lambda at: at.replace(tzinfo=UTC, second=0, microsecond=0)
    )
)
def test_a_time_shown_in_a_field_comes_back_as_itself(at: datetime) -> None:
    assert instant(moment.as_rfc3339(moment.local_time(at)), "at") == at


@given(st.times(), st.dates(min_value=datetime(1000, 1, 1).date()))
def test_a_field_may_send_seconds_too(time: Any, day: Any) -> None:
    local = datetime.combine(day, time).isoformat(timespec="milliseconds")
    for sent in (local, local[:-4]):
        assert instant(moment.as_rfc3339(sent), "at") == datetime.fromisoformat(sent).replace(tzinfo=UTC)


@given(st.text() | st.text("0123456789٣²", max_size=20))
@example("9" * 18)
@example("9" * 19)
def test_a_position_is_digits_alone_or_none(text: str) -> None:
    found = moment.position(text)
    assert (found is not None) == (0 < len(text) <= 18 and set(text) <= set("0123456789"))
    assert found is None or (found == int(text) < 2**63)


async def test_a_place_is_a_position_or_a_time_and_else_refused_with_the_code_of_the_form() -> None:
    log = MemoryLog()
    page: Any = SimpleNamespace(system=SimpleNamespace(log=log))
    await log.append([NewEvent(uuid4(), "unknown.thing", b"{}") for _ in range(3)], Context())
    assert await moment.place(page, "2", "to") == 2
    assert await moment.place(page, "2020-01-01T10:00:00Z", "to") == 0
    assert await moment.place(page, datetime.now(UTC).isoformat(), "to") == 3
    for wrong in ("4", "-1", "", "soon", "2999-01-01T00:00:00Z", moment.as_rfc3339("x" * 16), "9" * 5000):
        for code in ("place_unknown", "time_unknown"):
            with pytest.raises(Invalid) as refused:
                await moment.place(page, wrong, "to", code=code)
            assert (refused.value.code, refused.value.field) == (code, "to")
