"""The embedded PostgreSQL starts, is found again, and comes back when it dies."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.background import background
from app.database.embedded import EmbeddedPostgres, EmbeddedPostgresFailed


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "pg")
    server.start()
    yield server
    if server.is_running():
        server.stop()


def postmaster(directory: Path) -> psutil.Process:
    return psutil.Process(int((directory / "postmaster.pid").read_text().splitlines()[0]))


async def answers(url: str) -> int:
    while True:
        try:
            connection = await asyncpg.connect(url)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.05)
            continue
        try:
            return int(await connection.fetchval("SELECT count(*) FROM kept"))
        finally:
            await connection.close()


async def test_it_is_started_again_when_it_dies_and_keeps_what_was_committed(
    embedded: EmbeddedPostgres, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(embedded.url)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    async with background(embedded.watch(every=0.05)):
        dead = postmaster(tmp_path / "pg")
        dead.send_signal(signal.SIGKILL)
        connection.terminate()
        async with asyncio.timeout(60):
            assert await answers(embedded.url) == 1
    assert postmaster(tmp_path / "pg").pid != dead.pid


def test_a_second_handle_finds_the_running_server(embedded: EmbeddedPostgres, tmp_path: Path) -> None:
    before = postmaster(tmp_path / "pg").pid
    again = EmbeddedPostgres(tmp_path / "pg")
    assert again.start() == embedded.url
    assert (embedded.started_here, again.started_here) == (True, False)
    assert postmaster(tmp_path / "pg").pid == before


def test_a_process_id_taken_by_another_program_is_not_our_server(tmp_path: Path) -> None:
    directory = tmp_path / "pg"
    directory.mkdir()
    lines = [str(psutil.Process().pid), str(directory), "1", "5432", str(directory), "", "1 1", "ready"]
    (directory / "postmaster.pid").write_text("\n".join(lines))
    assert not EmbeddedPostgres(directory).is_running()


def test_a_broken_data_folder_is_one_line(embedded: EmbeddedPostgres, tmp_path: Path) -> None:
    embedded.stop()
    (tmp_path / "pg" / "postgresql.conf").write_text("nonsense = really\n")
    with pytest.raises(EmbeddedPostgresFailed, match="PostgreSQL did not start: ") as failure:
        embedded.start()
    assert "\n" not in str(failure.value)
