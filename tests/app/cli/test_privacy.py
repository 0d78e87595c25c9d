"""`interlink erase`, `export --person`, `retain`, `backup` and `restore`, as an operator types them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.cli import REFUSALS, parser
from app.database import dumping
from app.database.postgres import connect_pool
from app.eventlog.postgres import PostgresEventLog
from app.settings import load
from tests.builders import a_process, make_system
from tests.serving import INTERLINK

EMAIL = "marker@example.org"
Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def run(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a command on the test's database, without a terminal; exit code and what it said."""
    monkeypatch.setattr(dumping, "LEAVING", 60.0)  # of the connections of what ran before

    async def run(*arguments: str, **environment: str) -> tuple[int, str]:
        options = parser().parse_args(arguments)
        given = {"DATABASE_URL": database, "DATA_DIR": str(tmp_path / "data"), **environment}
        (tmp_path / "data").mkdir(exist_ok=True)
        try:
            await options.run(load(given), options)
        except REFUSALS as error:
            return 1, str(error)
        return 0, capsys.readouterr().out

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
    said = [
        await run(*command)
        for command in [
            ("export", "--person", EMAIL, "--out", str(data)),
            ("backup", "--out", str(backup)),
            ("erase", EMAIL, "--reason", "objection"),
            ("erase", EMAIL, "--reason", "objection", "--yes"),
            ("restore", str(backup)),
            ("restore", str(backup), "--replace"),
            ("erase", EMAIL, "--reason", "objection", "--yes"),
        ]
    ]
    assert [code for code, _ in said] == [0, 0, 1, 0, 1, 0, 1], said
    assert "say --yes" in said[2][1]
    assert "say --replace" in said[4][1]
    assert "1 erased again" in said[5][1]
    assert "nobody with this e-mail" in said[6][1]
    assert [row["email"] for row in json.loads(data.read_text())["profile"]] == [EMAIL]
    assert data.stat().st_mode & 0o077 == 0


async def test_what_expires_is_told_before_it_is_done(database: str, run: Run) -> None:
    assert await run("retain") == (
        1,
        "RETENTION is not set; it may name access.recorded, document.version_named",
    )
    kept = {"RETENTION": "access.recorded=P1Y"}
    assert (await run("retain", "--dry-run", **kept))[1].endswith(": 0 to be emptied\n")
    assert (await run("retain", **kept))[1].endswith(": 0 emptied\n")


def test_a_refusal_is_one_line_and_an_exit_code(database: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": database, "DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [INTERLINK, "erase", EMAIL, "--reason", "objection", "--yes"],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "interlink: nobody with this e-mail is known here\n"
