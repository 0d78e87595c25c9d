"""Two real nodes: what is killed, cut or silent costs at most a pause."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.conftest import database_url
from tests.faults.cluster import FAULTS, Cluster, cluster
from tests.nodejs import Node
from tests.serving import ServerProcess
from tests.workspace import post, workspace

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

LIMIT = 60  # seconds for whatever is waited for


def test_nothing_is_lost_or_doubled(tmp_path: Path, node: Node) -> None:
    chance = random.Random(8)
    with cluster(tmp_path, node) as running:
        for name in FAULTS:
            counts = running.run(FAULTS[name], chance)
            print(name, counts)
            assert counts.seen > 0
        _bus_is_told(running)


def _bus_is_told(running: Cluster) -> None:
    """/readyz and /metrics tell of Redis, and that it is away makes no node unready."""
    client = running.work.authors[0]
    running.redis.kill()
    for each in running.nodes:
        while client.get(f"{each.url}/readyz").json()["degraded"] == {}:
            pass
        answer = client.get(f"{each.url}/readyz")
        assert answer.status_code == 200, answer.text
        assert list(answer.json()["degraded"]) == ["redis"]
        figures = client.get(f"{each.url}/metrics").text
        assert "interlink_bus_up 0.0" in figures
        assert "interlink_live_catch_ups_total" in figures
    running.redis.start()
    for each in running.nodes:
        while client.get(f"{each.url}/readyz").json()["degraded"]:
            pass


def test_rights_take_effect_on_every_node(tmp_path: Path, postgres_server: str, redis_url: str) -> None:
    """What one node is told, the others act on within a second, on open sockets too."""
    asyncio.run(_create(postgres_server, "two_nodes"))
    environment = {
        "DATABASE_URL": database_url(postgres_server, "two_nodes"),
        "REDIS_URL": redis_url,
        "SECRET_KEY": "the same on every node",
    }
    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        nodes = [ServerProcess(tmp_path / f"node{i}", **environment) for i in range(2)]
        for each in nodes:
            stack.callback(each.end)
        list(threads.map(ServerProcess.start, nodes))  # at once: one of them migrates, the other waits
        work = workspace(nodes[0], 1)
        owner, process = work.authors[0], work.process
        task = None
        for kind in ("phase", "objective", "task"):
            node = {"kind": kind, "title": kind, "parent": task}
            task = post(owner, f"/api/v1/processes/{process}/nodes", node)["id"]
        other = nodes[1].client("zane@example.org", "Zane")
        person = other.get("/api/v1/me").json()["person"]
        given = {"grantee": {"person": person}, "rights": ["view", "edit"]}
        asset = {"kind": "document", "title": "Other", "format": "text"}
        live = nodes[1].url.replace("http", "ws", 1) + "/live/"

        def opened(document: str) -> ClientConnection:
            ticket = post(other, "/api/v1/live-tickets", {"document": document})["token"]
            return stack.enter_context(
                connect(f"{live}{document}?token={ticket}", max_size=None, open_timeout=LIMIT)
            )

        took: list[float] = []
        while sum(each < 1 for each in took) < 2 and len(took) < 10:  # others may have the machine
            permission = post(owner, f"/api/v1/processes/{process}/permissions", given)["id"]
            made = post(owner, f"/api/v1/nodes/{task}/assets", asset)
            disabled, revoked = opened(made["document"]), opened(work.document)
            for socket in (disabled, revoked):
                socket.send(b"\x00\x00\x01\x00")
                socket.recv(timeout=LIMIT)
            post(owner, f"/api/v1/assets/{made['id']}/disable", {})
            code, one = _closed(disabled)
            assert code == 4404
            assert owner.delete(f"/api/v1/permissions/{permission}").is_success
            code, other_one = _closed(revoked)
            assert code == 4403
            took.append(max(one, other_one))
        assert sum(each < 1 for each in took) == 2, took


def _closed(socket: ClientConnection) -> tuple[int, float]:
    """The close code, and how long it took."""
    began = time.monotonic()
    with pytest.raises(ConnectionClosed) as closed:
        _read(socket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, time.monotonic() - began


def _read(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=LIMIT)


async def _create(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
