"""After which events what `Authorization` answers may differ: found by asking after each event of a story."""

from __future__ import annotations

from uuid import UUID

from app.authorization import CHANGES, Authorization
from app.live import RIGHTS_EVENTS
from app.repository import Repository
from domain.catalogue import EVENTS, REWRITING
from domain.ports import Context, NewEvent, RecordedEvent
from projections import access
from tests.memory_log import MemoryLog
from tests.projections.coproduction import Coproduction

Held = dict[tuple[UUID, UUID | None], frozenset[str]]
NEVER_TOLD = {"access.recorded", *REWRITING}  # no story tells them, and no aggregate with rights does


async def story() -> list[RecordedEvent]:
    """One in which everything happens that can."""
    told = Coproduction(MemoryLog(), seed=5)
    administrator, other = told.people[:2]
    process = await told.start(administrator=administrator)
    process.decide_keeping("archiving")
    plan = told.plans[process.id]
    seen, unseen, moved, task = (told.id() for _ in range(4))
    for node in (seen, unseen):
        plan.add(node=node, kind="phase", title="Phase")
    plan.add(node=moved, kind="objective", title="Objective", parent=seen)
    plan.add(node=task, kind="task", title="Task", parent=moved)
    plan.set_status(task, "finished")
    process.grant(permission=told.id(), grantee=other, rights=["view"], node=seen)
    await told.append(process.id, process, plan, actor=other)
    plan.move(moved, parent=unseen)
    await told.append(process.id, plan, actor=administrator)
    while {event.type for event in await told.log.read(limit=10_000)} | NEVER_TOLD < {
        entry.name for entry in EVENTS
    }:
        await told.work(50)
        assert await told.log.head() < 5_000
    return list(await told.log.read(limit=10_000))


async def held(authorization: Authorization, process: UUID, people: set[UUID]) -> Held:
    """What each of them may do with the process and with each node."""
    found: Held = {}
    for person in people:
        if await authorization.sees_whole(person, process):
            found[person, None] = await authorization.rights(person, process)
        for node, rights in (await authorization.rights_by_node(person, process)).items():
            found[person, node] = rights
    return found


async def test_every_type_after_which_rights_differ_is_known() -> None:
    events = await story()
    people = {event.actor for event in events if event.actor}
    log = MemoryLog()
    authorization = Authorization(Repository(log))
    before: dict[UUID, Held] = {}
    nodes: dict[UUID, set[UUID | None]] = {}
    changed: set[str] = set()
    for event in events:
        new = NewEvent(
            event.stream,
            event.type,
            event.payload,
            event.version,
            event.schema_version,
            event.attachment,
            event.process,
            event.tags,
        )
        await log.append([new], Context(actor=event.actor))
        if event.process is None:
            continue
        now = await held(authorization, event.process, people)
        known = nodes.setdefault(event.process, {None})
        was = before.get(event.process, {})
        if was != {key: rights for key, rights in now.items() if key[1] in known}:
            changed.add(event.type)
        before[event.process] = now
        if event.type == "plan.node_added":  # of a new node nobody has asked before
            known.add(UUID(EVENTS.payload(event)["node"]))
            before[event.process] = now
    assert changed == CHANGES


def test_what_else_depends_on_rights_follows_the_same_types() -> None:
    assert access.VIEW.types <= CHANGES
    assert set(RIGHTS_EVENTS) >= CHANGES
