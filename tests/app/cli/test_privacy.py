"""`interlink erase`, `my-data`, `backup` and `restore`, as an operator types them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.database.postgres import connect_pool
from app.eventlog.postgres import PostgresEventLog
from tests.builders import a_process, make_system
from tests.serving import INTERLINK

EMAIL = "marker@example.org"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(database: str, tmp_path: Path) -> Run:
    """Runs a command on the test's database; answers are awaited from no terminal."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DATABASE_URL": database, "DATA_DIR": str(tmp_path / "data")}
        return subprocess.run(
            [INTERLINK, *arguments],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            input="",
        )

    return run


async def populate(url: str) -> None:
    """Somebody with a process."""
    pool = await connect_pool(url)
    log = PostgresEventLog(pool)
    await log.start()
    system = make_system(pool, log)
    made = await system.people.register(None, email=EMAIL, name="Marker", language="en")
    await a_process(system, made.person)
    await log.stop()
    await pool.close()


async def test_backup_erase_restore_and_nobody_comes_back(database: str, run: Run, tmp_path: Path) -> None:
    await populate(database)
    data, backup = tmp_path / "my.json", tmp_path / "backup"

    def operate() -> list[tuple[int, str]]:
        commands = [
            ("my-data", "--person", EMAIL, "--out", str(data)),
            ("backup", "--out", str(backup)),
            ("erase", EMAIL, "--reason", "objection"),
            ("erase", EMAIL, "--reason", "objection", "--yes"),
            ("restore", str(backup)),
            ("restore", str(backup), "--replace"),
            ("erase", EMAIL, "--reason", "objection", "--yes"),
        ]
        found = [run(*command) for command in commands]
        return [(each.returncode, each.stdout + each.stderr) for each in found]

    said = await asyncio.to_thread(operate)
    assert [code for code, _ in said] == [0, 0, 1, 0, 1, 0, 1], said
    assert "say --yes" in said[2][1]
    assert "say --replace" in said[4][1]
    assert "1 erased again" in said[5][1]
    assert "nobody with this e-mail" in said[6][1]
    assert [row["email"] for row in json.loads(data.read_text())["profile"]] == [EMAIL]
    assert data.stat().st_mode & 0o077 == 0
