"""Wakes whoever waits for deliveries: there may be some now, on whatever node it came about.

What feeds, acknowledges, gives back or resumes tells which subscriptions it was about; that goes to the
other nodes over PostgreSQL's NOTIFY, many at a time. All of this is a hint, which may be missed: each
second, and when something falls due, one look at the database, for all who wait on this node together,
wakes those for whom something is due, and those whose sign-in has ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog

from app.background import background
from app.database.failures import is_away, unavailable_when_away
from app.database.postgres import Pool
from domain.errors import Unavailable

log = structlog.get_logger(__name__)

CHANNEL = "interlink_deliveries"
LOOK = 0.5  # seconds between looks at the most
PAUSE = 0.05  # seconds between looks, and between notifications, at the least
RETRY = 1.0  # seconds until it listens again after the connection was lost

_NOTIFY = "SELECT pg_notify($1, $2 || ' ' || id) FROM unnest($3::text[]) AS told (id)"
# Of each stream the oldest open delivery is next, when it is due and no other of the stream is leased.
_DUE = """
SELECT subscription, extract(epoch FROM min(due) - statement_timestamp())::float8 AS seconds FROM (
    SELECT DISTINCT ON (subscription, stream) subscription, greatest(
        CASE state WHEN 'leased' THEN leased_until ELSE due_at END,
        max(leased_until) OVER (PARTITION BY subscription, stream)
    ) AS due
    FROM deliveries WHERE subscription = ANY ($1::uuid[]) AND state <> 'parked'
    ORDER BY subscription, stream, position
) AS following GROUP BY subscription
"""


class Waiter:
    """Somebody who waits for deliveries of a subscription, by a session or access token (its id)."""

    def __init__(self, credential: UUID | None) -> None:
        self.credential = credential
        self.woken = asyncio.Event()

    async def next(self, timeout: float) -> None:
        """Until there may be something, or the sign-in ended, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.woken.wait()
        self.woken.clear()


class DeliveryNews:
    """One for each node. Without `run` it knows of what happens on this node only."""

    def __init__(self) -> None:
        self._node = uuid4().hex
        self._waiting: dict[UUID, deque[Waiter]] = {}
        self._untold: set[UUID] = set()
        self._to_tell = asyncio.Event()
        self._to_look = asyncio.Event()
        self._anything = asyncio.Event()

    @contextmanager
    def waiting(self, subscription: UUID, credential: UUID | None) -> Iterator[Waiter]:
        """Wait for a subscription's deliveries during this block: take, and if there is none, `next`."""
        waiter = Waiter(credential)
        others = self._waiting.setdefault(subscription, deque())
        others.append(waiter)
        self._to_look.set()
        try:
            yield waiter
        finally:
            others.remove(waiter)
            if not others:
                self._waiting.pop(subscription, None)
            elif waiter.woken.is_set():  # what it was woken for is another's
                self.wake(subscription)

    def tell(self, subscriptions: Iterable[UUID]) -> None:
        """Something of these may be due now, or soon."""
        for subscription in subscriptions:
            self.wake(subscription)
            self._untold.add(subscription)
        if self._untold:
            self._to_tell.set()
            self._changed()

    def wake(self, subscription: UUID) -> None:
        """Wake the one on this node that has waited longest; who took something wakes the next."""
        for waiter in self._waiting.get(subscription, ()):
            if not waiter.woken.is_set():
                waiter.woken.set()
                return

    async def anything(self) -> None:
        """Until something may be due of any subscription; it may come to nothing, or be missed."""
        await self._anything.wait()

    async def run(
        self,
        url: str,
        pool: Pool,
        ended: Callable[[Collection[UUID]], Awaitable[Collection[UUID]]],
    ) -> None:
        """Hear of other nodes, tell them, and look, for ever. `ended`: which of some sign-ins are over."""
        async with background(self._look(pool, ended)):
            while True:
                try:
                    connection = await asyncpg.connect(url, timeout=10, command_timeout=10)
                    try:
                        await connection.add_listener(CHANNEL, self._heard)
                        await self._tell(connection)
                    finally:
                        connection.terminate()
                except Exception as error:  # whatever it was: a second later it is tried again
                    if not is_away(error):
                        log.exception("delivery_news_failed")
                await asyncio.sleep(RETRY)

    def _changed(self) -> None:
        self._to_look.set()
        self._anything.set()
        self._anything = asyncio.Event()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        node, _, subscription = str(payload).partition(" ")
        if node != self._node:
            self.wake(UUID(subscription))
            self._changed()

    async def _tell(self, connection: asyncpg.Connection) -> None:
        wake = self._to_tell.set
        connection.add_termination_listener(lambda _: wake())
        wake()  # what was not told by the connection before
        while not connection.is_closed():
            await self._to_tell.wait()
            self._to_tell.clear()
            told, self._untold = self._untold, set()
            try:
                if told:
                    await connection.execute(_NOTIFY, CHANNEL, self._node, [str(id) for id in told])
            except BaseException:
                self._untold |= told  # for the next connection
                raise
            await asyncio.sleep(PAUSE)

    async def _look(
        self, pool: Pool, ended: Callable[[Collection[UUID]], Awaitable[Collection[UUID]]]
    ) -> None:
        loop = asyncio.get_running_loop()
        checked, following = 0.0, LOOK
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(following if self._waiting else None):
                    await self._to_look.wait()
            self._to_look.clear()
            following = LOOK
            if self._waiting:
                try:
                    following = await self._wake_due(pool)
                    if loop.time() - checked >= LOOK:
                        checked = loop.time()
                        await self._wake_ended(ended)
                except Unavailable:
                    log.debug("nothing_is_due_while_the_database_is_away")
                except Exception:  # whatever it was: who waits must not wait for ever
                    log.exception("delivery_news_failed")
            await asyncio.sleep(PAUSE)

    async def _wake_due(self, pool: Pool) -> float:
        """Wake those for whom something is due; returns in how many seconds to look again."""
        with unavailable_when_away():
            rows = await pool.fetch(_DUE, list(self._waiting))
        for row in rows:
            if row["seconds"] <= 0:
                self.wake(row["subscription"])
        coming: list[float] = [row["seconds"] for row in rows if row["seconds"] > 0]
        return min([LOOK, *coming])

    async def _wake_ended(self, ended: Callable[[Collection[UUID]], Awaitable[Collection[UUID]]]) -> None:
        waiters = [waiter for waiters in self._waiting.values() for waiter in waiters]
        shown = {waiter.credential for waiter in waiters if waiter.credential is not None}
        over = set(await ended(shown)) if shown else set()
        for waiter in waiters:
            if waiter.credential in over:
                waiter.woken.set()
