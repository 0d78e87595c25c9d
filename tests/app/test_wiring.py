"""Everything is started in order, and stopped again, also when something fails on the way up."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import structlog

from app import wiring
from app.data_dir import exclusive
from app.settings import ConfigurationError, Settings
from app.wiring import system as wired


async def refusal(url: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        async with wiring.database(Settings.model_validate({"database_url": url})):
            raise AssertionError("it opened")
    return str(raised.value)


@pytest.mark.parametrize(
    "rest",
    [
        "127.0.0.1:1/x",
        "127.0.0.1:99999/x",
        "127.0.0.1:-1/x",
        "127.0.0.1:x/x",
        "[::1/x",
        "127.0.0.1/x?sslmode=never",
        "127.0.0.1/x?" + "a" * 1_000,
    ],
)
async def test_an_address_without_postgresql_is_told_in_one_line(rest: str) -> None:
    said = await refusal(f"postgresql://interlink:secret@{rest}")
    assert said.startswith("DATABASE_URL: ")
    assert "\n" not in said
    assert "secret" not in said


@pytest.mark.parametrize("sign", "/#?[]@:% ")
async def test_no_part_of_a_password_is_told_whatever_is_in_it(sign: str) -> None:
    for password in (f"secret{sign}1", f"1{sign}secret", f"{sign}secret{sign}"):
        assert "secret" not in await refusal(f"postgresql://interlink:{password}@127.0.0.1:1/x")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"N-ERR unknown command\r\n", b""])
async def test_a_server_that_is_no_postgresql_is_told(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        said = await refusal(f"postgresql://interlink:secret@127.0.0.1:{port}/x")
    assert said.startswith("DATABASE_URL: no PostgreSQL answers there: ")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "secret_key": "a key for tests alone"})


async def sessions(database: str) -> int:
    connection = await asyncpg.connect(database)
    try:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return found
    finally:
        await connection.close()


async def test_nothing_is_left_running_whether_it_worked_or_not(
    database: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = asyncio.all_tasks()
    async with wired(settings, database, sends=False) as system:
        assert await system.log.head() == 0
        assert asyncio.all_tasks() > before

    def fail(*_: object) -> None:
        raise ConfigurationError("no")

    monkeypatch.setattr(wiring, "Converter", fail)
    with pytest.raises(ConfigurationError):
        async with wired(settings, database):
            raise AssertionError("it started")
    assert asyncio.all_tasks() == before
    async with asyncio.timeout(60):
        while await sessions(database):  # noqa: ASYNC110  the server has yet to see it
            await asyncio.sleep(0.01)


async def test_what_does_not_send_has_nobody_who_would(database: str, settings: Settings) -> None:
    def working() -> set[str]:
        """What is at work for subscriptions; all else comes and goes when it wants."""
        work: list[Any] = [task.get_coro() for task in asyncio.all_tasks()]
        return {one.__qualname__ for one in work if "/subscriptions/" in one.cr_code.co_filename}

    async with wired(settings, database, sends=False):
        assert working() == {"DeliveryNews.run"}
    async with wired(settings, database):
        assert working() == {"DeliveryNews.run", "send_webhooks", "Feeder.run"}


@pytest.mark.parametrize(
    ("serving", "started_here", "is_served", "stopped"),
    [
        (False, True, False, True),
        (False, True, True, False),
        (False, False, False, False),
        (True, False, False, True),
        (True, True, True, True),
    ],
)
async def test_an_embedded_server_is_stopped_by_who_started_it_unless_somebody_serves_from_it(
    settings: Settings, serving: bool, started_here: bool, is_served: bool, stopped: bool
) -> None:
    ends: list[bool] = []
    embedded: Any = SimpleNamespace(started_here=started_here, stop=lambda: ends.append(True))
    with exclusive(settings.data_dir) if is_served else nullcontext():
        await wiring._stop(embedded, settings, serving)
    assert bool(ends) == stopped


@pytest.mark.parametrize("public_url", [None, "https://parks.example.org"])
async def test_a_node_of_many_says_if_events_would_name_it_as_their_source(
    redis_url: str, public_url: str | None
) -> None:
    shared = {"redis_url": redis_url, "database_url": "postgresql://127.0.0.1/x", "secret_key": "shared"}
    with structlog.testing.capture_logs() as logs:
        async with AsyncExitStack() as stack:
            assert await wiring._bus(Settings.model_validate({**shared, "public_url": public_url}), stack)
    assert any("PUBLIC_URL" in line["event"] for line in logs) == (public_url is None)
