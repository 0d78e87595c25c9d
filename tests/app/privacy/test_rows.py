"""Rows of one person alone go with them, and nobody else's do."""

from __future__ import annotations

from uuid import UUID

from app.database.postgres import Pool
from app.privacy.rows import END_SIGN_INS, delete_owned
from domain.ports import EventLog
from tests.builders import a_person, make_system

_SUBSCRIBE = """
INSERT INTO subscriptions (id, owner, kind, name, start, cursor) VALUES ($1, $1, 'webhook', 'Some', 'now', 0)
"""
_BELONGINGS = (
    "INSERT INTO deliveries (subscription, position, stream) VALUES ($1, 1, $1)",
    "INSERT INTO webhook_keys (subscription, kind, sealed) VALUES ($1, 'shared', '')",
    "INSERT INTO webhook_quiet (subscription, until) VALUES ($1, now())",
    """INSERT INTO webhook_deliveries (subscription, cause, positions, attempt, outcome, duration_ms)
    VALUES ($1, 'ping', '{}', 1, 'failed', 1)""",
)
_DEPENDING = """
WITH RECURSIVE depending (id) AS (
    SELECT 'persons'::regclass::oid
    UNION SELECT conrelid FROM pg_constraint JOIN depending ON confrelid = depending.id WHERE contype = 'f'
)
SELECT id::regclass::text FROM depending
"""


async def somebody(pool: Pool, log: EventLog) -> UUID:
    """A person with something in every table that depends on them; their subscription has their id."""
    system = make_system(pool, log)
    person = await a_person(system)
    await system.sign_in.open_session(person)
    await system.sign_in.create_token(person, name="x", scopes=["read"], expires=None)
    for statement in (_SUBSCRIBE, *_BELONGINGS):
        await pool.execute(statement, person)
    return person


async def counts(pool: Pool) -> dict[str, int]:
    """How many rows stand in each table that depends on persons, however far."""
    tables = [row[0] for row in await pool.fetch(_DEPENDING)]
    return {table: await pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


async def test_everything_that_depends_on_a_person_goes_and_the_others_keep_theirs(
    pool: Pool, log: EventLog
) -> None:
    other = await somebody(pool, log)
    before = await counts(pool)
    assert all(before.values()), "a new table wants a row above"
    person = await somebody(pool, log)
    system = make_system(pool, log)
    token, _ = await system.sign_in.create_token(person, name="y", scopes=["read"], expires=None)
    await system.sign_in.revoke_token(person, token)
    ended = [len(await pool.fetch(statement, person)) for statement in END_SIGN_INS * 2]
    assert ended == [1, 1, 0, 0], "each that ended is told once"
    assert await pool.fetchval("SELECT count(*) FROM access_tokens WHERE revoked_at IS NULL") == 1
    async with pool.acquire() as connection, connection.transaction():
        for _ in range(2):
            await delete_owned(connection, person)
    assert await counts(pool) == before
    assert await pool.fetchval("SELECT id FROM persons") == other
