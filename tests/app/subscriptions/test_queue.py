"""The queue of deliveries: at least once, in order within each stream, whoever works on it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.subscriptions import queue as module
from app.subscriptions.queue import Counts, Queue

STREAMS = [UUID(int=n) for n in range(1, 5)]


async def a_subscription(pool: Pool, *, most: int | None = None, state: str = "active") -> UUID:
    """One without events yet."""
    person, id = uuid4(), uuid4()
    await pool.execute(
        "INSERT INTO persons (id, email, name, language, colour) VALUES ($1, $2, 'A', 'en', '#000000')",
        person,
        f"{person.hex}@example.org",
    )
    await pool.execute(
        """INSERT INTO subscriptions (id, owner, kind, name, start, state, cursor, settings)
        VALUES ($1, $2, 'pull', 'Some', 'now', $3, 0,
            CASE WHEN $4::int IS NULL THEN '{}' ELSE jsonb_build_object('max_deliveries', $4::int) END)""",
        id,
        person,
        state,
        most,
    )
    return id


async def fill(pool: Pool, subscription: UUID, streams: Sequence[UUID]) -> None:
    """Deliveries at positions 1, 2, …, of these streams."""
    await pool.execute(
        """INSERT INTO deliveries (subscription, position, stream)
        SELECT $1, place, stream FROM unnest($2::uuid[]) WITH ORDINALITY AS given (stream, place)""",
        subscription,
        list(streams),
    )


async def run_out(pool: Pool, subscription: UUID) -> None:
    """As if everybody's lease had run out."""
    await pool.execute(
        "UPDATE deliveries SET leased_until = now() - interval '1 s' "
        "WHERE subscription = $1 AND state = 'leased'",
        subscription,
    )


async def think_it_empty(pool: Pool, subscription: UUID) -> None:
    """Let the planner know deliveries from a moment when all had been made, as it often does."""
    await fill(pool, subscription, STREAMS * 500)
    await pool.execute("DELETE FROM deliveries")
    await pool.execute("ANALYZE deliveries")


async def most_touched(pool: Pool, statement: str, *arguments: Any) -> float:
    """How many rows the busiest step of a statement takes in hand, those it drops included."""
    explained = await pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *arguments)
    steps, most = [json.loads(explained)[0]["Plan"]], 0.0
    while steps:
        step = steps.pop()
        rows = sum(step.get(rows, 0) for rows in _IN_HAND)
        most = max(most, rows * step["Actual Loops"])
        steps.extend(step.get("Plans", []))
    return most


_IN_HAND = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")


@pytest.fixture
def queue(pool: Pool) -> Queue:
    return Queue(pool)


async def test_of_each_stream_the_oldest_alone_is_handed_out(pool: Pool, queue: Queue) -> None:
    id = await a_subscription(pool)
    a, b = STREAMS[:2]
    await fill(pool, id, [a, a, b, a])
    first = await queue.lease(id, max=10, seconds=30)
    assert [(one.position, one.attempt, one.replayed) for one in first] == [(1, 1, False), (3, 1, False)]
    assert await queue.lease(id, max=10, seconds=30) == []
    assert await queue.ack(id, [first[0].ack_id]) == 1
    assert [one.position for one in await queue.lease(id, max=10, seconds=30)] == [2]
    assert await queue.ack(id, [first[0].ack_id]) == 0
    assert await queue.counts(id) == Counts(pending=1, leased=2, parked=0, lag=3)


async def test_what_waits_holds_back_its_own_stream_alone(pool: Pool, queue: Queue) -> None:
    id = await a_subscription(pool)
    a, b = STREAMS[:2]
    await fill(pool, id, [a, a, b, b])
    stuck, other = await queue.lease(id, max=10, seconds=30)
    assert await queue.nack(id, stuck.ack_id, delay=3600, error="no\x00t\nnow")
    assert await queue.ack(id, [other.ack_id]) == 1
    assert [one.position for one in await queue.lease(id, max=10, seconds=30)] == [4]
    told = await pool.fetchval("SELECT last_error FROM subscriptions WHERE id = $1", id)
    assert told == "no t now"


async def test_what_is_parked_holds_back_nothing_and_can_be_replayed(pool: Pool, queue: Queue) -> None:
    id = await a_subscription(pool)
    await fill(pool, id, STREAMS[:1] * 3)
    [first] = await queue.lease(id, max=10, seconds=30)
    assert await queue.park(id, first.ack_id, error="cannot be read")
    [second] = await queue.lease(id, max=10, seconds=30)
    assert second.position == 2
    assert await queue.replay_parked(id, [2, 3]) == 0
    assert await queue.replay_parked(id, None) == 1
    assert await queue.lease(id, max=10, seconds=30) == [], "a later one of the stream is in somebody's hands"
    await queue.ack(id, [second.ack_id])
    [again] = await queue.lease(id, max=10, seconds=30)
    assert (again.position, again.attempt, again.replayed) == (1, 1, True)


