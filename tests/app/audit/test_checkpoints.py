"""Old checkpoints are thinned out by the rule in docs/audit.md, and in no other way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.audit import checkpoints
from app.audit.checkpoints import thin
from app.database.postgres import Pool


def now() -> datetime:
    """As it is when a test asks: the file may have been read hours before."""
    return datetime.now(UTC)


def hour(ago: int) -> datetime:
    """The beginning of an hour, so many days ago."""
    return (now() - timedelta(days=ago)).replace(hour=10, minute=0, second=0, microsecond=0)


async def signed(pool: Pool, at: datetime, count: int, *, every: timedelta, first: int) -> list[int]:
    """That many heads from that time on; their sizes."""
    await pool.execute("INSERT INTO log_keys (vkey) VALUES ('key') ON CONFLICT DO NOTHING")
    sizes = list(range(first, first + count))
    rows = [(size, at + every * (size - first)) for size in sizes]
    await pool.executemany(
        "INSERT INTO checkpoints (size, vkey, root, note, signed_at) VALUES ($1, 'key', '', 'note', $2)", rows
    )
    return sizes


async def kept(pool: Pool) -> list[int]:
    return [row["size"] for row in await pool.fetch("SELECT size FROM checkpoints ORDER BY size")]


async def test_the_last_day_stays_then_one_an_hour_then_one_a_day(pool: Pool) -> None:
    minute = timedelta(minutes=1)
    days = [await signed(pool, hour(ago), 180, every=minute, first=ago * -1000 + 50_000) for ago in (41, 40)]
    hours = await signed(pool, hour(3), 180, every=minute, first=60_000)
    young = await signed(pool, now() - timedelta(hours=23), 60, every=minute, first=70_000)
    assert await thin(pool) == 2 * 179 + 177
    assert await kept(pool) == [days[0][-1], days[1][-1], *hours[59::60], *young]
    assert await thin(pool) == 0


async def test_what_witnesses_and_authorities_signed_stays_once(pool: Pool) -> None:
    sizes = await signed(pool, hour(3), 50, every=timedelta(seconds=1), first=1)
    await pool.execute("UPDATE checkpoints SET cosignatures = 'line' WHERE size IN (5, 20)")
    await pool.execute("INSERT INTO time_stamps VALUES ('key', 7, now(), '')")
    await thin(pool)
    assert await kept(pool) == [7, 20, sizes[-1]]


async def test_the_newest_head_stays_however_old(pool: Pool) -> None:
    sizes = await signed(pool, hour(400), 3, every=timedelta(seconds=1), first=1)
    await thin(pool)
    assert await kept(pool) == sizes[-1:]


async def test_many_are_left_out_in_steps(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_THIN_AT_ONCE", 10)
    await signed(pool, hour(3), 41, every=timedelta(seconds=1), first=1)
    assert await thin(pool) == 40


async def test_nothing_else_deletes_them(pool: Pool) -> None:
    await signed(pool, hour(3), 2, every=timedelta(seconds=1), first=1)
    (young,) = await signed(pool, now(), 1, every=timedelta(seconds=1), first=3)
    for statement in ("DELETE FROM checkpoints", "TRUNCATE checkpoints CASCADE"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await pool.execute(statement)
    with pytest.raises(asyncpg.RestrictViolationError):
        await _delete_as_if_thinning(pool, young)
    assert await kept(pool) == [1, 2, young]


async def _delete_as_if_thinning(pool: Pool, size: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL interlink.thinning = 'on'")
        await connection.execute("DELETE FROM checkpoints WHERE size = $1", size)
