"""Nothing is lost on the way to a pull group: kill -9 of node and PostgreSQL while workers pull."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.serving import ServerProcess, served

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

GROUPS = "/api/v1/subscriptions"
WRITTEN = [{"any": [{"prefix": {"type": "process."}}, {"prefix": {"type": "plan."}}]}]
LIMIT = 180  # seconds for whatever is waited for: a server may start meanwhile
POISON = 7  # every event at a position that this divides cannot be worked on


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with served(tmp_path_factory.mktemp("data")) as running:
        yield running


@dataclass
class Seen:
    """What the workers saw, in the order they saw it, and what they then said of it."""

    events: list[tuple[str, int]] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    forgotten: int = 0
    healthy: bool = False  # from now on even poison is worked on


class Worker(threading.Thread):
    """Pulls, writes down, and acknowledges, gives back, parks or forgets; whatever happens meanwhile."""

    def __init__(self, client: httpx.Client, group: str, seen: Seen, seed: int) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._group = group
        self._seen = seen
        self._chance = random.Random(seed)
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                for item in self._ask("pull", {"max": 5, "wait": 1})["items"]:
                    self._work(item["ack_id"], item["event"])
            except httpx.HTTPError:
                self.ended.wait(0.05)  # the server is away

    def _work(self, ack_id: str, event: dict[str, Any]) -> None:
        seen, position = self._seen, int(event["sequence"])
        seen.events.append((event["subject"], position))
        mood = self._chance.random()
        if position % POISON == 0 and not seen.healthy:
            seen.refused.add(position)  # first: a kill may swallow the answer
            self._ask("nack", {"ack_id": ack_id, "action": "park", "error": "cannot be read"})
        elif mood < 0.1 or seen.forgotten == 0:
            seen.forgotten += 1  # as if this worker had crashed: its lease runs out
        elif mood < 0.2:
            self._ask("nack", {"ack_id": ack_id, "delay": 0.1})
        else:
            seen.acknowledged.add(position)
            self._ask("ack", {"ack_ids": [ack_id]})

    def _ask(self, what: str, body: dict[str, Any]) -> Any:
        return self._client.post(f"{self._group}/{what}", json=body).raise_for_status().json()


def test_killing_node_and_database_under_workers(server: ServerProcess) -> None:
    ilze = server.client()
    body = {"kind": "pull", "name": "Index", "filter": WRITTEN, "lease_seconds": 1, "max_deliveries": 1000}
    made = ilze.post(GROUPS, json=body).raise_for_status().json()
    group, start = f"{GROUPS}/{made['id']}", made["position"]
    seen = Seen()
    workers = [Worker(server.client(), group, seen, seed) for seed in range(4)]
    for worker in workers:
        worker.start()
    for kill in (_kill_node, ServerProcess.kill_postgres, _kill_both):
        writing = threading.Thread(target=_write, args=(ilze, 10))
        before = len(seen.events)
        writing.start()
        _until(lambda: len(seen.events) > before + 3)  # noqa: B023
        kill(server)
        writing.join()
    wanted = _written(ilze, start)
    _until(lambda: seen.acknowledged | seen.refused >= set(wanted))
    _until(lambda: _counts(ilze, group) == (0, 0, len(_poisoned(wanted))))
    assert {position for _, position in seen.events} == set(wanted), "everything, and nothing else"
    assert seen.forgotten > 0, "some lease ran out"
    _check_order(seen)

    parked = ilze.get(f"{group}/parked").raise_for_status().json()["items"]
    assert {one["position"]: one["error"] for one in parked} == dict.fromkeys(
        _poisoned(wanted), "cannot be read"
    )
    seen.healthy = True
    replayed = ilze.post(f"{group}/parked/replay", json={}).raise_for_status().json()
    assert replayed == {"count": len(_poisoned(wanted))}
    _until(lambda: _counts(ilze, group) == (0, 0, 0))
    assert seen.acknowledged == set(wanted)
    for worker in workers:
        worker.ended.set()
    for worker in workers:
        worker.join()


def _kill_node(server: ServerProcess) -> None:
    server.kill()
    server.start()


def _kill_both(server: ServerProcess) -> None:
    server.kill_postgres()
    _kill_node(server)


def _write(client: httpx.Client, count: int) -> None:
    """So many nodes in two processes: a few streams that are long."""
    processes = [_post(client, "/api/v1/processes", {"title": "Process", "language": "en"}) for _ in range(2)]
    for n in range(count):
        path = f"/api/v1/processes/{processes[n % 2]}/nodes"
        _post(client, path, {"kind": "phase", "title": f"Phase {n}"})


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> str:
    """Write, again for as long as the server is away."""
    ids: list[str] = []

    def written() -> bool:
        answer = client.post(path, json=body)
        if answer.status_code >= 500:
            return False
        ids.append(answer.raise_for_status().json()["id"])
        return True

    _until(written)
    return ids[0]


def _written(client: httpx.Client, after: int) -> list[int]:
    answer = client.get("/api/v1/events", params={"after": after, "limit": 1000}).raise_for_status()
    kinds = ("process.", "plan.")
    return [int(event["sequence"]) for event in answer.json() if event["type"].startswith(kinds)]


def _poisoned(positions: list[int]) -> list[int]:
    return [position for position in positions if position % POISON == 0]


def _counts(client: httpx.Client, group: str) -> tuple[int, int, int]:
    shown = client.get(group).raise_for_status().json()
    return shown["pending"], shown["leased"], shown["parked"]


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass  # the server is away
        time.sleep(0.05)
    raise AssertionError("that never came about")


def _check_order(seen: Seen) -> None:
    """Of each stream the first sight of every event is in order; some come again."""
    for stream in {stream for stream, _ in seen.events}:
        firsts = list(dict.fromkeys(position for of, position in seen.events if of == stream))
        assert firsts == sorted(firsts)
