"""Two real nodes: what is killed, cut or silent costs at most a pause."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.cluster import FAULTS, Cluster, cluster
from tests.nodejs import Node

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


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
