"""The log in the database, as it is and tampered with by somebody whom no trigger stops."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from app.audit.export import SignedCheckpoint, export
from app.audit.live import verify_log, verify_still
from app.audit.records import read_records
from app.audit.verify import Report, verify_archive
from app.audit.vouching import Vouching
from app.database.postgres import Pool
from app.eventlog.merkle import Frontier
from app.system import System
from domain.catalogue import EVENTS
from domain.person import Person
from domain.ports import Context
from tests.app.audit.signing import LogKey
from tests.builders import a_person, a_plan, a_process

KEY = LogKey()

CHANGES = {
    column: f"UPDATE events SET {column} = {value} WHERE position = $1"
    for column, value in {
        "event_id": "gen_random_uuid()",
        "stream": "gen_random_uuid()",
        "stream_version": "stream_version + 100",
        "type": "type || 'x'",
        "schema_version": "schema_version + 1",
        "recorded_at": "recorded_at - interval '1 day'",
        "actor": "gen_random_uuid()",
        "on_behalf_of": "gen_random_uuid()",
        "command_id": "gen_random_uuid()",
        "correlation_id": "gen_random_uuid()",
        "causation_id": "gen_random_uuid()",
        "process": "gen_random_uuid()",
        "tags": "tags || '{forged}'::text[]",
        "payload": "'[]'::bytea",
        "attachment": "'forged'::bytea",
        "salt": "sha256(salt)",
        "leaf_hash": "sha256(leaf_hash)",
        "commitment": "sha256(salt)",
    }.items()
} | {
    "delete": "DELETE FROM events WHERE position = $1",
    "replaced as by an erasure": (
        "UPDATE events SET commitment = sha256(salt || payload), payload = '[]' WHERE position = $1"
    ),
    "moved": "UPDATE events SET position = 1000 + position WHERE position = $1",
}
HEADS = {
    "head position": "UPDATE log_head SET position = position - 1",
    "head time": "UPDATE log_head SET recorded_at = recorded_at - interval '1 hour'",
    "head frontier": "UPDATE log_head SET frontier = sha256(frontier)",
    "cut": "DELETE FROM events WHERE position = (SELECT max(position) FROM events)",
}


@pytest.fixture
async def written(system: System) -> UUID:
    """A process with a plan."""
    ana = await a_person(system)
    process = await a_process(system, ana)
    await a_plan(system, ana, process)
    return process


async def _checkpoints(pool: Pool) -> list[SignedCheckpoint]:
    tree, found = Frontier(), []
    async for page in read_records(pool, through=10**6):
        for record in page:
            tree.append(record.leaf_hash)
            if tree.size % 3 == 0:
                found.append(SignedCheckpoint(tree.size, KEY.checkpoint(tree.size, tree.root())))
    return found


async def _tampered(pool: Pool, told: Sequence[SignedCheckpoint], sql: str, *args: int) -> Report:
    """What verification says after a change, which is then taken back."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(sql, *args)
        report = await verify_still(cast(Any, connection), told, Vouching([KEY.vkey]))
        await transaction.rollback()
        return report


async def test_a_clean_log_holds(pool: Pool, written: UUID) -> None:
    report = await verify_log(pool, await _checkpoints(pool), [KEY.vkey])
    assert report.first is None, report.lines()


async def test_an_empty_log_holds(pool: Pool) -> None:
    assert (await verify_log(pool, [], [KEY.vkey])).first is None


async def test_a_log_that_nobody_signed_is_told(pool: Pool, written: UUID) -> None:
    first = (await verify_log(pool, [], [KEY.vkey])).first
    assert first is not None
    assert "nobody signed" in (first.failure or "")


@pytest.mark.parametrize("change", CHANGES)
async def test_every_change_of_any_event_is_named(pool: Pool, written: UUID, change: str) -> None:
    told = await _checkpoints(pool)
    head = await pool.fetchval("SELECT position FROM log_head")
    for position in range(1, head + 1):
        report = await _tampered(pool, told, CHANGES[change], position)
        named = {check.position for check in report.checks if not check.ok}
        assert position in named, (position, report.lines())


@pytest.mark.parametrize("change", HEADS)
async def test_a_wrong_head_is_named(pool: Pool, written: UUID, change: str) -> None:
    report = await _tampered(pool, await _checkpoints(pool), HEADS[change])
    assert "head" in {check.name for check in report.checks if not check.ok}


async def test_a_log_cut_with_its_head_lacks_what_was_signed(pool: Pool, written: UUID) -> None:
    told = await _checkpoints(pool)
    tree = Frontier()
    async for page in read_records(pool, through=2):
        for record in page:
            tree.append(record.leaf_hash)
    cut = (
        "WITH gone AS (DELETE FROM events WHERE position > 2) UPDATE log_head SET position = 2, "
        f"recorded_at = (SELECT recorded_at FROM events WHERE position = 2), "
        f"frontier = '\\x{bytes(tree).hex()}'"
    )
    report = await _tampered(pool, told, cut)
    first = report.first
    assert first is not None
    assert (first.name, first.position) == ("checkpoint consistency", 3)


async def test_a_changed_checkpoint_is_named(pool: Pool, written: UUID) -> None:
    told = await _checkpoints(pool)
    for at, found in enumerate(told):
        for where in random.Random(at).sample(range(len(found.note)), 8):
            note = found.note[:where] + chr(ord(found.note[where]) ^ 1) + found.note[where + 1 :]
            forged = [*told[:at], SignedCheckpoint(found.size, note), *told[at + 1 :]]
            first = (await verify_log(pool, forged, [KEY.vkey])).first
            assert first is not None, note
            assert first.position == found.size


async def test_an_erasure_is_in_the_export_of_what_it_replaced(
    pool: Pool, system: System, written: UUID, tmp_path: Any
) -> None:
    erased = await _erase(pool, system, written)
    told = await _checkpoints(pool)
    assert (await verify_log(pool, told, [KEY.vkey])).first is None
    done = await export(pool, tmp_path / "out", KEY.evidence(told), process=written)
    assert done.size == erased
    report = verify_archive(tmp_path / "out")
    assert report.first is None, report.lines()
    await pool.execute("SELECT 1")
    report = await _tampered(pool, told, "UPDATE events SET payload = '[]' WHERE position = $1", erased - 1)
    assert {c.position for c in report.checks if not c.ok} >= {erased - 1}


async def _erase(pool: Pool, system: System, process: UUID) -> int:
    """Replace the last payload of a process as an erasure does; the position of the erasure."""
    row = await pool.fetchrow("SELECT * FROM events ORDER BY position DESC LIMIT 1")
    assert row is not None
    erasure, salt = uuid4(), bytes(32)
    payload = row["payload"].replace(b"Some task", b"")
    await pool.execute(
        "INSERT INTO event_rewrites VALUES ($1, $2, $3, NULL, $4)", erasure, row["position"], payload, salt
    )
    commitments = await pool.fetchrow(
        "SELECT sha256($1::bytea || $2), sha256($3::bytea || $4)", row["salt"], row["payload"], salt, payload
    )
    assert commitments is not None
    before, after = commitments
    person = Person.register(uuid4())
    replaced = row["position"].to_bytes(8, "big") + before + after
    person.erase(basis="consent_withdrawn", text="redact", documents=[], replaced=replaced)

    async def alongside(connection: Any) -> None:
        await connection.execute("SELECT rewrite_events($1)", erasure)

    events = [EVENTS.encode(cast(Any, event)) for event in person.collect_events()]
    return (await system.log.append(events, Context(), alongside=alongside)).last
