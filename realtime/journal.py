"""Commits what rooms accepted: one task takes everything that queued while its last commit ran.

Nothing is dropped: while the store fails, the same batch is tried again, for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

from realtime.metrics import Metrics
from realtime.ports import DocumentStore, Entry, Rejected

logger = logging.getLogger(__name__)

Committed = Callable[[Sequence[int | None]], None]
"""Told the row ids of a room's oldest entries once they are durable; None: refused."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds between two tries
_BATCH = 5000  # entries in one commit


class Journal:
    """The committer of one node; `origin` names it in the store."""

    def __init__(self, store: DocumentStore, metrics: Metrics, origin: UUID | None = None) -> None:
        self._store = store
        self._metrics = metrics
        self._queue: list[tuple[Entry, Committed]] = []
        self._wake = asyncio.Event()
        self._origin = origin or uuid4()
        self._sequence = 0
        self._done = 0
        self._progress = asyncio.Condition()
        self._put = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._task = asyncio.create_task(self._run(), name="journal")

    async def stop(self, timeout: float) -> bool:
        """Commit what is queued, then end; returns whether all of it got committed in time (seconds)."""
        try:
            async with asyncio.timeout(timeout):
                await self.settled()
            return True
        except TimeoutError:
            return False
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)

    def put(self, entry: Entry, committed: Committed) -> None:
        """Queue an entry. `committed` is called once for each batch of a room, in order."""
        self._queue.append((entry, committed))
        self._put += 1
        self._metrics.journal_entries += 1
        self._metrics.journal_bytes += len(entry.update)
        self._wake.set()

    async def settled(self) -> None:
        """Return when everything queued before this call is committed."""
        target = self._put
        async with self._progress:
            await self._progress.wait_for(lambda: self._done >= target)

    async def _run(self) -> None:
        commit: asyncio.Task[Sequence[int | None]] | None = None
        batch: list[tuple[Entry, Committed]] = []
        try:
            while True:
                if commit is None:
                    await self._wake.wait()
                    batch, commit = self._begin()
                rows = await commit
                done, commit = batch, None
                if None in rows:
                    done, rows = self._with_followers(done, rows)
                if self._queue:  # the next commit runs while this one is handed out
                    batch, commit = self._begin()
                    await asyncio.sleep(0)
                self._hand_out(done, rows)
                async with self._progress:
                    self._done += len(done)
                    self._progress.notify_all()
        finally:
            if commit is not None:
                commit.cancel()

    def _begin(self) -> tuple[list[tuple[Entry, Committed]], asyncio.Task[Sequence[int | None]]]:
        batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
        if not self._queue:
            self._wake.clear()
        sequence, self._sequence = self._sequence, self._sequence + len(batch)
        return batch, asyncio.create_task(self._commit([entry for entry, _ in batch], sequence))

    def _with_followers(
        self, done: list[tuple[Entry, Committed]], rows: Sequence[int | None]
    ) -> tuple[list[tuple[Entry, Committed]], Sequence[int | None]]:
        """After a refused entry, what its room queued since is refused too: it may lean on it."""
        rooms = {committed for (_, committed), row in zip(done, rows, strict=True) if row is None}
        followers = [item for item in self._queue if item[1] in rooms]
        self._queue = [item for item in self._queue if item[1] not in rooms]
        if not self._queue:
            self._wake.clear()
        return [*done, *followers], [*rows, *([None] * len(followers))]

    def _hand_out(self, batch: list[tuple[Entry, Committed]], rows: Sequence[int | None]) -> None:
        by_room: dict[Committed, list[int | None]] = {}
        for (entry, committed), row in zip(batch, rows, strict=True):
            by_room.setdefault(committed, []).append(row)
            self._metrics.journal_bytes -= len(entry.update)
        self._metrics.journal_entries -= len(batch)
        for committed, results in by_room.items():
            try:
                committed(results)
            except Exception:  # one room's failure must not stop the others' commits
                logger.exception("a room failed to take its commit")

    async def _commit(self, entries: list[Entry], sequence: int) -> Sequence[int | None]:
        started = time.monotonic()
        pause = _FIRST_PAUSE
        while True:
            try:
                rows = await self._store.append(self._origin, sequence, entries)
            except Rejected:
                if len(entries) == 1:
                    logger.exception("the store can't hold an update of document %s", entries[0].document)
                    return [None]
                return await self._one_by_one(entries, sequence)
            except Exception as error:
                self._metrics.commit_failures += 1
                logger.warning("the journal can't commit, trying again: %s", type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._metrics.commits += 1
                self._metrics.commit_seconds += time.monotonic() - started
                return rows

    async def _one_by_one(self, entries: list[Entry], sequence: int) -> Sequence[int | None]:
        """Let an entry that can't be stored fail with those of its document that came after it."""
        rows: list[int | None] = []
        failed: set[UUID] = set()
        for i, entry in enumerate(entries):
            row = None if entry.document in failed else (await self._commit([entry], sequence + i))[0]
            if row is None:
                failed.add(entry.document)
            rows.append(row)
        return rows
