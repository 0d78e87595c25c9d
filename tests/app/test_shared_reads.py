"""Equal reads are shared, and none is older than its question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from app.shared_reads import SharedReads


class Source:
    """A value that changes, read slowly."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.go = asyncio.Event()

    async def fetch(self) -> int:
        self.reads += 1
        seen = self.value  # what is committed when the read begins
        await self.go.wait()
        return seen


async def test_who_asks_while_a_read_runs_shares_the_next_one() -> None:
    reads, source = SharedReads(), Source()
    first = [asyncio.create_task(reads.read("k", source.fetch)) for _ in range(3)]
    await _until(lambda: source.reads == 1)
    source.value = 1
    later = [asyncio.create_task(reads.read("k", source.fetch)) for _ in range(3)]
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(*first) == [0] * 3
    assert await asyncio.gather(*later) == [1] * 3, "as new as the question"
    assert source.reads == 2


async def test_other_keys_do_not_wait() -> None:
    reads, source, quick = SharedReads(), Source(), Source()
    quick.go.set()
    slow = asyncio.create_task(reads.read("slow", source.fetch))
    assert await reads.read("quick", quick.fetch) == 0
    source.go.set()
    await slow


async def test_a_failure_is_everybodys_and_over_with_it() -> None:
    reads = SharedReads()

    async def fail() -> int:
        raise OSError("away")

    async def work() -> int:
        return 7

    results = await asyncio.gather(*(reads.read("k", fail) for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError, OSError]
    assert await reads.read("k", work) == 7


async def test_a_cancelled_reader_takes_nothing_from_the_others() -> None:
    reads, source = SharedReads(), Source()
    one, two = (asyncio.create_task(reads.read("k", source.fetch)) for _ in range(2))
    await _until(lambda: source.reads == 1)
    one.cancel()
    source.go.set()
    assert await two == 0
    with pytest.raises(asyncio.CancelledError):
        await one


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  it may be anything
            await asyncio.sleep(0)
