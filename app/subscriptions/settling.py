"""Stores what became of messages: all that came together since the last time, by one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from app.subscriptions.outbox import Outbox, Result
from domain.errors import Unavailable

log = structlog.get_logger(__name__)

GATHER = 0.01  # seconds from one transaction to the next
RETRY = 0.2  # seconds, while the database is away


class Settling:
    """`stored` is called with each result when it was stored, or never will be."""

    def __init__(self, outbox: Outbox, stored: Callable[[Result], None]) -> None:
        self._outbox = outbox
        self._stored = stored
        self._waiting: list[Result] = []
        self._filled = asyncio.Event()

    def put(self, result: Result) -> None:
        """Have this stored."""
        self._waiting.append(result)
        self._filled.set()

    async def run(self) -> None:
        """Store what is put, for ever; waits for a database that is away."""
        while True:
            await self._filled.wait()
            while self._waiting:
                await self._store(len(self._waiting))
                await asyncio.sleep(GATHER)
            self._filled.clear()

    async def finish(self, within: float) -> None:
        """Store what is left, if it can be done in so many seconds; else its leases run out."""
        try:
            async with asyncio.timeout(within):
                while self._waiting:
                    await self._store(len(self._waiting))
        except TimeoutError:
            log.warning("webhook_results_lost", results=len(self._waiting))

    async def _store(self, count: int) -> None:
        """The oldest so many; they wait until they are stored, so that none goes with a cancellation."""
        results = self._waiting[:count]
        try:
            await self._outbox.settle(results)
        except Unavailable:
            await asyncio.sleep(RETRY)
            return
        except Exception:
            log.exception("webhook_results_not_stored")
            await self._one_by_one(results)
        del self._waiting[:count]
        for result in results:
            self._stored(result)

    async def _one_by_one(self, results: Sequence[Result]) -> None:
        """So that one that cannot be stored keeps back no other; its lease runs out."""
        for result in results:
            try:
                await self._outbox.settle([result])
            except Exception as error:
                log.warning("webhook_result_lost", error=type(error).__name__)
