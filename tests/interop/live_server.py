"""The live routes alone, served by uvicorn in this process, over a real hub, store, log and PostgreSQL."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import uvicorn
from starlette.applications import Starlette

from app import live
from app.commands import asset, process
from app.commands.asset import create
from app.database.postgres import Pool
from app.documents.postgres import PostgresDocumentStore
from app.eventlog.postgres import PostgresEventLog
from app.live_socket import LiveProtocol
from app.system import System
from domain.ports import Context
from realtime.hub import Hub
from realtime.limits import Limits
from tests.builders import a_person, a_plan, a_process, by, make_system

__all__ = ["Place", "asset", "live_system", "process", "served"]


@dataclass(frozen=True)
class Place:
    """A document in a process that `owner` administers."""

    owner: UUID
    process: UUID
    asset: UUID
    document: UUID
    task: UUID


async def place(system: System) -> Place:
    """A new one."""
    owner = await a_person(system)
    process_id = await a_process(system, owner)
    plan = await a_plan(system, owner, process_id)
    context = Context(actor=owner, command_id=uuid4())
    made = await create(system, context, node=plan.task, kind="document", title="Text", format="text")
    assert made.document is not None
    return Place(owner, process_id, made.id, made.document, plan.task)


async def colleague(system: System, at: Place, *rights: str, name: str = "Anna") -> UUID:
    """Somebody with these rights on the process."""
    person = await a_person(system, name)
    await process.grant(system, by(at.owner), process=at.process, grantee=person, rights=list(rights))  # type: ignore[arg-type]
    return person


@asynccontextmanager
async def live_system(pool: Pool, limits: Limits) -> AsyncIterator[System]:
    """A running system with live documents."""
    log = PostgresEventLog(pool)
    await log.start()
    hub = Hub(PostgresDocumentStore(pool, log), limits=limits, tick=0.05)
    await hub.start()
    try:
        yield make_system(pool, log, hub=hub)
    finally:
        await hub.stop()
        await log.stop()


@asynccontextmanager
async def served(system: System, *, direct: bool = True) -> AsyncIterator[str]:
    """The address (`ws://…/live`) where the system's documents are served."""
    app = Starlette(routes=live.routes)
    app.state.system = system
    config = uvicorn.Config(
        app,
        ws=LiveProtocol if direct else "websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        access_log=False,
        log_config=None,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve([listener]))
    try:
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/live"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
        listener.close()
