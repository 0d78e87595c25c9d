"""Subscriptions are there for their owners, who change, pause, move and end them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.events.filters import Filter
from app.subscriptions import store as module
from app.subscriptions.queue import Queue
from app.subscriptions.store import Subscriptions
from app.subscriptions.subscription import NewSubscription, Parked
from domain.errors import Conflict, NotFound, Unavailable
from domain.ports import Context, EventLog, NewEvent
from tests.app.subscriptions.test_queue import STREAMS, a_subscription, fill

FILTER = Filter.parse([{"not": {"exact": {"type": "plan.moved"}}}])


@pytest.fixture
def store(pool: Pool) -> Subscriptions:
    return Subscriptions(pool)


async def owner_of(pool: Pool, id: UUID) -> UUID:
    owner: UUID = await pool.fetchval("SELECT owner FROM subscriptions WHERE id = $1", id)
    return owner


async def an_owner(pool: Pool) -> UUID:
    """Somebody without subscriptions."""
    id = await a_subscription(pool)
    owner = await owner_of(pool, id)
    await pool.execute("DELETE FROM subscriptions WHERE id = $1", id)
    return owner


def new(owner: UUID, **more: Any) -> NewSubscription:
    settings = {"lease_seconds": 30, "max_deliveries": 5}
    return replace(
        NewSubscription(uuid4(), owner, uuid4(), "pull", "Žuvis", FILTER, settings, "beginning", 0), **more
    )


async def test_what_is_made_is_found_and_made_once_and_events_by_position(
    pool: Pool, store: Subscriptions, log: EventLog
) -> None:
    owner = await an_owner(pool)
    asked = new(owner)
    made = await store.create(asked)
    for name in NewSubscription.__slots__:
        assert getattr(made, name) == getattr(asked, name), name
    assert (made.state, made.last_error, made.last_error_at) == ("active", None, None)
    assert await store.create(replace(asked, name="Another")) == made
    assert await store.get(owner, made.id) == made
    later = await store.create(new(owner))
    assert await store.list(owner) == [later, made]
    assert await store.list(uuid4()) == []
    await log.append([NewEvent(uuid4(), "unknown.thing", b"1", attachment=b"+") for _ in range(3)], Context())
    recorded = await log.read()
    assert await store.events([3, 1, 9]) == {1: recorded[0], 3: recorded[2]}
    assert await store.events([]) == {}


async def test_nobody_has_more_than_one_may_however_many_are_asked_for_at_once(
    pool: Pool, store: Subscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PER_PERSON", 2)
    owner = await an_owner(pool)
    wanted = [new(owner) for _ in range(5)]
    done = await asyncio.gather(*map(store.create, wanted), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Conflict"] * 3 + ["Subscription"] * 2
    for asked, answer in zip(wanted, done, strict=True):
        if isinstance(answer, Conflict):
            assert answer.code == "too_many_subscriptions"
        else:
            assert await store.create(asked) == answer, "what is there is the answer although no more may be"


async def test_only_what_is_given_is_changed(pool: Pool, store: Subscriptions) -> None:
    made = await store.create(new(await an_owner(pool)))
    assert await store.change(made.owner, made.id) == made
    named = await store.change(made.owner, made.id, name="B", settings={"lease_seconds": 60})
    assert named == replace(made, name="B", settings={"lease_seconds": 60, "max_deliveries": 5})
    everything = await store.change(made.owner, made.id, filter=Filter.parse([]))
    assert everything == replace(named, filter=Filter.parse([]))
    paused = await store.pause(made.owner, made.id)
    assert paused == replace(everything, state="paused")
    resumed = await store.resume(made.owner, made.id, None)
    assert resumed == replace(everything, credential=None)


async def test_seeking_drops_what_was_open_and_a_replay_but_not_what_is_parked(
    pool: Pool, store: Subscriptions
) -> None:
    id, other, queue = await a_subscription(pool), await a_subscription(pool), Queue(pool)
    for each in (id, other):
        await fill(pool, each, STREAMS[:3])
    parked, leased, _ = await queue.lease(id, max=3, seconds=30)
    await queue.park(id, parked.ack_id, error="never")
    await pool.execute("UPDATE subscriptions SET cursor = 3, replay_after = 0, replay_through = 3")
    found = await store.seek(await owner_of(pool, id), id, 1)
    assert found.cursor == 1
    [left] = await store.parked(id, after=0, limit=9)
    assert left == Parked(1, 1, "never", left.since)
    assert await pool.fetchval("SELECT count(*) FROM deliveries WHERE subscription = $1", id) == 1
    assert await queue.ack(id, [leased.ack_id]) == 0
    assert (await queue.counts(other)).pending == 3
    replays = await pool.fetch("SELECT id FROM subscriptions WHERE replay_after IS NOT NULL")
    assert [row["id"] for row in replays] == [other]


async def test_a_replay_reaches_no_further_than_was_looked_at_and_what_is_parked_is_paged(
    pool: Pool, store: Subscriptions
) -> None:
    id = await a_subscription(pool)
    owner = await owner_of(pool, id)
    await pool.execute("UPDATE subscriptions SET cursor = 5")
    await store.replay(owner, id, 2, 900)
    row = await pool.fetchrow("SELECT replay_after, replay_through FROM subscriptions")
    assert tuple(row or ()) == (1, 5)
    with pytest.raises(Conflict) as told:
        await store.replay(owner, id, 1, 1)
    assert told.value.code == "replay_under_way"
    await fill(pool, id, STREAMS * 2)
    await pool.execute("UPDATE deliveries SET state = 'parked' WHERE position <> 4")
    pages = [await store.parked(id, after=after, limit=3) for after in (0, 3, 7, 8)]
    assert [[one.position for one in page] for page in pages] == [[1, 2, 3], [5, 6, 7], [8], []]


async def test_for_anybody_else_there_is_nothing(pool: Pool, store: Subscriptions) -> None:
    made = await store.create(new(await an_owner(pool)))
    for owner, id in ((uuid4(), made.id), (made.owner, uuid4())):
        for asked in (
            store.get(owner, id),
            store.change(owner, id, name="x"),
            store.pause(owner, id),
            store.resume(owner, id, None),
            store.seek(owner, id, 0),
            store.replay(owner, id, 1, 1),
            store.delete(owner, id),
        ):
            with pytest.raises(NotFound):
                await asked
    assert await store.list(made.owner) == [made]
    await store.delete(made.owner, made.id)
    assert await store.list(made.owner) == []
    await pool.close()
    with pytest.raises(Unavailable):
        await store.create(new(made.owner))
