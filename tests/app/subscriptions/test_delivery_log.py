"""What was sent is noted, found again, and forgotten in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.subscriptions import delivery_log as module
from app.subscriptions.delivery_log import Attempt, DeliveryLog
from domain.errors import Unavailable
from tests.app.subscriptions.test_outbox import a_webhook

ATTEMPT = Attempt("event", [7, 9], 2, "retried", 503, "odd: \"'[]{}", 12)


@pytest.fixture
def log(pool: Pool) -> DeliveryLog:
    return DeliveryLog(pool)


async def ids(log: DeliveryLog, of: UUID, **more: UUID) -> list[UUID]:
    return [one.id for one in await log.newest(of, limit=10, **more)]


async def test_what_is_noted_is_found_newest_first_by_its_subscription_alone(
    pool: Pool, log: DeliveryLog
) -> None:
    mine, other = await a_webhook(pool), await a_webhook(pool)
    sent = [await log.note(mine, ATTEMPT) for _ in range(3)]
    theirs = await log.note(other, Attempt("ping", [], 1, "delivered", None, None, 0))
    one = sent[1]
    assert (one.cause, one.positions, one.attempt, one.outcome) == ("event", [7, 9], 2, "retried")
    assert (one.status, one.error, one.duration_ms) == (503, ATTEMPT.error, 12)
    assert timedelta() <= datetime.now(UTC) - one.at < timedelta(minutes=1)
    assert await ids(log, mine) == [each.id for each in reversed(sent)]
    assert await ids(log, mine, after=sent[1].id) == [sent[0].id]
    assert await ids(log, mine, after=theirs.id) == []
    assert await log.find(mine, one.id) == one
    assert await log.find(other, one.id) is None
    assert await log.find(mine, uuid4()) is None


async def test_many_are_noted_in_one_transaction_but_for_who_is_gone(pool: Pool, log: DeliveryLog) -> None:
    mine, other = await a_webhook(pool), await a_webhook(pool)
    at = datetime(2026, 5, 6, 7, tzinfo=UTC)
    plain = Attempt("replay", [], 1, "delivered", None, None, 0)
    noted = [
        (mine, ATTEMPT, at),
        (uuid4(), ATTEMPT, at),
        (other, plain, at),
        (mine, plain, at + timedelta(1)),
    ]
    async with pool.acquire() as connection:
        await log.note_all(connection, [])
        await log.note_all(connection, noted)
    newest, oldest = await log.newest(mine, limit=10)
    assert (newest.at, newest.cause, newest.positions, newest.status) == (
        at + timedelta(1),
        "replay",
        [],
        None,
    )
    assert (oldest.at, oldest.positions, oldest.error) == (at, [7, 9], ATTEMPT.error)
    assert [one.outcome for one in await log.newest(other, limit=10)] == ["delivered"]
    await pool.close()
    for asked in (log.note(mine, plain), log.newest(mine, limit=1), log.trim()):
        with pytest.raises(Unavailable):
            await asked


async def test_the_log_of_deliveries_is_bounded(
    pool: Pool, log: DeliveryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    many, few = await a_webhook(pool), await a_webhook(pool)
    sent = [(await log.note(many, ATTEMPT)).id for _ in range(5)]
    other = [(await log.note(few, ATTEMPT)).id for _ in range(3)]
    await pool.execute("UPDATE webhook_deliveries SET at = now()")  # all in one moment
    paged = [await log.newest(many, limit=1)]
    while paged[-1]:
        paged.append(await log.newest(many, limit=1, after=paged[-1][0].id))
    assert sorted(one.id for page in paged for one in page) == sorted(sent)
    await log.trim()
    left = await ids(log, many)
    assert len(left) == 3
    assert set(left) < set(sent)
    assert set(await ids(log, few)) == set(other)
    await pool.execute(
        "UPDATE webhook_deliveries SET at = now() - $1::interval WHERE id = $2", module.KEPT_FOR, left[0]
    )
    await log.trim()
    assert await ids(log, many) == left[1:]


def test_the_operator_s_figures_count_each_outcome() -> None:
    def figures() -> tuple[float, float]:
        [attempts], [seconds] = module.attempts.collect(), module.seconds.collect()
        retried = [each.value for each in attempts.samples if each.labels == {"outcome": "retried"}]
        return retried[0] if retried else 0.0, next(
            e.value for e in seconds.samples if e.name.endswith("_sum")
        )

    before = figures()
    module.count(ATTEMPT)
    after = figures()
    assert after[0] - before[0] == 1
    assert after[1] - before[1] == pytest.approx(0.012)
