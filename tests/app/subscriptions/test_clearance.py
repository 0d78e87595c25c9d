"""What may go out is decided for each owner, and one who cannot be decided for keeps back nobody."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.events.access import EventAccess
from app.subscriptions import clearance
from app.subscriptions.clearance import Clearance
from app.subscriptions.outbox import Due, Handful
from app.subscriptions.webhook import Webhook
from app.system import System
from domain.errors import Unavailable
from domain.ports import RecordedEvent
from tests.app.api.conftest import Somebody


async def handful_of(system: System, owner: UUID, *processes: str) -> Handful:
    """All events of some processes, and one that is no more, for a webhook of this owner."""
    events = [event for event in await system.log.read(limit=1000) if str(event.process) in processes]
    due = [Due(event.position, event.stream, uuid4(), 1, False, len(event.payload)) for event in events]
    lost = Due(2**40, uuid4(), uuid4(), 1, False, 0)
    return Handful(Webhook(uuid4(), owner, "", "active"), [*due, lost])


async def test_owners_get_what_they_may_see_and_no_more_than_fits(
    system: System, ana: Somebody, bruno: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers, his = await ana.a_process(), await bruno.a_process()
    handfuls = [await handful_of(system, one.person, hers, his) for one in (ana, bruno)]
    all_cleared = await Clearance(system).of(handfuls)
    for handful, process, cleared in zip(handfuls, (hers, his), all_cleared, strict=True):
        assert cleared.visible
        assert {str(cleared.events[one.position].process) for one in cleared.visible} == {process}
        assert [*cleared.surplus, *cleared.unclear] == []
        found = sorted([*cleared.visible, *cleared.hidden], key=lambda one: one.position)
        assert found == handful.due

    monkeypatch.setattr(clearance, "BYTES", 1)
    for handful, cleared in zip(handfuls, await Clearance(system).of(handfuls), strict=True):
        assert [*cleared.visible, *cleared.hidden] == [handful.due[0]]
        assert cleared.surplus == handful.due[1:]


async def test_one_owner_who_cannot_be_decided_for_keeps_back_nobody(
    system: System, ana: Somebody, bruno: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await ana.a_process()
    handfuls = [await handful_of(system, one.person, process) for one in (ana, bruno)]
    failure: Exception = ValueError("no such thing")
    may_see = EventAccess.may_see

    async def failing(self: EventAccess, event: RecordedEvent) -> bool:
        if self._person == bruno.person:
            raise failure
        return await may_see(self, event)

    monkeypatch.setattr(EventAccess, "may_see", failing)
    good, bad = await Clearance(system).of(handfuls)
    assert good.visible
    assert bad.unclear == handfuls[1].due
    failure = Unavailable("away")
    with pytest.raises(Unavailable):
        await Clearance(system).of(handfuls)
