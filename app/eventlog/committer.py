"""Group commit: one task stores everything that queued while its last commit ran. No timer.

A queued append is stored even if its caller has gone. When the connection is lost while a commit
is on its way, the batch is simply done again: whoever committed it holds the head's lock until it
is through, and the command ids then tell what is stored already. Only an append that is certainly
not stored is ever answered with Unavailable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from app.database.failures import PoolConnection, is_away, is_lost
from app.database.postgres import Pool
from app.eventlog.decision import Append
from app.eventlog.transaction import (
    PREPARE_SESSION,
    AlongsideFailed,
    Stored,
    store,
    store_alongside,
)
from domain.errors import DomainError, Unavailable

BATCH_APPENDS = 1_000
BATCH_BYTES = 16 * 2**20  # payload and attachments
BACK_OFF = (0.02, 1.0)  # seconds, first and longest

logger = structlog.get_logger(__name__)


class OutcomeUnknown(Exception):
    """The process stops while the database is away, and this append may or may not be stored.

    Appending again with the same command id is safe.
    """


class Committer:
    """Owns the connection that appends, and the queue before it."""

    def __init__(
        self,
        pool: Pool,
        *,
        announce: Callable[[int], None],
        clock: Callable[[], datetime],
        queue_limit: int,
        patience: float,
    ) -> None:
        self._pool = pool
        self._announce = announce
        self._clock = clock
        self._queue_limit = queue_limit
        self._patience = patience
        self._queue: deque[Append] = deque()
        self._work = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._connection: PoolConnection | None = None

    def start(self) -> None:
        """Begin to commit what is submitted."""
        self._task = asyncio.create_task(self._run(), name="event log committer")

    async def stop(self) -> None:
        """Commit what is queued, then end. Waits for a database that is away, for `patience` at most."""
        self._stopping = True
        self._work.set()
        if self._task is not None:
            await self._task
            self._task = None

    def submit(self, append: Append) -> None:
        """Queue an append; raises Unavailable when too many wait already."""
        if self._stopping or self._task is None:
            raise Unavailable("the event log is shutting down")
        if len(self._queue) >= self._queue_limit:
            raise Unavailable("too many appends are waiting", retry_after=1.0)
        self._queue.append(append)
        self._work.set()

    async def _run(self) -> None:
        try:
            while not (self._stopping and not self._queue):
                if self._queue:
                    await self._see_through(self._take())
                else:
                    self._work.clear()
                    await self._work.wait()
        finally:
            await self._disconnect()

    def _take(self) -> list[Append]:
        """All that is queued, up to a size; an append with company is taken alone."""
        batch = [self._queue.popleft()]
        if batch[0].alongside is not None:
            return batch
        size = 0
        while self._queue and self._queue[0].alongside is None and len(batch) < BATCH_APPENDS:
            size += sum(draft.size for draft in batch[-1].drafts)
            if size >= BATCH_BYTES:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _see_through(self, batch: list[Append]) -> None:
        """Commit; nobody is left without an answer, whatever happens."""
        try:
            await self._commit(batch)
        except Exception as error:
            logger.exception("event_log.committer_failed")
            for append in batch:
                _refuse(append, error)

    async def _commit(self, batch: list[Append]) -> None:
        delay, longest = BACK_OFF
        while batch:
            try:
                stored = await self._store(batch)
            except Exception as error:
                if not self._is_away(error):
                    return await self._isolate(batch, error)
                logger.warning("event_log.database_away", error=type(error).__name__, waiting=len(batch))
                await self._disconnect()
                batch = self._expire(batch)
                if batch:
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, longest)
            else:
                self._announce(stored.head)
                return _answer(batch, stored)
        return None

    async def _store(self, batch: Sequence[Append]) -> Stored:
        if self._connection is None:
            self._connection = await self._pool.acquire(timeout=self._patience)
            await self._connection.execute(PREPARE_SESSION)
        if batch[0].alongside is not None:
            return await store_alongside(self._connection, batch[0], self._clock)
        return await store(self._connection, batch, self._clock)

    def _is_away(self, error: Exception) -> bool:
        lost = self._connection is not None and is_lost(self._connection)
        return lost or is_away(error)

    async def _isolate(self, batch: Sequence[Append], error: Exception) -> None:
        """Let an append that the database refuses fail alone."""
        if len(batch) > 1:
            for append in batch:
                await self._commit([append])
            return
        if isinstance(error, AlongsideFailed) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        _refuse(batch[0], error)

    def _expire(self, batch: Sequence[Append]) -> list[Append]:
        """Answer those who have waited long enough, and give back those who are still to be stored."""
        deadline = asyncio.get_running_loop().time() - self._patience
        patient = [append for append in batch if not self._expired(append, deadline)]
        queued = [append for append in self._queue if not self._expired(append, deadline)]
        self._queue.clear()
        self._queue.extend(queued)
        return patient

    def _expired(self, append: Append, deadline: float) -> bool:
        if append.queued_at > deadline or (append.in_doubt and not self._stopping):
            return False
        if append.in_doubt:
            _refuse(append, OutcomeUnknown("stopped before the database told what became of an append"))
        else:
            _refuse(append, Unavailable("the event log cannot reach its database"))
        return True

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it is of no more use, however it ends
                if self._stopping and not is_lost(connection):
                    await self._pool.release(connection)
                else:
                    connection.terminate()
                    await self._pool.release(connection)


def _answer(batch: Sequence[Append], stored: Stored) -> None:
    for append, outcome in zip(batch, stored.outcomes, strict=True):
        if isinstance(outcome, DomainError):
            _refuse(append, outcome)
        elif not append.answer.done():  # a cancelled caller has gone, its events stay
            append.answer.set_result(outcome)


def _refuse(append: Append, error: Exception) -> None:
    if not append.answer.done():
        append.answer.set_exception(error)
