"""What is taken to be sent, and what became of it: once at a time, in order, nothing forgotten."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.subscriptions import outbox as module
from app.subscriptions.delivery_log import Attempt, DeliveryLog
from app.subscriptions.outbox import STREAM, Due, Outbox, Result, Returned
from app.subscriptions.webhook import Webhook
from tests.app.subscriptions.test_queue import (
    STREAMS,
    a_subscription,
    fill,
    most_touched,
    run_out,
    think_it_empty,
)

A, B, C, D = STREAMS
PLENTY = 1000


async def a_webhook(pool: Pool, streams: Sequence[UUID] = (), *, state: str = "active") -> UUID:
    """One with deliveries at positions 1, 2, …, of these streams."""
    id = await a_subscription(pool, state=state)
    await pool.execute("UPDATE subscriptions SET kind = 'webhook' WHERE id = $1", id)
    await fill(pool, id, streams)
    return id


@pytest.fixture
def outbox(pool: Pool) -> Outbox:
    return Outbox(pool)


async def take(outbox: Outbox, **room: int) -> dict[UUID, list[int]]:
    """The positions that were taken, of each webhook."""
    given = {UUID(id): free for id, free in room.items()}
    handfuls = await outbox.take(given, otherwise=PLENTY, seconds=30)
    return {one.webhook.id: [due.position for due in one.due] for one in handfuls}


async def taken(outbox: Outbox) -> tuple[Webhook, Sequence[Due]]:
    """What was taken of the only webhook that has something."""
    [handful] = await outbox.take({}, otherwise=PLENTY, seconds=30)
    return handful.webhook, handful.due


def result(webhook: Webhook, **more: Any) -> Result:
    return Result(webhook, datetime.now(UTC), **more)


def attempt(outcome: Any = "delivered", *positions: int) -> Attempt:
    return Attempt("event", positions, 1, outcome, 200, None, 5)


async def rows(pool: Pool, id: UUID) -> list[tuple[int, str, int, str | None]]:
    found = await pool.fetch(
        "SELECT position, state, attempts, last_error FROM deliveries WHERE subscription = $1 ORDER BY 1", id
    )
    return [tuple(row.values()) for row in found]


async def test_a_handful_holds_each_stream_up_to_what_is_not_due(pool: Pool, outbox: Outbox) -> None:
    id = await a_webhook(pool, [A, B, A, C, A, B])
    await pool.execute("UPDATE deliveries SET due_at = now() + interval '1 h' WHERE position IN (3, 4)")
    await pool.execute("UPDATE deliveries SET state = 'parked' WHERE position = 2")
    assert await take(outbox) == {id: [1, 6]}
    assert await take(outbox) == {}, "what is behind something that waits, or is on lease, waits too"


async def test_a_handful_is_no_more_than_there_is_room_for(pool: Pool, outbox: Outbox) -> None:
    one = await a_webhook(pool, [A, B, A, B, C])
    other = await a_webhook(pool, [A] * (STREAM + 5))
    full = await a_webhook(pool, [A])
    found = await take(outbox, **{str(one): 3, str(full): 0})
    assert found == {one: [1, 2, 3], other: list(range(1, STREAM + 1))}


async def test_nobody_takes_what_another_has(pool: Pool, outbox: Outbox) -> None:
    id = await a_webhook(pool, [A, A, B])
    found = await asyncio.gather(*(take(outbox) for _ in range(5)))
    assert sorted(map(str, found)) == sorted([str({id: [1, 2, 3]}), *["{}"] * 4])
    await run_out(pool, id)
    assert await take(outbox) == {id: [1, 2, 3]}


async def test_what_may_not_be_sent_is_not_taken(pool: Pool, outbox: Outbox) -> None:
    for state in ("paused", "disabled"):
        await a_webhook(pool, [A], state=state)
    failing, quiet, ended = [
        await a_webhook(pool, [A], state=state) for state in ("failing", "active", "active")
    ]
    until = datetime.now(UTC) + timedelta(hours=1)
    await pool.execute("INSERT INTO webhook_quiet VALUES ($1, $2)", quiet, until)
    await pool.execute("UPDATE subscriptions SET credential = $2 WHERE id = $1", ended, uuid4())
    pull = await a_subscription(pool)
    await fill(pool, pull, [A])
    assert await take(outbox) == {failing: [1]}
    await pool.execute("UPDATE webhook_quiet SET until = now()")
    assert await take(outbox) == {quiet: [1]}


async def test_results_are_stored_together(pool: Pool, outbox: Outbox) -> None:
    id = await a_webhook(pool, [A, B, C, D])
    webhook, (one, two, three, four) = await taken(outbox)
    assert [one.attempt, one.replayed, one.size] == [1, False, 0]
    await outbox.settle(
        [
            result(webhook, delivered=[one.lease], attempt=attempt("delivered", 1)),
            result(
                webhook,
                returned=[
                    Returned(two.lease, 60, error="no"),
                    Returned(three.lease, parked=True, error="no"),
                ],
                attempt=attempt("retried", 2, 3),
                error="no",
            ),
            result(webhook, returned=[Returned(four.lease)]),
        ]
    )
    assert await rows(pool, id) == [(2, "pending", 1, "no"), (3, "parked", 1, "no"), (4, "pending", 0, None)]
    told = "SELECT state || ', ' || last_error FROM subscriptions WHERE id = $1"
    assert await pool.fetchval(told, id) == "failing, no"
    noted = await DeliveryLog(pool).newest(id, limit=10)
    assert [(entry.outcome, list(entry.positions)) for entry in noted] == [
        ("retried", [2, 3]),
        ("delivered", [1]),
    ]
    assert await take(outbox) == {id: [4]}


async def test_what_works_again_is_told(pool: Pool, outbox: Outbox) -> None:
    id = await a_webhook(pool, [A], state="failing")
    webhook, [due] = await taken(outbox)
    await outbox.settle([result(webhook, delivered=[due.lease], attempt=attempt())])
    assert await pool.fetchval("SELECT state FROM subscriptions WHERE id = $1", id) == "active"


@pytest.mark.parametrize("before", ["active", "paused"])
async def test_gone_disables_with_the_same_transaction(pool: Pool, outbox: Outbox, before: str) -> None:
    id = await a_webhook(pool, [A])
    webhook, [due] = await taken(outbox)
    await pool.execute("UPDATE subscriptions SET state = $2 WHERE id = $1", id, before)
    gone = result(
        webhook, returned=[Returned(due.lease, error="answered 410")], error="answered 410", gone=True
    )
    await outbox.settle([gone, result(webhook, attempt=attempt())])
    assert await pool.fetchval("SELECT state FROM subscriptions WHERE id = $1", id) == "disabled"
    assert await rows(pool, id) == [(1, "pending", 1, "answered 410")]
    assert await take(outbox) == {}


async def test_a_pause_outlasts_a_failure(pool: Pool, outbox: Outbox) -> None:
    id = await a_webhook(pool, [A])
    webhook, [due] = await taken(outbox)
    await pool.execute("UPDATE subscriptions SET state = 'paused' WHERE id = $1", id)
    await outbox.settle([result(webhook, returned=[Returned(due.lease, error="no")], error="no", quiet=50.0)])
    assert await pool.fetchval("SELECT state FROM subscriptions WHERE id = $1", id) == "paused"
    assert await pool.fetchval("SELECT until > now() + interval '40 s' FROM webhook_quiet")


async def test_a_result_that_comes_too_late_changes_nothing(pool: Pool, outbox: Outbox) -> None:
    """Its lease ran out, another has the delivery now, or there is no such webhook any more."""
    id, other = await a_webhook(pool, [A, B]), await a_webhook(pool)
    webhook, late = await taken(outbox)
    await run_out(pool, id)
    _, now = await taken(outbox)
    await outbox.settle(
        [
            result(webhook, delivered=[late[0].lease]),
            result(webhook, returned=[Returned(late[1].lease, parked=True, error="no")]),
        ]
    )
    assert [(position, state) for position, state, _, _ in await rows(pool, id)] == [
        (1, "leased"),
        (2, "leased"),
    ]
    await pool.execute("DELETE FROM subscriptions WHERE id = $1", id)
    still = Webhook(other, uuid4(), "", "active")
    await outbox.settle(
        [
            result(webhook, delivered=[now[0].lease], attempt=attempt(), error="no", quiet=5.0),
            result(still, attempt=attempt()),
        ]
    )
    assert await pool.fetchval("SELECT count(*) FROM webhook_deliveries") == 1
    assert await pool.fetchval("SELECT count(*) FROM webhook_quiet") == 0


async def test_what_cannot_be_stored_stores_nothing(pool: Pool, outbox: Outbox) -> None:
    id = await a_webhook(pool, [A])
    webhook, [due] = await taken(outbox)
    with pytest.raises(asyncpg.CheckViolationError):
        await outbox.settle([result(webhook, delivered=[due.lease], attempt=attempt("nonsense"))])
    assert [row[1] for row in await rows(pool, id)] == ["leased"]


@pytest.mark.parametrize("seed", range(3))
async def test_any_number_of_nodes_keep_the_order_and_lose_nothing(
    pool: Pool, outbox: Outbox, seed: int
) -> None:
    """Four nodes send; some answers are bad, some nodes forget what they hold, as killed ones do."""
    chance = random.Random(seed)
    for _ in range(2):
        await a_webhook(pool, chance.choices(STREAMS, k=40))
    given = await pool.fetch("SELECT subscription, position, stream FROM deliveries")
    streams = {(row["subscription"], row["position"]): row["stream"] for row in given}
    arrived: list[tuple[UUID, int]] = []
    held: set[tuple[UUID, int]] = set()

    async def node() -> None:
        while await pool.fetchval("SELECT count(*) FROM deliveries") > 0:
            for handful in await outbox.take({}, otherwise=7, seconds=30):
                webhook, mine = handful.webhook, {(handful.webhook.id, due.position) for due in handful.due}
                assert not mine & held, "nobody else has it"
                held.update(mine)
                await asyncio.sleep(0)
                stopped: set[UUID] = set()
                results = []
                for due in handful.due:
                    if due.stream in stopped:
                        results.append(result(webhook, returned=[Returned(due.lease)]))
                    elif chance.random() < 0.2:
                        stopped.add(due.stream)
                        results.append(
                            result(webhook, returned=[Returned(due.lease, error="no")], error="no")
                        )
                    else:
                        arrived.append((webhook.id, due.position))
                        results.append(result(webhook, delivered=[due.lease]))
                held.difference_update(mine)
                if chance.random() < 0.2:  # killed before it was stored: the leases run out
                    leases = [due.lease for due in handful.due]
                    await pool.execute(
                        "UPDATE deliveries SET leased_until = now() WHERE lease = ANY ($1)", leases
                    )
                else:
                    await outbox.settle(results)

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(node())
    assert set(arrived) == set(streams)
    first = list(dict.fromkeys(arrived))
    for stream in {(id, stream) for (id, _), stream in streams.items()}:
        positions = [position for id, position in first if (id, streams[id, position]) == stream]
        assert positions == sorted(positions)


async def test_each_delivery_is_looked_at_a_few_times_however_little_the_planner_knows(pool: Pool) -> None:
    ids = [await a_webhook(pool) for _ in range(10)]
    await think_it_empty(pool, ids[0])
    for id in ids:
        await fill(pool, id, [uuid4() for _ in range(200)])
    span = timedelta(seconds=30)
    assert await most_touched(pool, module._READY, [], 64) < 10_000
    assert await most_touched(pool, module._TAKE, ids, [100] * 10, STREAM, span) < 10_000
    leases = [
        row["lease"] for row in await pool.fetch("SELECT lease FROM deliveries WHERE lease IS NOT NULL")
    ]
    assert len(leases) == 1_000
    returned = ["pending"] * 500, [timedelta()] * 500, [1] * 500, ["no"] * 500
    assert await most_touched(pool, module._RETURNED, leases[:500], *returned) < 10_000
    assert await most_touched(pool, module._DELIVERED, leases[500:]) < 10_000
    assert await pool.fetchval("SELECT count(*) FROM deliveries") == 1_500
