"""A database as a file and back: everything or nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import asyncpg
import pytest

from app.database import dumping
from app.database.dumping import dump, load
from app.database.postgres import connect_pool
from app.eventlog.postgres import PostgresEventLog
from app.settings import ConfigurationError
from tests.builders import a_person, a_process, make_system


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that were closed are waited for, however long that takes."""
    monkeypatch.setattr(dumping, "LEAVING", 60.0)


async def counts(url: str) -> tuple[int, int]:
    """How many events and people there are."""
    connection = await asyncpg.connect(url)
    try:
        events = await connection.fetchval("SELECT count(*) FROM events")
        people = await connection.fetchval("SELECT count(*) FROM persons")
    finally:
        await connection.close()
    return events, people


async def filled(url: str) -> None:
    """A person and a process, by a system that is stopped again."""
    pool = await connect_pool(url)
    log = PostgresEventLog(pool)
    await log.start()
    running = make_system(pool, log)
    await a_process(running, await a_person(running))
    await log.stop()
    await pool.close()


async def test_what_was_dumped_comes_back_and_what_came_later_is_gone(database: str, tmp_path: Path) -> None:
    await filled(database)
    before = await counts(database)
    await dump(database, tmp_path / "one.dump")
    await filled(database)
    assert await counts(database) > before
    await load(database, tmp_path / "one.dump")
    assert await counts(database) == before
    await filled(database)  # the log goes on, with its guards
    connection = await asyncpg.connect(database)
    try:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute("DELETE FROM events")
    finally:
        await connection.close()
    assert (tmp_path / "one.dump").stat().st_mode & 0o077 == 0
    assert os.listdir(tmp_path) == ["one.dump"]


async def test_a_broken_dump_changes_nothing(database: str, tmp_path: Path) -> None:
    await filled(database)
    before = await counts(database)
    await dump(database, tmp_path / "one.dump")
    whole = (tmp_path / "one.dump").read_bytes()
    for name, data in (("cut", whole[: len(whole) - 200]), ("empty", b""), ("other", b"nothing of ours")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigurationError, match="pg_restore failed"):
            await load(database, tmp_path / name)
        assert await counts(database) == before
    with pytest.raises(ConfigurationError, match="is not there"):
        await load(database, tmp_path / "missing")


async def test_a_file_that_is_there_is_not_overwritten(database: str, tmp_path: Path) -> None:
    (tmp_path / "one.dump").write_text("precious")
    with pytest.raises(ConfigurationError, match="can't be written"):
        await dump(database, tmp_path / "one.dump")
    assert (tmp_path / "one.dump").read_text() == "precious"
    with pytest.raises(ConfigurationError, match="can't be written"):
        await dump(database, tmp_path / "missing" / "one.dump")


async def test_nobody_restores_under_those_who_work_and_who_leaves_is_waited_for(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await dump(database, tmp_path / "one.dump")
    busy = await asyncpg.connect(database)
    try:
        monkeypatch.setattr(dumping, "LEAVING", 0.1)
        with pytest.raises(ConfigurationError, match="in use"):
            await load(database, tmp_path / "one.dump")
    finally:
        monkeypatch.setattr(dumping, "LEAVING", 60.0)
        asyncio.get_running_loop().call_later(0.3, busy.terminate)
    await load(database, tmp_path / "one.dump")
