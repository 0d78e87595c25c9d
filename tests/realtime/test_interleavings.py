"""Whatever happens in whatever order, everybody ends with the document that one Yjs would have.

INTERLEAVINGS sets how many schedules each test lives through: `INTERLEAVINGS=5000 pytest …` for a night.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime import late
from tests.realtime import virtual_time
from tests.realtime.simulation import World

FOUND = (1072, 1106, 2497)  # schedules on which the engine's merging panicked
SCHEDULES = int(os.environ.get("INTERLEAVINGS", "150"))

CHOICES: list[tuple[int, str, list[Sequence[Any]]]] = [  # weight, step, what it may be about
    (30, "edit", [range(4), range(7), range(1000)]),
    (5, "edits", [range(4), range(2, 12), range(1000)]),
    (5, "turns", [range(1, 12)]),
    (5, "time", [(0.01, 0.6, 5.0, 40.0)]),
    (5, "connect", [range(4), range(2)]),
    (5, "disconnect", [range(4)]),
    (4, "stall", [range(4)]),
    (4, "resume", [range(4)]),
    (5, "seal", [range(2)]),
    (5, "snapshot", [range(2)]),
    (5, "bus", [("deliver", "drop", "double", "hold")]),
    (4, "release", [range(1000)]),
    (5, "failing", [(True, False)]),
    (4, "lose answers", [range(1, 4)]),
    (5, "hold commits", [(True, False)]),
    (4, "crash", [range(2)]),
    (3, "restart", [range(2)]),
]
steps = st.one_of(*(st.tuples(st.just(step), *map(st.sampled_from, about)) for _, step, about in CHOICES))


def schedule_of(seed: int) -> list[tuple[Any, ...]]:
    chance = random.Random(seed)
    drawn = chance.choices(CHOICES, [weight for weight, *_ in CHOICES], k=chance.randint(5, 80))
    return [(step, *map(chance.choice, about)) for _, step, about in drawn]


@pytest.fixture(autouse=True)
def _late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "_WORTH_IT", 1)  # small documents open late too


@pytest.mark.parametrize("nodes", [1, 2])
def test_everybody_ends_with_the_same(nodes: int) -> None:
    for seed in (*FOUND, *range(SCHEDULES)):
        try:
            virtual_time.run(live_through(nodes, schedule_of(seed)))
        except BaseException as error:
            error.add_note(f"schedule {seed} of {nodes} nodes: {schedule_of(seed)}")
            raise


@settings(
    max_examples=SCHEDULES // 5,
    derandomize="INTERLEAVINGS" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=st.lists(steps, min_size=15, max_size=60))
def test_a_short_schedule_is_found_if_there_is_one(schedule: list[tuple[Any, ...]]) -> None:
    virtual_time.run(live_through(2, schedule))


async def live_through(nodes: int, schedule: list[tuple[Any, ...]]) -> None:
    world = World(nodes, 4)
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
