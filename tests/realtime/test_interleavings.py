"""Whatever happens in whatever order, everybody ends with the document that one Yjs would have."""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime import late
from tests.realtime import virtual_time
from tests.realtime.simulation import World

EXAMPLES = int(os.environ.get("INTERLEAVINGS", "60"))

clients = st.integers(0, 3)
nodes = st.integers(0, 1)
numbers = st.integers(0, 1000)
edit = st.tuples(st.just("edit"), clients, st.integers(0, 6), numbers)
steps = st.one_of(
    edit,
    edit,
    edit,
    st.tuples(st.just("edits"), clients, st.integers(2, 12), numbers),
    st.tuples(st.just("turns"), st.integers(1, 12)),
    st.tuples(st.just("time"), st.sampled_from([0.01, 0.6, 5.0, 40.0])),
    st.tuples(st.just("connect"), clients, nodes),
    st.tuples(st.just("disconnect"), clients),
    st.tuples(st.just("stall"), clients),
    st.tuples(st.just("resume"), clients),
    st.tuples(st.just("seal"), nodes),
    st.tuples(st.just("snapshot"), nodes),
    st.tuples(st.just("bus"), st.sampled_from(["deliver", "drop", "double", "hold"])),
    st.tuples(st.just("release"), numbers),
    st.tuples(st.just("failing"), st.booleans()),
    st.tuples(st.just("lose answers"), st.integers(1, 3)),
    st.tuples(st.just("hold commits"), st.booleans()),
    st.tuples(st.just("crash"), nodes),
    st.tuples(st.just("restart"), nodes),
)


@pytest.fixture(autouse=True)
def _late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "_WORTH_IT", 1)  # small documents open late too


@pytest.mark.parametrize("count", [1, 2])
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="INTERLEAVINGS" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=st.lists(steps, min_size=5, max_size=60))
def test_everybody_ends_with_the_same(count: int, schedule: list[tuple[Any, ...]]) -> None:
    virtual_time.run(live_through(count, schedule))


async def live_through(count: int, schedule: list[tuple[Any, ...]]) -> None:
    world = World(count, 4)
    await world.start()
    for step, *details in schedule:
        await happen(world, step, details)
    await world.settle()
    await world.check()


async def happen(world: World, step: str, details: list[Any]) -> None:
    store, count = world.store, len(world.nodes)
    match step, details:
        case "edit", [client, kind, at]:
            world.clients[client].edit(kind, at)
        case "edits", [client, times, at]:
            chance = random.Random(at)
            for _ in range(times):
                world.clients[client].edit(chance.randrange(7), chance.randrange(1000))
        case "turns", [turns]:
            for _ in range(turns):
                await asyncio.sleep(0)
        case "time", [seconds]:
            await asyncio.sleep(seconds)
        case "connect", [client, node]:
            world.clients[client].connect(node % count)
        case "disconnect", [client]:
            world.clients[client].disconnect()
        case "stall" | "resume", [client]:
            if world.clients[client].peer is not None:
                world.clients[client].peer.pipe.stalled = step == "stall"  # type: ignore[union-attr]
        case "seal", [node]:
            await world.nodes[node % count]._rooms._sealer.seal(world.document)
        case "snapshot", [node]:
            await world.nodes[node % count]._rooms._sealer.snapshot(world.document)
        case "bus", [mode]:
            world.ether.mode = mode
        case "release", [seed]:
            world.ether.release(random.Random(seed))
        case "failing", [fails]:
            store.failing = fails
        case "lose answers", [answers]:
            store.lose_answers = answers
        case "hold commits", [held]:
            (store.hold if held else store.let_go)()
        case "crash", [node]:
            await world.crash(node % count)
        case "restart", [node]:
            await world.restart(node % count)
