"""The embedded PostgreSQL starts, is found again, and comes back when it dies."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.background import background
from app.database import embedded as module
from app.database.embedded import EmbeddedPostgres, EmbeddedPostgresFailed
from tests.serving import kill_family


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
        async with asyncio.timeout(120):
            assert await answers(embedded.url) == 1
    assert postmaster(tmp_path / "pg").pid != dead.pid


@pytest.fixture
def unburied(embedded: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """Orphans become this process's children, and stay in the process table when they are killed."""
    subreaper = 36  # PR_SET_CHILD_SUBREAPER
    libc = ctypes.CDLL(None)
    embedded.stop()
    libc.prctl(subreaper, 1, 0, 0, 0)
    try:
        embedded.start()
        yield embedded
        embedded.stop()
    finally:
        libc.prctl(subreaper, 0, 0, 0, 0)
    for child in psutil.Process().children():
        if child.name() == "postgres":
            os.waitpid(child.pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="who adopts orphans can be chosen on Linux only")
def test_a_dead_one_that_nobody_buries_is_not_taken_for_a_running_one(
    unburied: EmbeddedPostgres, tmp_path: Path
) -> None:
    dead = postmaster(tmp_path / "pg")
    kill_family(dead)
    assert dead.status() == psutil.STATUS_ZOMBIE
    assert not unburied.is_running()
    unburied.start()
    assert unburied.is_running()
    assert postmaster(tmp_path / "pg").pid != dead.pid


@pytest.mark.parametrize(
    "left",
    [
        pytest.param("", id="empty"),
        pytest.param("1\n", id="cut-off"),
        pytest.param(f"{os.getpid()}\n/nowhere\n1\n5432\n/nowhere\n", id="another-program"),
    ],
)
def test_it_starts_whatever_lock_file_was_left(embedded: EmbeddedPostgres, tmp_path: Path, left: str) -> None:
    embedded.stop()
    lock = tmp_path / "pg" / "postmaster.pid"
    lock.write_text(left)
    os.utime(lock, (0, 0))
    again = EmbeddedPostgres(tmp_path / "pg")
    again.start()
    assert again.is_running()


def test_a_lock_file_that_is_just_being_written_is_left_alone(
    embedded: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITTEN_WITHIN", 300.0)
    embedded.stop()
    lock = tmp_path / "pg" / "postmaster.pid"
    lock.write_text("")
    with pytest.raises(EmbeddedPostgresFailed):
        EmbeddedPostgres(tmp_path / "pg").start()
    assert lock.exists()
    lock.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="for root it runs as another user, who needs to get there")
def test_it_starts_again_when_the_way_to_its_folder_was_closed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "way" / "pg")
    server.start()
    server.stop()
    (tmp_path / "way").chmod(0o700)
    server.start()
    assert server.is_running()
    server.stop()


def test_a_second_handle_finds_the_running_server(embedded: EmbeddedPostgres, tmp_path: Path) -> None:
    before = postmaster(tmp_path / "pg").pid
    again = EmbeddedPostgres(tmp_path / "pg")
    assert again.start() == embedded.url
    assert (embedded.started_here, again.started_here) == (True, False)
    assert postmaster(tmp_path / "pg").pid == before


def test_one_that_is_only_starting_is_waited_for(embedded: EmbeddedPostgres, tmp_path: Path) -> None:
    """Whoever started it, and may be gone: a killed server's PostgreSQL recovers while the next starts."""
    lock = tmp_path / "pg" / "postmaster.pid"
    whole = lock.read_text()
    lock.write_text(whole.replace("ready", "starting"))
    assert lock.read_text() != whole
    with ThreadPoolExecutor() as threads:
        starting = threads.submit(EmbeddedPostgres(tmp_path / "pg").start)
        with pytest.raises(TimeoutError):
            starting.result(0.5)
        lock.write_text("".join(whole.splitlines(keepends=True)[:3]))
        with pytest.raises(TimeoutError):
            starting.result(0.5)
        lock.write_text(whole)
        assert starting.result(60) == embedded.url


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
