"""Hostile input over real sockets: frames, JSON and headers, mutated, while two bystanders go on typing.

The parsers' own tests feed them 10^5 mutations each; here a sample goes the whole way in, and what
counts is that nobody else notices.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from realtime import protocol, wire
from realtime.hocuspocus import protocol as hocuspocus
from tests.fuzz.frames import h_seeds, mutated, y_seeds
from tests.nodejs import Node
from tests.serving import ServerProcess, served
from tests.workspace import Workspace, workspace

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

FRAMES = int(os.environ.get("HOSTILE_FRAMES", "1500"))  # of each protocol
BODIES = 3_000
HEADS = 2_000
CODES = {4400, 4403, 4409, 4413, 4529, 1009}  # what a hostile frame may be answered with
MEMORY = 150 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served(tmp_path_factory.mktemp("data")) as running:
        yield running


@contextmanager
def unharmed(server: ServerProcess, node: Node) -> Iterator[Workspace]:
    """Two people type throughout; at the end they have everything, and the server is its old self."""
    work = workspace(server, 3)
    process = psutil.Process(server.pid)
    with node.started("typists.mjs", work.live, work.document, *work.tickets[:2]) as bystanders:
        bystanders.ask("connect")
        bystanders.ask("type")
        while bystanders.ask("look")["received"] <= 20:
            time.sleep(0.01)
        memory = process.memory_info().rss
        before = bystanders.ask("look")["received"]
        yield work
        seen = bystanders.ask("cut")
    assert seen["dropped"] == 0, "no bystander was ever disconnected"
    assert len(seen["received"]) > before, "they typed while it happened"
    assert set(seen["received"]) <= {f"§{t}" for t in work.content().split("§")[1:]}
    assert process.is_running()
    assert process.memory_info().rss - memory < MEMORY
    assert not [line for line in server.lines if "Traceback" in line or "CRITICAL" in line]


def test_frames(server: ServerProcess, node: Node) -> None:
    with unharmed(server, node) as work:
        codes = asyncio.run(_throw_frames(f"{work.live}/{work.document}?token={work.tickets[2]}"))
    print(f"{FRAMES} frames, closed with {codes}")
    assert set(codes) <= CODES
    assert codes.get(4400, 0) > 100


def test_addressed_frames(server: ServerProcess, node: Node) -> None:
    with unharmed(server, node) as work:
        codes = asyncio.run(_throw_addressed(work.live, work.document, work.tickets[2]))
    print(f"{FRAMES} addressed frames, closed with {codes}")
    assert set(codes) <= CODES
    assert codes.get(4400, 0) > 100


async def _throw_frames(url: str) -> dict[int, int]:
    seeds = [_elsewhere(frame) for frame in y_seeds()]
    thrown = 0
    codes: dict[int, int] = {}

    async def throw(chance: random.Random) -> None:
        nonlocal thrown
        while thrown < FRAMES:
            async with connect(url, compression=None, open_timeout=60, ping_timeout=None) as socket:
                try:
                    while thrown < FRAMES:
                        thrown += 1
                        await socket.send(mutated(chance.choice(seeds), chance))
                        await socket.send(PROBE)
                        while (await socket.recv())[:2] != PROBE_ANSWER:
                            pass
                except ConnectionClosed:
                    code = socket.close_code or 0
                    codes[code] = codes.get(code, 0) + 1

    await asyncio.gather(*(throw(random.Random(seed)) for seed in range(8)))
    return codes


async def _throw_addressed(url: str, document: str, token: str) -> dict[int, int]:
    """The same on connections that carry many documents: each shows a token first."""
    seeds = [_elsewhere(frame) for frame in h_seeds(document)]
    address = hocuspocus.address(document)
    hello = address + bytes((protocol.AUTH, hocuspocus.TOKEN)) + wire.sized(token.encode())
    thrown = 0
    codes: dict[int, int] = {}

    async def throw(chance: random.Random) -> None:
        nonlocal thrown
        while thrown < FRAMES:
            async with connect(url, compression=None, open_timeout=60, ping_timeout=None) as socket:
                try:
                    await socket.send(hello)
                    while thrown < FRAMES:
                        thrown += 1
                        await socket.send(mutated(chance.choice(seeds), chance))
                        await socket.send(hocuspocus.PING_FRAME)
                        while await socket.recv() != hocuspocus.PONG_FRAME:
                            pass
                except ConnectionClosed:
                    code = socket.close_code or 0
                    codes[code] = codes.get(code, 0) + 1

    await asyncio.gather(*(throw(random.Random(f"addressed {seed}")) for seed in range(8)))
    return codes


def _elsewhere(frame: bytes) -> bytes:
    """Good frames write too: beside the text whose places the bystanders count on."""
    return frame.replace(b"content", b"c0ntent")


PROBE, PROBE_ANSWER = b"\x00\x00\x01\x00", b"\x00\x01"  # step1; how each step2 begins


def test_json(server: ServerProcess, node: Node) -> None:
    with unharmed(server, node) as work:
        client = work.authors[0]
        statuses = _throw_bodies(client, work, random.Random(1))
    print(f"{BODIES} bodies answered with {statuses}")
    assert all(status < 500 for status in statuses)
    assert statuses[422] + statuses[400] > BODIES / 4


def _throw_bodies(client: httpx.Client, work: Workspace, chance: random.Random) -> dict[int, int]:
    seeds = [
        json.dumps({"title": "Work", "language": "en", "description": "x"}).encode(),
        json.dumps({"kind": "phase", "title": "A", "parent": None}).encode(),
        json.dumps({"grantee": {"person": work.process}, "rights": ["view"]}).encode(),
        json.dumps({"document": work.document}).encode(),
        b'{"title":"\\ud800","language":"en"}',
        b'{"title":"\\u0000","language":"en"}',
        b"[" * 5000,
        b'{"title":' + b"9" * 5000 + b',"language":"en"}',
        b'{"title":1e999,"language":NaN}',
    ]
    paths = [
        "/api/v1/processes",
        f"/api/v1/processes/{work.process}/nodes",
        f"/api/v1/processes/{work.process}/permissions",
        "/api/v1/live-tickets",
        "/auth/demo",
    ]
    statuses: dict[int, int] = {400: 0, 422: 0}
    for _ in range(BODIES):
        body = mutated(chance.choice(seeds), chance)
        answer = client.post(chance.choice(paths), content=body, headers={"Content-Type": "application/json"})
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
    client.cookies.clear()
    return statuses


def test_heads(server: ServerProcess, node: Node) -> None:
    """Request lines and headers, for plain requests, event streams and upgrades."""
    with unharmed(server, node) as work:
        answered = asyncio.run(_throw_heads(server.port, work))
    print(f"{HEADS} heads: {answered}")
    assert answered["5xx"] == 0
    assert answered["4xx"] > HEADS / 10


async def _throw_heads(port: int, work: Workspace) -> dict[str, int]:
    seeds = [
        f"GET /api/v1/events?after=0&limit=5 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        f"Last-Event-ID: 5\r\nAuthorization: {work.authors[0].headers['Authorization']}\r\n\r\n",
        "GET /api/v1/me HTTP/1.1\r\nHost: x\r\nCookie: interlink_session=abc\r\n"
        "If-Position-At-Least: 3\r\n\r\n",
        f"GET /live/{work.document}?token={work.tickets[2]} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "POST /api/v1/processes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nIdempotency-Key: a\r\n\r\n{}",
    ]
    answered = {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0, "1xx": 0, "closed": 0}
    chance = random.Random(2)

    async def throw() -> None:
        head = mutated(chance.choice(seeds).encode(), chance)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        writer.write_eof()
        try:
            async with asyncio.timeout(60):
                line = await reader.readline()
            kind = f"{line.split()[1][:1].decode()}xx" if line.startswith(b"HTTP/1.1 ") else "closed"
        except ConnectionError:
            kind = "closed"
        answered[kind] += 1
        writer.transport.abort()

    for _ in range(HEADS // 20):
        await asyncio.gather(*(throw() for _ in range(20)))
    return answered
