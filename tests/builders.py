"""Short ways to what most tests start from: a system, people, a process with a plan."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

from app.authorization import Authorization
from app.commands import plan as plans
from app.commands import process as processes
from app.database.postgres import Pool
from app.documents.postgres import PostgresDocumentStore
from app.documents.states import DocumentStates
from app.events.access_log import AccessLog
from app.past import Past
from app.people import People
from app.repository import Repository
from app.settings import Settings
from app.sign_in import SignIn
from app.system import System
from domain.ports import Context, EventLog
from realtime.history.history import History

KEY = b"a key that signs nothing but tests"


def make_system(pool: Pool, log: EventLog, *, views: object = None, hub: object = None) -> System:
    """A System on this pool and log. Without `views` or `hub` none can be used."""
    repository = Repository(log)
    return System(
        settings=Settings.model_validate({"live": {"refusal_pause": 0}}),
        pool=pool,
        log=log,
        repository=repository,
        authorization=Authorization(repository),
        people=People(pool, log),
        sign_in=SignIn(pool, KEY),
        views=cast(Any, views or SimpleNamespace()),
        hub=cast(Any, hub or SimpleNamespace()),
        exchanges=cast(Any, SimpleNamespace()),
        converter=cast(Any, SimpleNamespace()),
        history=History(PostgresDocumentStore(pool, log), DocumentStates(pool, every=3)),
        past=Past(pool, log),
        accesses=AccessLog(log),
    )


def by(actor: UUID | None) -> Context:
    """A new command of this person's."""
    return Context(actor=actor)


async def a_person(system: System, name: str = "Ilze", language: str = "lv") -> UUID:
    """Somebody registered, with an e-mail that nobody else has."""
    email = f"{uuid4().hex}@example.org"
    return (await system.people.register(None, email=email, name=name, language=language)).person


async def a_process(system: System, actor: UUID, title: str = "Skaidrāks pakalpojums") -> UUID:
    """A process that the actor administers."""
    return (await processes.start(system, by(actor), title=title, language="lv")).id


@dataclass(frozen=True)
class SmallPlan:
    """A phase with one objective, and in it one task."""

    phase: UUID
    objective: UUID
    task: UUID


async def a_plan(system: System, actor: UUID, process: UUID) -> SmallPlan:
    """Add a phase, an objective and a task."""

    async def add(kind: Any, parent: UUID | None) -> UUID:
        title = f"Some {kind}"
        done = await plans.add_node(system, by(actor), process=process, kind=kind, title=title, parent=parent)
        return done.id

    phase = await add("phase", None)
    objective = await add("objective", phase)
    return SmallPlan(phase, objective, await add("task", objective))


async def sealed(system: System, document: UUID) -> None:
    """Put everything committed of a document into the log; the hub may be at that itself just now."""
    async with asyncio.timeout(60):
        while not await system.hub.seal(document):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
