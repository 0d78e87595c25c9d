"""The command line as the operator meets it: each refusal is one line."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.serving import INTERLINK, ServerProcess, served


def interlink(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(INTERLINK), *arguments],
        env={**os.environ, "DATA_DIR": str(data_dir), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1, result.stdout + result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    assert "PORT" in refusal(interlink(tmp_path, "serve", PORT="many"))


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = refusal(interlink(tmp_path, "serve", PORT=str(port)))
    assert f"port {port} on 127.0.0.1 is in use" in said


def test_an_unreachable_database_is_one_line_without_the_password(tmp_path: Path) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/nothing"
    said = refusal(interlink(tmp_path, "migrate", DATABASE_URL=url))
    assert said.startswith("interlink: DATABASE_URL: no PostgreSQL answers there")
    assert "hunter2" not in said


def test_a_newer_schema_is_one_line(tmp_path: Path, database: str) -> None:
    sql = "UPDATE alembic_version SET version_num = '9999'"
    import asyncio

    import asyncpg

    async def age() -> None:
        connection = await asyncpg.connect(database)
        await connection.execute(sql)
        await connection.close()

    asyncio.run(age())
    assert "newer than this interlink" in refusal(interlink(tmp_path, "migrate", DATABASE_URL=database))


def test_a_whole_life(tmp_path: Path) -> None:
    """Start, a second start refused, commands beside it, stop, start after a kill."""
    with served(tmp_path) as server:
        assert "already serves DATA_DIR" in refusal(interlink(tmp_path, "serve", PORT="0"))
        status = interlink(tmp_path, "projections", "status")
        assert status.returncode == 0, status.stderr
        assert "plan" in status.stdout
        server.client("ilze@example.org").get("/api/v1/me").raise_for_status()
        token = interlink(tmp_path, "token", "create", "--person", "ilze@example.org")
        assert token.stdout.startswith("ilk_"), token.stderr
        assert "nobody@example.org" in refusal(
            interlink(tmp_path, "token", "create", "--person", "nobody@example.org")
        )
        server.kill()
        server.start()
        me = server.client("ilze@example.org").get("/api/v1/me").json()
        assert me["email"] == "ilze@example.org"
        assert server.stop() == 0
        assert not _running(server)


def _running(server: ServerProcess) -> bool:
    return (server.data_dir / "postgres" / "postmaster.pid").exists()


def test_rebuilding_with_the_server_down_stops_the_database_again(tmp_path: Path) -> None:
    result = interlink(tmp_path, "projections", "rebuild", "all")
    assert result.returncode == 0, result.stderr
    assert "plan rebuilt" in result.stdout
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


@pytest.mark.parametrize("arguments", [[], ["fly"], ["projections"], ["token", "create"]])
def test_wrong_usage_says_how(tmp_path: Path, arguments: list[str]) -> None:
    result = interlink(tmp_path, *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: interlink")
