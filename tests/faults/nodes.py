"""Nodes in one process over one real PostgreSQL, that stop dead at any place they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

from app.database.postgres import Pool, connect_pool
from app.documents.postgres import PostgresDocumentStore
from app.eventlog.postgres import PostgresEventLog
from realtime.hub import Hub
from realtime.limits import Limits
from realtime.ports import Burst, Entry
from tests.faults.network import LocalBus, Network
from tests.realtime.peers import Pipe

QUICK = Limits(
    seal_idle=0.05,
    seal_after=0.3,
    unload_after=0.1,
    close_timeout=0.2,
    handshake=60.0,
    orphan_after=0.3,
    snapshot_bursts=4,
    follow_every=0.2,
    follow_without_bus=0.05,
    awareness_expiry=1.0,
    updates_per_second=10_000,
)

POINTS = (
    "append.before",  # received, not committed
    "append.during",  # the connection to the database ends while it commits
    "append.after",  # committed, nobody knows
    "deliver",  # shown to one reader, not to the others
    "publish",  # shown to all readers here, not told to the other nodes
    "sealing.before",
    "seal.before",
    "seal.during",
    "seal.after",
    "save_snapshot.before",
    "load.after",
    "since.after",
    "ends.after",
)


class FaultyStore:
    """A document store that ends its node, or fails for a while, where it is told to."""

    def __init__(self, store: PostgresDocumentStore, passing: Callable[[str], None]) -> None:
        self._store = store
        self._passing = passing
        self.failing = 0  # so many appends fail
        self.dead = False

    async def _pass(self, point: str) -> None:
        if self.dead:
            await asyncio.Future()  # for ever: there is nobody to go on
        self._passing(point)
        if self.dead:
            await asyncio.Future()

    def __getattr__(self, name: str) -> Any:
        """What has no place of its own to fail: as the store does it."""
        method = getattr(self._store, name)

        async def called(*arguments: Any, **named: Any) -> Any:
            await self._pass(f"{name}.before")
            result = await method(*arguments, **named)
            await self._pass(f"{name}.after")
            return result

        return called

    async def append(self, origin: UUID, sequence: int, entries: Sequence[Entry]) -> Sequence[int | None]:
        await self._pass("append.before")
        if self.failing:
            self.failing -= 1
            raise OSError("told to fail")
        return await self._during("append", self._store.append(origin, sequence, entries))

    async def seal(self, document: UUID, bursts: Sequence[Burst]) -> None:
        await self._pass("seal.before")
        await self._during("seal", self._store.seal(document, bursts))

    async def _during(self, name: str, work: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.ensure_future(work)
        await asyncio.sleep(0)
        self._passing(f"{name}.during")
        try:
            result = await task
        except Exception:
            await self._pass("")
            raise
        await self._pass(f"{name}.after")
        return result

    @asynccontextmanager
    async def sealing(self, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        await self._pass("sealing.before")
        async with self._store.sealing(*arguments, **named) as rows:
            yield rows

    async def close(self) -> None:
        await self._store.close()


class Node:
    """A hub with database connections of its own. `crash_at`: the point at which it stops dead."""

    def __init__(
        self, name: str, pool: Pool, log: PostgresEventLog, network: Network, limits: Limits
    ) -> None:
        self.name = name  # in PostgreSQL
        self.bus: LocalBus = network.node()
        self.dead = False
        self.crash_at: str | None = None
        self.passes_left = 0  # of that point, before the crash
        self.pipes: list[Pipe] = []
        self.store = FaultyStore(PostgresDocumentStore(pool, log), self.passing)
        self.hub = Hub(self.store, limits=limits, bus=self.bus, tick=0.02)
        self._pool = pool
        self._log = log
        self.bus.before_publish = lambda: self.passing("publish")

    @classmethod
    async def start(cls, url: str, network: Network, limits: Limits = QUICK) -> Node:
        name = f"node {uuid4().hex}"
        pool = await connect_pool(f"{url}{'&' if '?' in url else '?'}application_name={name}", size=6)
        log = PostgresEventLog(pool)
        await log.start()
        node = cls(name, pool, log, network, limits)
        await node.hub.start()
        return node

    def passing(self, point: str) -> None:
        """The node is at this point; it may be its last."""
        if point == self.crash_at and not self.dead:
            if self.passes_left > 0:
                self.passes_left -= 1
            else:
                self.crash()

    def crash(self) -> None:
        """Stop dead: nothing more is sent, published, or asked of the database."""
        if self.dead:
            return
        self.dead = self.store.dead = True
        self.bus.sever()
        for pipe in self.pipes:
            pipe.arrived = lambda frame: None
            pipe.closed = pipe.closed or (1006, "")
            pipe.inbound.put_nowait(None)
            pipe.ended.set()
        self._pool.terminate()  # the database sees its connections end

    def watch(self, pipe: Pipe) -> None:
        """A socket of this node."""
        self.pipes.append(pipe)
        arrived = pipe.arrived

        def passing(frame: bytes) -> None:
            if self.dead:
                return
            arrived(frame)
            if frame[:2] == b"\x00\x02":
                self.passing("deliver")

        pipe.arrived = passing

    async def buried(self, dead: Sequence[Node]) -> None:
        """Until PostgreSQL has done the last that dead nodes asked of it."""
        names = [node.name for node in dead]
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY ($1)"
        while names and await self._pool.fetchval(left, names):  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """End in order, or clear away what is left of a dead node."""
        if not self.dead:
            await self.hub.stop()
            await self._log.stop()
            await self._pool.close()
            return
        tasks: list[asyncio.Task[Any]] = [
            *self.hub._rooms._background._tasks,
            *self.hub._rooms._opening.values(),
        ]
        if self.hub._rooms._follower is not None:
            tasks += self.hub._rooms._follower._background._tasks
        if self.hub._journal._task is not None:
            tasks.append(self.hub._journal._task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._log._committer._patience = 0
        with suppress(Exception):
            async with asyncio.timeout(5):
                await self._log.stop()
