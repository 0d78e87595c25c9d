"""Pull groups over HTTP, fed from the real log."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.metrics import registry
from app.system import System
from tests.app.api.conftest import Somebody

PATH = "/api/v1/subscriptions"


async def a_group(who: Somebody, **more: Any) -> str:
    made = await who.post(PATH, {"kind": "pull", "name": "Index", "start": "beginning", **more})
    return f"{PATH}/{made['id']}"


async def pull(who: Somebody, group: str, *, max: int = 100, wait: float = 60) -> list[Any]:
    items: list[Any] = (await who.post(f"{group}/pull", {"max": max, "wait": wait}))["items"]
    return items


async def drained(who: Somebody, group: str, count: int) -> list[Any]:
    """So many deliveries, each acknowledged."""
    seen: list[Any] = []
    while len(seen) < count:
        items = await pull(who, group)
        assert items, f"only {len(seen)} came"
        seen += items
        await who.post(f"{group}/ack", {"ack_ids": [item["ack_id"] for item in items]})
    return seen


def positions(items: list[Any]) -> list[int]:
    return [int(item["event"]["sequence"]) for item in items]


async def test_everything_that_may_be_seen_comes_once_and_in_order(ana: Somebody, bruno: Somebody) -> None:
    await bruno.a_process()
    process = await ana.a_process()
    group = await a_group(ana)
    await ana.a_task(process)
    answer = await ana.client.get("/api/v1/events?limit=1000")
    wanted = {int(event["sequence"]): event["subject"] for event in answer.json()}
    seen = await drained(ana, group, len(wanted))
    assert sorted(positions(seen)) == sorted(wanted)
    for stream in set(wanted.values()):
        of_stream = [n for n in positions(seen) if wanted[n] == stream]
        assert of_stream == sorted(of_stream)
    shown = await ana.get(group)
    assert (shown["state"], shown["pending"], shown["leased"], shown["parked"]) == ("active", 0, 0, 0)


async def test_a_filter_and_a_start_choose(ana: Somebody) -> None:
    await ana.a_process("Before")
    group = await a_group(ana, start="now", filter=[{"exact": {"type": "process.started"}}])
    process = await ana.a_process("After")
    [item] = await pull(ana, group)
    assert item["event"]["subject"] == process
    assert (item["attempt"], item["replayed"]) == (1, False)
    assert await pull(ana, group, wait=0) == []


async def test_a_lost_right_ends_what_waits(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    permission = (await ana.let_in(bruno, process, "view"))["id"]
    group = await a_group(bruno, filter=[{"exact": {"process": process}}])
    first = await pull(bruno, group)
    await ana.delete(f"/api/v1/permissions/{permission}")
    for item in first:
        await bruno.post(f"{group}/nack", {"ack_id": item["ack_id"]})
    assert await pull(bruno, group, wait=0.3) == []
    shown = await bruno.get(group)
    assert (shown["pending"], shown["leased"]) == (0, 0), "what may no longer be seen is skipped"


async def test_a_revoked_token_ends_its_subscriptions(ana: Somebody, pool: Pool) -> None:
    made = await ana.post("/api/v1/tokens", {"name": "worker", "scopes": ["read", "write"]})
    own = ana.client.headers["Authorization"]
    ana.client.headers["Authorization"] = f"Bearer {made['token']}"
    group = await a_group(ana)
    ana.client.headers["Authorization"] = own
    [*_, item] = await pull(ana, group)
    await ana.delete(f"/api/v1/tokens/{made['id']}")
    await ana.post(f"{group}/nack", {"ack_id": item["ack_id"]})
    assert await pull(ana, group, wait=0) == []
    await ana.post(f"{group}/resume")
    assert await pull(ana, group), "resumed, it goes by the token that resumed it"


async def test_parked_after_the_last_delivery_and_taken_up_again(ana: Somebody) -> None:
    group = await a_group(ana, max_deliveries=2, filter=[{"exact": {"type": "person.registered"}}])
    for attempt in (1, 2):
        [item] = await pull(ana, group)
        assert item["attempt"] == attempt
        await ana.post(f"{group}/nack", {"ack_id": item["ack_id"], "error": "cannot read it"})
    [parked] = (await ana.get(f"{group}/parked"))["items"]
    assert (parked["position"], parked["attempts"], parked["error"]) == (
        int(item["event"]["sequence"]),
        2,
        "cannot read it",
    )
    assert (await ana.get(group))["last_error"] == "cannot read it"
    assert await ana.post(f"{group}/parked/replay", {}) == {"count": 1}
    [again] = await pull(ana, group)
    assert (again["attempt"], again["replayed"]) == (1, True)


async def test_a_range_is_replayed_and_marked_and_a_seek_starts_over(ana: Somebody) -> None:
    await ana.a_process()
    group = await a_group(ana)
    seen = await drained(ana, group, 4)
    first, last = positions(seen)[0], positions(seen)[1]
    await ana.post(f"{group}/replay", {"from": first, "to": last})
    again = await drained(ana, group, 2)
    assert positions(again) == [first, last]
    assert all(item["replayed"] for item in again)
    await ana.post(f"{group}/seek", {"to": "beginning"})
    assert sorted(positions(await drained(ana, group, 4))) == sorted(positions(seen))


async def test_the_operator_sees_lag_and_what_is_parked(ana: Somebody, system: System) -> None:
    group = await a_group(ana)
    [item, *_] = await pull(ana, group)
    await ana.post(f"{group}/nack", {"ack_id": item["ack_id"], "action": "park", "error": "no"})
    await ana.post(f"{group}/seek", {"to": "now"})
    await ana.post(f"{group}/pause")
    collected = await registry(system)
    labels = {"kind": "pull"}
    assert collected.get_sample_value("interlink_subscription_parked", labels) == 1
    assert collected.get_sample_value("interlink_subscription_open", labels) == 0
    assert collected.get_sample_value("interlink_subscription_lag_events", labels) == 0


async def test_paused_it_gives_nothing_until_resumed(ana: Somebody) -> None:
    group = await a_group(ana)
    await ana.post(f"{group}/pause")
    assert await pull(ana, group, wait=0.1) == []
    assert (await ana.get(group))["state"] == "paused"
    await ana.post(f"{group}/resume")
    assert await pull(ana, group)


async def test_nobody_else_gets_at_it(ana: Somebody, bruno: Somebody) -> None:
    group = await a_group(ana)
    [item, *_] = await pull(ana, group)
    await bruno.get(group, status=404)
    for path, body in {
        "pull": {},
        "ack": {"ack_ids": [item["ack_id"]]},
        "nack": {"ack_id": item["ack_id"]},
        "seek": {"to": "now"},
        "pause": None,
    }.items():
        await bruno.post(f"{group}/{path}", body, status=404)
    await bruno.delete(group, status=404)
    assert (await bruno.get(PATH))["items"] == []
    assert (await ana.post(f"{group}/ack", {"ack_ids": [item["ack_id"]]})) == {"count": 1}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"kind": "push", "name": "x"}, id="kind"),
        pytest.param({"kind": "pull", "name": ""}, id="name"),
        pytest.param({"kind": "pull", "name": "x", "start": "soon"}, id="start"),
        pytest.param({"kind": "pull", "name": "x", "start": "999999999"}, id="ahead"),
        pytest.param({"kind": "pull", "name": "x", "filter": [{"like": {"type": "a"}}]}, id="dialect"),
        pytest.param({"kind": "pull", "name": "x", "lease_seconds": 1e9}, id="lease"),
        pytest.param({"kind": "pull", "name": "x", "max_deliveries": 0}, id="deliveries"),
    ],
)
async def test_what_does_not_fit_is_refused(ana: Somebody, body: Any) -> None:
    await ana.post(PATH, body, status=422)


async def test_strange_work_is_refused_or_does_nothing(ana: Somebody, system: System) -> None:
    group = await a_group(ana)
    await ana.post(f"{group}/ack", {"ack_ids": []}, status=422)
    await ana.post(f"{group}/pull", {"max": 10**6}, status=422)
    await ana.post(f"{group}/pull", {"wait": -1}, status=422)
    await ana.post(f"{group}/replay", {"from": 5, "to": 1}, status=422)
    await ana.post(f"{group}/replay", {"from": 1, "to": 10**9}, status=422)
    assert await ana.post(f"{group}/ack", {"ack_ids": ["';--", str(uuid4())]}) == {"count": 0}
    assert await ana.post(f"{group}/extend", {"ack_id": str(UUID(int=0))}) == {"count": 0}
