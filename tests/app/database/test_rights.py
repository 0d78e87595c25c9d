"""The application's role may add to the log and to nothing that is recorded do anything else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
import structlog

from app.database.migrate import migrate
from app.database.postgres import Pool, connect_pool
from app.database.rights import ROLE, application_role, restrict
from app.eventlog.postgres import PostgresEventLog
from tests.builders import a_person, make_system


@pytest.fixture
async def limited(database: str) -> AsyncIterator[Pool]:
    """What the application works with, after an event."""
    role = await application_role(database)
    assert role == ROLE
    pool = await connect_pool(database, role=role)
    log = PostgresEventLog(pool)
    await log.start()
    await a_person(make_system(pool, log))
    await log.stop()
    yield pool
    await pool.close()


REFUSED = [
    "UPDATE events SET payload = ''",
    "DELETE FROM events",
    "TRUNCATE events",
    "ALTER TABLE events DISABLE TRIGGER ALL",
    "DROP TABLE events",
    "SET session_replication_role = replica",
    "DELETE FROM log_head",
    "DELETE FROM checkpoints",
    "UPDATE log_keys SET vkey = ''",
    "UPDATE tree_hashes SET hash = ''",
    "DELETE FROM witnessed_heads",
    "UPDATE refused_heads SET note = ''",
    "UPDATE time_stamps SET response = ''",
    "UPDATE alembic_version SET version_num = '0'",
]


@pytest.mark.parametrize("statement", REFUSED)
async def test_what_is_recorded_is_out_of_reach(limited: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await limited.execute(statement)


async def test_what_has_to_be_possible_is(limited: Pool) -> None:
    assert await limited.fetchval("SELECT rewrite_events($1)", uuid4()) == 0
    assert await limited.fetchval("SELECT thin_checkpoints(10)") == 0
    await limited.execute("VACUUM (ANALYZE, SKIP_LOCKED) events")


async def test_tables_made_later_are_for_it_too(database: str, pool: Pool, limited: Pool) -> None:
    await pool.execute("CREATE SCHEMA rebuild")
    await pool.execute("CREATE TABLE rebuild.view_later (number integer)")
    await pool.execute("ALTER TABLE rebuild.view_later SET SCHEMA public")
    await limited.execute("INSERT INTO view_later VALUES (1)")
    await limited.execute("DELETE FROM view_later")


async def test_rights_come_back_with_the_next_start(database: str, pool: Pool, limited: Pool) -> None:
    await pool.execute(f"GRANT UPDATE ON events TO {ROLE}; REVOKE SELECT ON witnesses FROM {ROLE}")
    with structlog.testing.capture_logs() as said:
        assert await application_role(database) is None
    assert [entry["event"] for entry in said] == ["the application could change recorded events"]
    await migrate(database)
    assert await application_role(database) == ROLE
    await limited.fetch("SELECT FROM witnesses")


async def test_a_login_that_may_not_make_roles_works_as_itself(database: str, pool: Pool) -> None:
    name = f"login_{uuid4().hex}"
    await pool.execute(f"CREATE ROLE {name} LOGIN")
    try:
        await pool.execute(f"GRANT SELECT, INSERT ON events TO {name}")
        login = database.replace("//postgres:", f"//{name}:", 1)
        await restrict(login)
        with structlog.testing.capture_logs() as said:
            assert await application_role(login) is None
        assert said == [], "it cannot change events either"
    finally:
        await pool.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
