"""Under which right something was done: as of right before it, on the node that it was done to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.past.grounds import NEEDED, Grounds, grounds_of
from app.system import System
from domain.asset import Asset
from domain.catalogue import EVENTS
from domain.document import Document
from domain.plan import Plan
from domain.ports import EventLog, RecordedEvent
from domain.process import Process
from domain.rights import ALL, Right
from tests.projections.coproduction import Coproduction

ANA, BRUNO = uuid4(), uuid4()
EDITING: frozenset[Right] = frozenset(("view", "edit"))


class Place:
    """A process of Ana's with a task, where Bruno may edit."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.story = Coproduction(system.log, seed=7)
        self.phase, self.objective, self.task = uuid4(), uuid4(), uuid4()
        self.permission = uuid4()

    async def begin(self) -> Place:
        self.process = await self.story.start(administrator=ANA)
        self.plan = self.story.plans[self.process.id]
        self.plan.add(node=self.phase, kind="phase", title="A", parent=None)
        self.plan.add(node=self.objective, kind="objective", title="B", parent=self.phase)
        self.plan.add(node=self.task, kind="task", title="C", parent=self.objective)
        rights = ["view", "edit"]
        self.process.grant(permission=self.permission, grantee=BRUNO, rights=rights, node=self.objective)
        await self.story.append(self.process.id, self.plan, self.process, actor=ANA)
        return self

    async def done(self, *aggregates: Any, actor: UUID | None = ANA) -> RecordedEvent:
        """Store what these have to tell; the last event of it."""
        last = (await self.story.append(self.process.id, *aggregates, actor=actor)).last
        return (await self.system.log.read(after=last - 1, limit=1))[0]

    async def grounds(self, event: RecordedEvent) -> Grounds:
        found = await grounds_of(self.system, event)
        assert found is not None
        return found


@pytest.fixture
async def place(system: System) -> Place:
    """The process."""
    return await Place(system).begin()


def test_what_each_kind_of_event_needs_is_said() -> None:
    """A new type has to be thought about: nothing, or a right."""
    free = {entry.name for entry in EVENTS} - set(NEEDED)
    founding, without = {"process.started", "plan.opened"}, ("person.", "access.", "payloads.")
    assert {name for name in free if not name.startswith(without)} == founding
    assert set(NEEDED) <= {entry.name for entry in EVENTS}


async def test_each_kind_of_event_is_judged_on_its_node(place: Place) -> None:
    plan, added = place.plan, await place.system.log.read(where=None, limit=100)
    nodes = [(await place.grounds(e)).node for e in added if e.type == Plan.NodeAdded.TOPIC]
    assert nodes == [None, place.phase, place.objective], "where it was put"
    plan.rename(place.task, "D")
    assert (await place.grounds(await place.done(plan))).node == place.task
    plan.move(place.task, parent=place.objective, before=None)
    asset = await place.story.put_asset(place.process.id, place.task, title="E")
    document = place.story.documents[-1]
    acts: list[tuple[Asset | Document, Callable[[], None]]] = [
        (asset, lambda: asset.rename("F")),
        (asset, asset.disable),
        (document, lambda: document.trigger_event(Document.Restored, through=1, version=None)),
    ]
    for aggregate, act in acts:
        act()
        found = await place.grounds(await place.done(aggregate))
        assert (found.node, found.held) == (place.task, ALL)
    place.process.describe(title="G")
    found = await place.grounds(await place.done(place.process))
    assert (found.needed, found.node) == ("manage", None)


async def test_the_grants_are_those_of_right_before_it(place: Place) -> None:
    place.plan.rename(place.task, "D")
    renamed = await place.done(place.plan, actor=BRUNO)
    found = await place.grounds(renamed)
    assert (found.needed, found.held) == ("manage", EDITING), "told as it was, also if it lacks"
    assert [grant.permission for grant in found.grants] == [place.permission]
    assert (found.as_of, found.agreement.version) == (renamed.position - 1, place.process.version)
    place.process.revoke(place.permission)
    revoked = await place.done(place.process)
    assert await place.grounds(renamed) == found, "for ever"
    place.plan.rename(place.task, "E")
    after = await place.grounds(await place.done(place.plan, actor=BRUNO))
    assert (after.held, after.grants) == (frozenset(), ())
    found = await place.grounds(revoked)
    assert (found.needed, found.held, found.agreement.position) == ("administer", ALL, revoked.position - 2)


async def test_what_takes_no_right_has_no_grounds(place: Place, log: EventLog) -> None:
    found = {event.type: event for event in await log.read()}
    first_grant = next(event for event in await log.read() if event.type == Process.RightGranted.TOPIC)
    for event in (found["process.started"], found["plan.opened"], first_grant):
        assert await grounds_of(place.system, event) is None
    place.plan.rename(place.task, "D")
    renamed = await place.done(place.plan)
    assert await grounds_of(place.system, replace(renamed, actor=None)) is None
    assert await grounds_of(place.system, replace(renamed, process=None)) is None
    assert await grounds_of(place.system, replace(renamed, position=1)) is None, "before there was a process"


async def test_an_edit_is_judged_as_of_when_it_was_made(place: Place) -> None:
    asset: Asset = await place.story.put_asset(place.process.id, place.task, title="E")
    document, before = place.story.documents[-1], await place.system.log.head()
    assert asset.document == document.id
    edited = datetime.now(UTC)
    place.process.revoke(place.permission)
    await place.done(place.process)

    async def burst(ended: datetime) -> Grounds:
        facts = {"edits": 1, "inserted": 1, "deleted": 0, "update": b"\x00\x00"}
        document.trigger_event(Document.Edited, began=edited, ended=ended, **facts)
        return await place.grounds(await place.done(document, actor=BRUNO))

    found = await burst(edited)
    assert (found.needed, found.as_of, found.held) == ("edit", before, EDITING)
    head = await place.system.log.head()
    found = await burst(edited + timedelta(days=1))  # by a clock that is wrong: not after itself
    assert (found.as_of, found.held) == (head, frozenset())