async def test_a_lease_that_runs_out_is_handed_out_again(pool: Pool, queue: Queue) -> None:
    id = await a_subscription(pool)
    await fill(pool, id, STREAMS[:1])
    [lost] = await queue.lease(id, max=1, seconds=30)
    await run_out(pool, id)
    [again] = await queue.lease(id, max=1, seconds=30)
    assert (again.position, again.attempt) == (1, 2)
    assert await queue.ack(id, [lost.ack_id]) == 0
    assert not await queue.nack(id, lost.ack_id)
    assert not await queue.extend(id, lost.ack_id, seconds=60)
    await run_out(pool, id)
    assert await queue.extend(id, again.ack_id, seconds=60), "late, but nobody has taken it since"
    assert await queue.lease(id, max=1, seconds=30) == []
    assert await queue.ack(id, [again.ack_id]) == 1


async def test_after_the_last_delivery_it_is_parked(pool: Pool, queue: Queue) -> None:
    id = await a_subscription(pool, most=2)
    await fill(pool, id, [STREAMS[0], STREAMS[1]])
    for _ in range(2):
        refused, lost = await queue.lease(id, max=2, seconds=30)
        await queue.nack(id, refused.ack_id, error="refused")
        await run_out(pool, id)
    assert await queue.lease(id, max=2, seconds=30) == []
    assert await queue.counts(id) == Counts(pending=0, leased=0, parked=2, lag=0)
    rows = await pool.fetch("SELECT last_error FROM deliveries ORDER BY position")
    assert [row["last_error"] for row in rows] == ["refused", "the lease ran out"]
    assert not await queue.skip(id, lost.ack_id)


@pytest.mark.parametrize("state", ["paused", "disabled"])
async def test_nothing_comes_of_one_that_rests(pool: Pool, queue: Queue, state: str) -> None:
    id = await a_subscription(pool, state=state)
    await fill(pool, id, STREAMS)
    assert await queue.lease(id, max=9, seconds=9) == []


async def test_another_subscriptions_lease_is_out_of_reach(pool: Pool, queue: Queue) -> None:
    mine, other = await a_subscription(pool), await a_subscription(pool)
    await fill(pool, mine, STREAMS[:1])
    [leased] = await queue.lease(mine, max=1, seconds=30)
    assert await queue.ack(other, [leased.ack_id, "'; DROP", ""]) == 0
    assert not await queue.nack(other, leased.ack_id)
    assert not await queue.park(other, leased.ack_id, error="x")
    assert not await queue.park(mine, "x" * 1000, error="x")
    assert (await queue.counts(mine)).leased == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_racing_workers_deliver_all_in_order(pool: Pool, queue: Queue, seed: int) -> None:
    """Eight workers, some of which forget what they took: each stream is seen in order, nothing is lost."""
    chance = random.Random(seed)
    id = await a_subscription(pool)
    streams = chance.choices(STREAMS, k=60)
    await fill(pool, id, streams)
    delivered: list[int] = []

    async def work() -> None:
        while (await queue.counts(id)).lag:
            for leased in await queue.lease(id, max=3, seconds=30):
                match chance.choice(["ack", "ack", "ack", "nack", "forget"]):
                    case "ack":
                        seen = leased.position  # written down before the acknowledgement, as a worker does
                        delivered.append(seen)
                        await queue.ack(id, [leased.ack_id])
                    case "nack":
                        await queue.nack(id, leased.ack_id)
                    case "forget":
                        await queue.extend(id, leased.ack_id, seconds=0.01)

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(work())
    for stream in STREAMS:
        wanted = [n for n, of in enumerate(streams, 1) if of == stream]
        seen = [n for n in delivered if streams[n - 1] == stream]
        assert seen == sorted(seen)
        assert sorted(set(seen)) == wanted


async def test_each_delivery_is_looked_at_a_few_times_however_little_the_planner_knows(pool: Pool) -> None:
    id = await a_subscription(pool)
    await think_it_empty(pool, id)
    await fill(pool, id, [uuid4() for _ in range(1_000)])
    touched = await most_touched(pool, module._LEASE, id, 500, timedelta(seconds=30), None)
    assert touched < 5_000
    assert (await Queue(pool).counts(id)).leased == 500
