"""Equal reads, asked for at the same time, done once.

A reader never gets an answer older than its question: who asks while a read runs shares the next
one, which begins when that has ended. (So a thousand people who open one document at once cost the
database two reads, and each of them knows what was committed before they asked.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class SharedReads:
    """Runs at most one read of a key at a time."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Any]] = {}
        self._next: dict[Hashable, asyncio.Task[Any]] = {}

    async def read(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """What `fetch` gives, or another one's `fetch` for the same key that began after this call.

        Raises what it raises. A reader that is cancelled does not cancel the read.
        """
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._fetch(key, fetch))
            task.add_done_callback(_retrieved)
        result: T = await asyncio.shield(task)
        return result

    async def _fetch(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        while (running := self._running.get(key)) is not None:
            await asyncio.wait([running])
        self._running[key] = self._next.pop(key)
        try:
            return await fetch()
        finally:
            del self._running[key]


def _retrieved(task: asyncio.Task[Any]) -> None:
    """Nobody may be waiting for a failure any more; that is no news."""
    if not task.cancelled():
        task.exception()
