"""The example client: killed, cut off and started again, it loses nothing and does nothing twice."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

from tests.app.api.conftest import Somebody
from tests.docs.examples.programs import lines, running
from tests.proxy import PortProxy

SCRIPT = "follow_events.py"


def handled(state: Path) -> list[tuple[int, str]]:
    db = sqlite3.connect(state)
    try:
        return db.execute("SELECT position, type FROM handled ORDER BY rowid").fetchall()
    finally:
        db.close()


async def seen_by(who: Somebody) -> list[tuple[int, str]]:
    """All events, however many there are."""
    events: list[tuple[int, str]] = []
    while page := await who.get("/api/v1/events", limit=1000, after=events[-1][0] if events else 0):
        events += [(int(event["sequence"]), event["type"]) for event in page]
    return events


async def test_kills_and_lost_connections_lose_and_double_nothing(
    address: str, ana: Somebody, tmp_path: Path
) -> None:
    port = urlsplit(address).port
    assert port is not None
    state, network = tmp_path / "state.sqlite", PortProxy(port)
    await network.start()
    url = f"http://127.0.0.1:{network.port}"
    enough = asyncio.Event()
    writing = asyncio.create_task(_write(ana, enough))
    try:
        for _ in range(3):
            async with running(SCRIPT, url, str(state), INTERLINK_TOKEN=ana.token) as client:
                await lines(client, 8)
                client.kill()
        async with running(SCRIPT, url, str(state), INTERLINK_TOKEN=ana.token) as client:
            await lines(client, 4)
            await network.cut()
            await network.start()
            *_, last = await lines(client, 4)
            enough.set()
            await writing
            expected = await seen_by(ana)
            while last.split()[0] != f"{expected[-1][0]:020d}":
                assert len(last.split()) == 3
                [last] = await lines(client, 1)
        until = expected[-1][0]  # then may come what the server tells of its own, as who read what
        assert [one for one in handled(state) if one[0] <= until] == expected
    finally:
        writing.cancel()
        await network.cut()


async def _write(who: Somebody, enough: asyncio.Event) -> None:
    while not enough.is_set():
        await who.a_process()
        await asyncio.sleep(0.05)


async def test_only_wanted_types_come(address: str, ana: Somebody, tmp_path: Path) -> None:
    await ana.a_process()
    arguments = (address, str(tmp_path / "state.sqlite"), "plan.*")
    async with running(SCRIPT, *arguments, INTERLINK_TOKEN=ana.token) as client:
        [line] = await lines(client, 1)
    assert line.split()[1] == "plan.opened"


async def test_a_bad_token_ends_it(address: str, tmp_path: Path) -> None:
    async with running(SCRIPT, address, str(tmp_path / "s"), INTERLINK_TOKEN="none") as client:
        _, said = await asyncio.wait_for(client.communicate(), 60)
        assert client.returncode == 1
        assert said == b"the server answers 401\n"
