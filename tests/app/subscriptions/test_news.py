"""Who waits for deliveries is woken: by what happens here, on another node, or in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.background import background
from app.database.postgres import Pool
from app.subscriptions import news as module
from app.subscriptions.news import DeliveryNews
from app.subscriptions.queue import Queue
from tests.app.subscriptions.test_queue import STREAMS, a_subscription, fill

LISTENING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'LISTEN%interlink_deliveries%' AND state = 'idle'
"""
LONG = 60.0  # seconds; nobody waits that long unless something is broken


async def nobody(credentials: Collection[UUID]) -> Collection[UUID]:
    """No sign-in ends."""
    return ()


@asynccontextmanager
async def nodes(database: str, pool: Pool, count: int = 1) -> AsyncIterator[list[DeliveryNews]]:
    """The news of so many nodes, at work and listening."""
    made = [DeliveryNews() for _ in range(count)]
    async with AsyncExitStack() as stack:
        for news in made:
            await stack.enter_async_context(background(news.run(database, pool, nobody)))
        await listening(pool, count)
        yield made


async def listening(pool: Pool, count: int, without: Collection[int] = ()) -> set[int]:
    """The connections that listen, once there are so many, and none of these is left."""
    async with asyncio.timeout(LONG):
        while True:
            found = {row["pid"] for row in await pool.fetch(LISTENING)}
            if len(found) == count and found.isdisjoint(without):
                return found
            await asyncio.sleep(0.01)


async def woken(news: DeliveryNews, subscription: UUID, cause: Callable[[], Any]) -> float:
    """In how many seconds somebody who waits is woken by something that is done then."""
    with news.waiting(subscription, None) as waiter:
        await asyncio.sleep(0)
        began = time.monotonic()
        done = cause()
        if done is not None:
            await done
        await waiter.next(LONG)
        return time.monotonic() - began


@pytest.fixture
def _no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is woken but by news."""
    monkeypatch.setattr(module, "LOOK", 10 * LONG)


@pytest.mark.usefixtures("_no_looks")
async def test_what_happens_here_and_elsewhere_wakes(database: str, pool: Pool) -> None:
    async with nodes(database, pool, 2) as (here, there):
        id = uuid4()
        assert await woken(here, id, lambda: here.tell([id])) < LONG / 2
        assert await woken(here, id, lambda: there.tell([uuid4(), id])) < LONG / 2
        waiting = asyncio.create_task(there.anything())
        await asyncio.sleep(0)
        here.tell([id])
        await asyncio.wait_for(waiting, LONG / 2)


async def test_what_falls_due_wakes_in_time(
    database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 10 * LONG)  # what is due is known, and not found by chance
    async with nodes(database, pool) as [news]:
        queue, id = Queue(pool, news), await a_subscription(pool)
        await fill(pool, id, STREAMS[:1] * 2)
        [leased] = await queue.lease(id, max=9, seconds=LONG)
        with news.waiting(id, None) as waiter:
            await queue.nack(id, leased.ack_id, delay=0.3)
            async with asyncio.timeout(LONG):
                while not (again := await queue.lease(id, max=9, seconds=0.3)):
                    await waiter.next(LONG)
            assert again[0].position == 1


async def test_a_lease_that_runs_out_wakes(database: str, pool: Pool) -> None:
    queue, id = Queue(pool), await a_subscription(pool)
    await fill(pool, id, STREAMS[:1] * 2)
    await queue.lease(id, max=9, seconds=0.3)
    async with nodes(database, pool) as [news]:
        with news.waiting(id, None) as waiter:
            async with asyncio.timeout(LONG):
                while not (again := await queue.lease(id, max=9, seconds=LONG)):
                    await waiter.next(LONG)
    assert [(one.position, one.attempt) for one in again] == [(1, 2)]


async def test_what_nobody_told_of_is_found(database: str, pool: Pool) -> None:
    async with nodes(database, pool) as [news]:
        id = await a_subscription(pool)
        assert await woken(news, id, lambda: fill(pool, id, STREAMS)) < LONG / 2


async def test_many_who_wait_ask_once_together(
    database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = DeliveryNews._wake_due

    async def counted(self: DeliveryNews, pool: Pool) -> float:
        looks.append(len(self._waiting))
        return await look(self, pool)

    monkeypatch.setattr(DeliveryNews, "_wake_due", counted)
    monkeypatch.setattr(module, "LOOK", 0.2)
    async with nodes(database, pool) as [news], AsyncExitStack() as stack:
        ids = [uuid4() for _ in range(50)]
        began = time.monotonic()
        waiters = [stack.enter_context(news.waiting(id, None)) for id in ids]
        await asyncio.gather(*(waiter.next(0.5) for waiter in waiters))
        assert 0 < len(looks) <= (time.monotonic() - began) / module.PAUSE
        assert max(looks) == len(ids)


async def test_one_is_woken_and_who_goes_wakes_the_next() -> None:
    news, id = DeliveryNews(), uuid4()
    with news.waiting(id, None) as first, news.waiting(id, None) as second:
        news.tell([id])
        assert (first.woken.is_set(), second.woken.is_set()) == (True, False)
        news.tell([id])
        assert second.woken.is_set()
        await first.next(LONG)
        assert not first.woken.is_set()
    with news.waiting(id, None) as second:
        with news.waiting(id, None) as gone:
            second.woken.set()
            news.tell([id])
            second.woken.clear()
            assert gone.woken.is_set()
        assert second.woken.is_set(), "what the one that went was woken for"
    assert news._waiting == {}


async def test_whose_sign_in_ended_is_woken(database: str, pool: Pool) -> None:
    mine, other = uuid4(), uuid4()

    async def ended(credentials: Collection[UUID]) -> Collection[UUID]:
        assert set(credentials) == {mine, other}
        return [mine]

    news = DeliveryNews()
    with news.waiting(uuid4(), mine) as over, news.waiting(uuid4(), other) as on:
        async with background(news.run(database, pool, ended)):
            await over.next(LONG)
            assert not on.woken.is_set()


async def test_it_listens_again_when_its_connection_was_lost(
    database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 10 * LONG)
    monkeypatch.setattr(module, "RETRY", 0.01)
    async with nodes(database, pool, 2) as (here, there):
        before = await listening(pool, 2)
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS all_ (pid)", list(before)
        )
        await listening(pool, 2, without=before)
        id = uuid4()
        assert await woken(here, id, lambda: there.tell([id])) < LONG / 2
