"""Two real nodes, a real PostgreSQL and a real Redis behind a cuttable wire, each in its own process."""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from app.database.embedded import EmbeddedPostgres
from tests.faults.run import Counts
from tests.nodejs import Conversation, Node
from tests.proxy import PortProxy
from tests.redis import RedisServer, redis_server
from tests.serving import ServerProcess, served
from tests.workspace import Workspace, workspace

TOKEN = re.compile(r"§\d{10}")
TYPISTS = 8
SECRET = "the same on every node"


class Wire:
    """A PortProxy in a thread of its own."""

    def __init__(self, target: int) -> None:
        self.proxy = PortProxy(target)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self.proxy.start())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def cut(self) -> None:
        """Lose all connections and refuse new ones."""
        self._do(self.proxy.cut())

    def mend(self) -> None:
        """Accept again."""
        self._do(self.proxy.start())

    def hold(self) -> None:
        """Let nothing through, and tell nobody."""
        self._loop.call_soon_threadsafe(self.proxy.hold)

    def let_go(self) -> None:
        """Let it through."""
        self._loop.call_soon_threadsafe(self.proxy.let_go)

    def end(self) -> None:
        """Close everything."""
        self._do(self.proxy.cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


class Cluster:
    """What a fault run works on. `nodes[0]` reaches Redis through `wire`, `nodes[1]` directly."""

    def __init__(
        self,
        nodes: list[ServerProcess],
        redis: RedisServer,
        wire: Wire,
        database: EmbeddedPostgres,
        work: Workspace,
        typists: Conversation,
    ) -> None:
        self.nodes = nodes
        self.redis = redis
        self.wire = wire
        self.work = work
        self.typists = typists
        self._database = database
        self._typed = 0

    def kill_postgres(self) -> None:
        """As the kernel out of memory would end it: at once, with all its children."""
        lines = (self._database._directory / "postmaster.pid").read_text().splitlines()
        main = psutil.Process(int(lines[0]))
        family = [main, *main.children()]
        for process in family:
            with suppress(psutil.NoSuchProcess):  # it saw that its parent was gone
                process.kill()
        psutil.wait_procs(family, timeout=30)

    def start_postgres(self) -> None:
        """Start it again, as its supervisor would."""
        self._database.start()

    def run(self, fault: Callable[[Cluster, random.Random], None], chance: random.Random) -> Counts:
        """Everybody types, something fails, everybody goes on; then the accounts. Raises AssertionError."""
        self.typists.ask("connect")
        self.typists.ask("type")
        time.sleep(chance.uniform(0.2, 0.8))
        fault(self, chance)
        time.sleep(chance.uniform(0.1, 0.5))
        return self._account(self.typists.ask("settle"))

    def _account(self, told: dict[str, Any]) -> Counts:
        assert "text" in told, f"replicas differ: {told}"
        texts = [self._content(node) for node in self.nodes]
        assert texts == [told["text"]] * len(texts), [len(text) for text in texts]
        there = TOKEN.findall(told["text"])
        seen = set(told["received"]) | set(told["acknowledged"])
        counts = Counts(
            typed=told["typed"] - self._typed,
            seen=len(seen),
            there=len(there),
            lost=len(seen - set(there)),
            doubled=sum(count > 1 for count in Counter(there).values()),
        )
        self._typed = told["typed"]
        assert (counts.lost, counts.doubled) == (0, 0), counts
        assert len(there) == told["typed"], "everybody came back, so everything typed is there"
        assert TOKEN.sub("", told["text"]) == "", "whole tokens only"
        return counts

    def _content(self, node: ServerProcess) -> str:
        path = f"/api/v1/documents/{self.work.document}/content"
        headers = {"Authorization": self.work.authors[0].headers["Authorization"]}
        answer = self.work.authors[0].get(node.url + path, params={"format": "text"}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text


def kill_node(cluster: Cluster, chance: random.Random) -> None:
    """kill -9, and its supervisor starts it again."""
    node = chance.choice(cluster.nodes)
    node.kill()
    time.sleep(chance.uniform(0, 0.5))
    node.start()


def kill_both_nodes(cluster: Cluster, chance: random.Random) -> None:
    """kill -9 of both: what anybody saw must be in the database."""
    for node in chance.sample(cluster.nodes, 2):
        node.kill()
        time.sleep(chance.uniform(0, 0.05))
    for node in cluster.nodes:
        node.start()


def kill_redis(cluster: Cluster, chance: random.Random) -> None:
    """kill -9 of Redis; it comes back empty."""
    cluster.redis.kill()
    time.sleep(chance.uniform(0, 2))
    cluster.redis.start()


def redis_stays_away(cluster: Cluster, chance: random.Random) -> None:
    """Everybody must end with the same while Redis is still away."""
    cluster.redis.kill()
    time.sleep(chance.uniform(0, 1))
    told = cluster.typists.ask("settle")
    cluster.redis.start()
    assert "text" in told, f"replicas differ without Redis: {told}"
    cluster.typists.ask("type")


def kill_postgres(cluster: Cluster, chance: random.Random) -> None:
    """kill -9 of PostgreSQL and all its processes."""
    cluster.kill_postgres()
    time.sleep(chance.uniform(0, 1))
    cluster.start_postgres()


def cut_wire(cluster: Cluster, chance: random.Random) -> None:
    """One node is cut off from Redis, with an error."""
    cluster.wire.cut()
    time.sleep(chance.uniform(0.2, 2))
    cluster.wire.mend()


def hold_wire(cluster: Cluster, chance: random.Random) -> None:
    """One node is cut off from Redis without a word; for a while everything only comes late."""
    cluster.wire.hold()
    time.sleep(chance.uniform(0.5, 3))
    cluster.wire.let_go()


def move_clients(cluster: Cluster, chance: random.Random) -> None:
    """Half of the clients go to the other node, twice."""
    for _ in range(2):
        cluster.typists.ask("move")
        time.sleep(chance.uniform(0.05, 0.5))


FAULTS: dict[str, Callable[[Cluster, random.Random], None]] = {
    "node killed": kill_node,
    "both nodes killed": kill_both_nodes,
    "Redis killed": kill_redis,
    "Redis away": redis_stays_away,
    "PostgreSQL killed": kill_postgres,
    "node cut off from Redis": cut_wire,
    "Redis silent": hold_wire,
    "clients move": move_clients,
}


@contextmanager
def cluster(directory: Path, node: Node) -> Iterator[Cluster]:
    """A running cluster with people connected to both nodes."""
    with ExitStack() as stack:
        # Its path is part of a socket's address, which must be short.
        home = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="interlink-pg-", ignore_cleanup_errors=True)
        )
        database = EmbeddedPostgres(Path(home) / "pg")
        url = database.start()
        stack.callback(database.stop)
        redis = stack.enter_context(redis_server())
        wire = Wire(redis.port)
        stack.callback(wire.end)
        nodes: list[ServerProcess] = []
        for i, redis_url in enumerate((wire.proxy.redis_url, redis.url)):
            environment = {"DATABASE_URL": url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET}
            nodes.append(stack.enter_context(served(directory / f"node{i}", **environment)))
        work = workspace(nodes[0], TYPISTS)
        addresses = ",".join(each.url.replace("http", "ws", 1) + "/live" for each in nodes)
        typists = stack.enter_context(node.started("typists.mjs", addresses, work.document, *work.tickets))
        yield Cluster(nodes, redis, wire, database, work, typists)
