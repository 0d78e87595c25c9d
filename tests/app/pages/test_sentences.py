"""What happened, told by day with today's names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from app.pages.sentences import tell
from app.people import Profile
from app.web.locale import locale
from projections.activity import ActivityRow

ANA, GONE = uuid4(), uuid4()
PROFILE = Profile(ANA, "ana@example.org", "Ana <b>", "en", "#000000")


async def told(*rows: ActivityRow, code: str = "en") -> Any:
    async def names(persons: Any) -> dict[UUID, Profile]:
        return {person: PROFILE for person in persons if person == ANA}

    page: Any = SimpleNamespace(
        system=SimpleNamespace(people=SimpleNamespace(names=names)), locale=locale(code)
    )
    return await tell(page, rows)


def started(at: datetime, actor: UUID | None = ANA) -> ActivityRow:
    return ActivityRow(1, at, actor, "process.started", uuid4(), "Parks", None, None, None, None, None, {})


async def test_each_day_is_one_group_in_the_order_that_was_given() -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    moments = [midnight + timedelta(hours=hours) for hours in (23, 1, 0, -0.001, -20, -50)]
    days = await told(*(started(at) for at in moments))
    assert [[one.at for one in day.told] for day in days] == [moments[:3], moments[3:5], moments[5:]]
    assert [day.name for day in days] == [
        "Monday, March 2, 2026", "Sunday, March 1, 2026", "Friday, February 27, 2026",
    ]  # fmt: skip
    assert await told() == []


async def test_who_it_was_is_told_if_it_is_known_and_in_the_reader_s_language() -> None:
    now = datetime.now(UTC)
    [day] = await told(*(started(now, actor) for actor in (ANA, GONE, None)))
    assert [one.who for one in day.told] == [PROFILE, None, None]
    assert "Ana &lt;b&gt;" in day.told[0].text
    assert "A former participant" in day.told[1].text
    assert "Somebody" in day.told[2].text
    [other] = await told(started(now), code="it")
    assert "started" not in other.told[0].text
