"""An event loop whose clock jumps to the next timer: what takes a minute takes no time, and a machine that
stands still for one changes nothing."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # chosen at run time
    """Waits by moving the clock, and really while threads work: the clock stands still meanwhile."""

    waited = 0.0
    threads = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        if self.threads and (timeout is None or timeout > 0):
            return super().select(None)
        if timeout is None:
            raise RuntimeError("nothing will ever happen again")
        self.waited += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0. Nothing on it may wait for another process or machine."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.waited

    def run_in_executor(self, *arguments: Any) -> asyncio.Future[Any]:
        """As always; until it is done, time waits for it."""
        future = super().run_in_executor(*arguments)
        self._clock.threads += 1
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self._clock.threads -= 1

    async def shutdown_default_executor(self) -> None:
        """As always; it waits for a thread."""
        self._clock.threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._clock.threads -= 1


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main)


def timeless(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that runs on such a loop."""

    @wraps(test)
    def timed(**fixtures: Any) -> None:
        run(test(**fixtures))

    return timed
