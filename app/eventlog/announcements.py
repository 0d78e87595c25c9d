"""Tells everyone in this process how far the log has come.

One connection listens for all of them. A notification is a hint: what it says is committed, but
one may be missed, so the head is also looked up each second, and again after every reconnection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import structlog

from app.database.failures import PoolConnection, is_away, is_lost
from app.database.postgres import Pool
from app.eventlog.transaction import CHANNEL
from domain.errors import Unavailable

HEAD = "SELECT position FROM log_head"
POLL = 1.0  # seconds
RECONNECT = 0.1  # seconds
PATIENCE = 5.0  # seconds for the head look-up, after which the connection counts as lost

logger = structlog.get_logger(__name__)


class Announcements:
    """`head` is a committed position; the log's own head may be ahead of it for a moment."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._advanced = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.head = 0

    async def start(self) -> None:
        """Listen; raises driver errors if the database cannot be reached."""
        listening = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(listening), name="event log announcements")
        await listening

    async def stop(self) -> None:
        """Stop listening; everyone still waiting gets Unavailable."""
        self._closed = True
        self._wake()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def announce(self, position: int) -> None:
        """Everything up to `position` is committed."""
        if position > self.head:
            self.head = position
            self._wake()

    async def beyond(self, position: int) -> int:
        """The head, once it is more than `position`; raises Unavailable when the log is stopped."""
        while self.head <= position:
            if self._closed:
                raise Unavailable("the event log is shutting down")
            await self._advanced.wait()
        return self.head

    def _wake(self) -> None:
        advanced, self._advanced = self._advanced, asyncio.Event()
        advanced.set()

    async def _run(self, listening: asyncio.Future[None]) -> None:
        while True:
            try:
                async with self._pool.acquire() as connection, self._listen(connection) as lost:
                    self.announce(await connection.fetchval(HEAD))
                    if not listening.done():
                        listening.set_result(None)
                    await self._poll(connection, lost)
            except Exception as error:
                if not listening.done():
                    return listening.set_exception(error)
                if not is_away(error):
                    logger.exception("event_log.announcements_failed")
            logger.warning("event_log.announcements_lost")
            await asyncio.sleep(RECONNECT)

    @contextlib.asynccontextmanager
    async def _listen(self, connection: PoolConnection) -> AsyncIterator[asyncio.Event]:
        lost = asyncio.Event()

        def heard(_connection: Any, _pid: int, _channel: str, payload: object) -> None:
            self.announce(int(str(payload)))

        def ended(_connection: Any) -> None:
            lost.set()

        connection.add_termination_listener(ended)
        try:
            await connection.add_listener(CHANNEL, heard)
            yield lost
        finally:
            if not is_lost(connection):
                connection.remove_termination_listener(ended)
                await connection.remove_listener(CHANNEL, heard)

    async def _poll(self, connection: PoolConnection, lost: asyncio.Event) -> None:
        while not lost.is_set():
            try:
                async with asyncio.timeout(POLL):
                    await lost.wait()
            except TimeoutError:
                self.announce(await connection.fetchval(HEAD, timeout=PATIENCE))
