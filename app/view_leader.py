"""Runs the views on one node of all: the one that holds the advisory lock.

The others hear by NOTIFY how far it is, and one of them takes over when its connection ends.
Nothing here ever ends the server: a lost database is waited for, a view that cannot go on is tried
again alone, ever less often.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from domain.errors import Unavailable
from domain.ports import EventLog, RecordedEvent
from projections.ports import View
from projections.rebuild import Rebuild
from projections.runner import BATCH, CHANNEL, Displaced, Moved, Runner, prepare

log = logging.getLogger(__name__)

STATUS = "SELECT * FROM views WHERE name = ANY ($1::text[])"
_LEADER_LOCK = 7_035_991_004  # pg_advisory_lock key, arbitrary but fixed
_TRY_LEAD = "SELECT pg_try_advisory_lock($1)"
_TOGETHER = 10 * BATCH  # views this close to the foremost share one reading of the log

_LOSSES: tuple[type[Exception], ...] = (
    OSError,
    Unavailable,
    asyncpg.InternalClientError,  # the driver's surprise at a connection that ends amid an answer
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, cancelled
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.TransactionRollbackError,  # deadlock
    asyncpg.ObjectNotInPrerequisiteStateError,  # lock not available
    asyncpg.PostgresSystemError,
    asyncpg.InvalidCachedStatementError,  # tables were exchanged meanwhile
)


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of one's own, on which a commit need not reach the disk.

    Rows and position of a view are lost together if the database crashes, and come again from the log.
    """
    settings = {"synchronous_commit": "off", "application_name": "interlink views"}
    connection = await asyncpg.connect(url, timeout=10, command_timeout=60, server_settings=settings)
    try:
        yield connection
    finally:
        connection.terminate()


class Leader:
    """Takes part in running the views: leads if it gets the lock, else listens and waits for it.

    `moved` hears each position, of whichever node; `refresh` is awaited on each new connection.
    """

    def __init__(
        self,
        url: str,
        log: EventLog,
        views: Iterable[View],
        *,
        moved: Moved,
        refresh: Callable[[], Any],
        batch: int,
        poll: float,
        patience: float,
    ) -> None:
        self._url = url
        self._log = log
        self._views = list(views)
        self._moved = moved
        self._refresh = refresh
        self._batch = batch
        self._poll = poll
        self._patience = patience
        self._attempts: dict[View, tuple[int, int]] = {}
        self.leading = False

    async def run(self) -> None:
        """Take part for ever; after a failure again, a little later each time."""
        pause = 0.1
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._take_part()
            except Exception as error:  # whatever it was: views must come back by themselves
                _tell(error)
            lasted = asyncio.get_running_loop().time() - began
            pause = 0.1 if lasted > 10 else min(pause * 2, 5.0)
            await asyncio.sleep(pause * random.uniform(0.5, 1))

    async def _take_part(self) -> None:
        async with connect(self._url) as connection:
            await connection.add_listener(CHANNEL, self._hear)
            await self._refresh()
            await self._win(connection)
            self.leading = True
            try:
                await self._lead(connection)
            finally:
                self.leading = False

    async def _win(self, connection: asyncpg.Connection) -> None:
        # Not a blocking pg_advisory_lock: its snapshot would hold back vacuum for days.
        while True:
            if await connection.fetchval(_TRY_LEAD, _LEADER_LOCK):
                return
            await asyncio.sleep(self._poll)

    def _hear(self, *notification: Any) -> None:
        for name, position in json.loads(notification[-1]).items():
            self._moved(name, position)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        log.info("this node runs the views")
        async with connect(self._url) as session:
            await prepare(session, self._views)
        names = [view.name for view in self._views]
        rows = {row["name"]: row for row in await connection.fetch(STATUS, names)}
        current = {v: rows[v.name]["position"] for v in self._views if rows[v.name]["version"] == v.version}
        foremost = max(current.values(), default=0)
        together = [view for view, position in current.items() if position >= foremost - _TOGETHER]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._guard(connection))
            if together:
                group.create_task(self._follow(group, together))
            for view in self._views:
                if view not in current:
                    group.create_task(self._renew(group, view))
                elif view not in together:
                    group.create_task(self._follow(group, [view]))

    async def _guard(self, connection: asyncpg.Connection) -> None:
        """Ends leading (by raising) when the connection that holds the lock is gone."""
        while True:
            await connection.execute("SELECT 1", timeout=10)
            await asyncio.sleep(self._poll)

    async def _follow(self, group: asyncio.TaskGroup, views: Sequence[View]) -> None:
        def failed(view: View, event: RecordedEvent, error: Exception) -> None:
            where = (view.name, event.position, event.type, type(error).__name__)
            log.error("view %s stopped before position %d (%s): %s", *where)
            group.create_task(self._retry(group, view, event.position))

        async with connect(self._url) as session:
            await Runner(
                session,
                self._log,
                views,
                lost=lambda error: session.is_closed() or is_loss(error),
                moved=self._moved,
                failed=failed,
                batch=self._batch,
            ).run()

    async def _retry(self, group: asyncio.TaskGroup, view: View, position: int) -> None:
        """Follow with a view alone again, later each time that it fails at the same position."""
        before, attempt = self._attempts.get(view, (0, 0))
        attempt = attempt + 1 if before == position else 1
        self._attempts[view] = position, attempt
        await asyncio.sleep(self._pause(attempt))
        await self._follow(group, [view])

    async def _renew(self, group: asyncio.TaskGroup, view: View) -> None:
        """Rebuild a view of another version, then follow with it."""
        log.info("view %s has changed and is rebuilt", view.name)
        attempt = 0
        while True:
            try:
                async with connect(self._url) as session:
                    await Rebuild(session, self._log, view).run()
                break
            except Exception as error:
                if is_loss(error):
                    raise
                log.error("view %s cannot be rebuilt: %s", view.name, type(error).__name__)
            attempt += 1
            await asyncio.sleep(self._pause(attempt))
        await self._follow(group, [view])

    def _pause(self, attempt: int) -> float:
        return min(self._patience, 2.0 ** min(attempt, 30))


def is_loss(error: BaseException) -> bool:
    """Whether an error is about the database as a whole, not about a statement or its values."""
    return isinstance(error, _LOSSES)


def _tell(error: Exception) -> None:
    """Log why taking part ended: class names only, for messages may quote values."""
    found = _leaves(error)
    names = ", ".join(sorted({type(leaf).__name__ for leaf in found}))
    if all(is_loss(leaf) or isinstance(leaf, Displaced | asyncpg.InterfaceError) for leaf in found):
        log.warning("the views pause: %s", names)
    else:
        log.error("the views pause: %s", names)


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
