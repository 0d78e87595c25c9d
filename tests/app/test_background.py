"""Background work ends with its block, and its failures are not lost."""

import asyncio

import pytest

from app.background import background


async def test_it_ends_with_the_block() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background(work()):
        await asyncio.sleep(0)
        assert not ended.is_set()
    assert ended.is_set()


async def test_its_failure_is_raised_at_the_end() -> None:
    async def work() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        async with background(work()):
            await asyncio.sleep(0)
