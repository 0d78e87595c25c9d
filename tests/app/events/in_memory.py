"""A system on a log in memory, for what asks nothing but the log and who may do what."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID, uuid4

from eventsourcing.domain import AggregateEvent

from app.commands import Done
from app.commands import asset as assets
from app.system import System
from domain.catalogue import EVENTS
from domain.person import Person
from domain.ports import Context, NewEvent, RecordedEvent
from domain.process import Process
from tests.builders import SmallPlan, a_plan, a_process, by, make_system
from tests.memory_log import MemoryLog


def system_in_memory() -> System:
    """Commands and reading go; whatever needs a database does not."""
    return make_system(cast(Any, None), MemoryLog())


async def a_note(system: System, person: UUID, size: int = 1) -> int:
    """Append an event that this person alone may see; returns its position."""
    event = NewEvent(person, "person.noted", b'{"text":"%b"}' % (b"x" * size))
    return (await system.log.append([event], Context(actor=person))).last


async def notes(system: System, person: UUID, count: int, size: int = 1) -> list[int]:
    """So many of them, in one append."""
    event = NewEvent(person, "person.noted", b'{"text":"%b"}' % (b"x" * size))
    done = await system.log.append([event] * count, Context(actor=person))
    return list(range(done.first, done.last + 1))


async def a_planned_process(system: System, actor: UUID) -> tuple[UUID, SmallPlan]:
    """A process with a plan, administered by the actor."""
    process = await a_process(system, actor)
    return process, await a_plan(system, actor, process)


async def a_document(system: System, actor: UUID, node: UUID) -> Done:
    """A document under a node."""
    return await assets.create(system, by(actor), node=node, kind="document", title="Text", format="text")


async def let_in(system: System, process: UUID, grantee: UUID, *, node: UUID | None = None) -> UUID:
    """Let somebody view a process, or one of its nodes; returns the permission."""
    found, permission = await system.repository.load(Process, process), uuid4()
    found.grant(permission=permission, grantee=grantee, rights=["view"], node=node)
    await system.repository.save(Context(), found, process=process)
    return permission


async def shut_out(system: System, process: UUID, permission: UUID) -> None:
    """Take that back."""
    found = await system.repository.load(Process, process)
    found.revoke(permission)
    await system.repository.save(Context(), found, process=process)


async def an_erasure(system: System) -> int:
    """Tell that somebody was erased; returns the position."""
    erased = Person.register(uuid4())
    erased.erase(basis="consent_withdrawn", text="redact", documents=(), replaced=b"")
    events = [EVENTS.encode(cast(AggregateEvent, event)) for event in erased.collect_events()]
    return (await system.log.append(events, Context())).last


async def everything(system: System) -> list[RecordedEvent]:
    """All events of the log."""
    return list(await system.log.read(limit=100_000))
