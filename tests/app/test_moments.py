"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.moments import position_of
from app.system import System
from domain.errors import Invalid
from tests.builders import a_person, a_process


async def test_positions_and_times(system: System) -> None:
    ilze = await a_person(system)
    await a_process(system, ilze)
    head = await system.log.head()
    [last] = await system.log.read(after=head - 1)
    assert await position_of(system, str(head), "at") == head
    assert await position_of(system, "0", "at") == 0
    assert await position_of(system, last.recorded_at.isoformat(), "at") == head
    before = last.recorded_at - timedelta(microseconds=1)
    assert await position_of(system, before.isoformat(), "at") < head
    assert await position_of(system, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f123Z"), "at") == head
    assert await position_of(system, "1990-01-01t00:00:00z", "at") == 0


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("9999999", "moment_future"),
        ("2999-01-01T00:00:00Z", "moment_future"),
        ("2026-02-30T00:00:00Z", "moment_invalid"),
        ("2026-01-01T00:00:00", "moment_invalid"),
        ("2026-01-01 00:00:00Z", "moment_invalid"),
        ("0001-01-01T00:00:00+01:00", "moment_invalid"),
        ("1e3", "moment_invalid"),
        ("+5", "moment_invalid"),
        ("", "moment_invalid"),
        ("1" * 40, "moment_invalid"),
    ],
)
async def test_what_is_no_moment(system: System, moment: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await position_of(system, moment, "since")
    assert (refusal.value.code, refusal.value.field) == (code, "since")
