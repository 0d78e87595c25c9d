"""Two nodes in one process over a real PostgreSQL: what goes wrong at each place where it can."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from realtime import crdt
from tests.faults.nodes import QUICK
from tests.faults.run import Run
from tests.faults.scenarios import SCENARIOS
from tests.faults.typists import Typist

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def _orphans_are_sealed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.rooms._ORPHANS_EVERY", 0.3)


@pytest.mark.parametrize("name", list(SCENARIOS))
async def test_nothing_is_lost_or_doubled(database: str, name: str) -> None:
    counts = await SCENARIOS[name](database, 1)
    print(counts)
    assert counts.seen > 0


async def test_what_a_dead_node_left_is_sealed_while_the_document_is_open(database: str) -> None:
    async with Run(database, 1) as run:
        here, there = run.nodes
        run.join(1, here)
        run.join(1, there)
        await run.until(lambda: all(typist.synced for typist in run.typists), "no answer")
        run.typists[0].press()
        await run.until(lambda: "§00" in run.typists[1].has(), "not shown")
        here.crash()
        run.lose(run.typists[0])
        async with asyncio.timeout(60):  # nobody writes any more, and the room stays open
            while (await there.store.load(run.document)).rows:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert len((await there.store.load(run.document)).bursts) == 1
        assert run.typists[0].connected


NEVER = replace(QUICK, follow_every=1000.0, follow_without_bus=1000.0)


async def test_who_is_connected_again_reads_what_it_missed_at_once(database: str) -> None:
    async with Run(database, 1, limits=NEVER) as run:
        here, there = run.nodes
        run.join(1, here)
        run.join(1, there)
        await run.until(lambda: all(typist.synced for typist in run.typists), "no answer")
        await run.until(lambda: there.hub.metrics.catch_ups == 1, "a room that opens looks once")
        there.bus.sever()
        run.typists[0].press()
        await run.until(lambda: bool(run.typists[0].seen()), "not echoed")
        assert run.typists[1].has() == ""
        there.bus.heal()
        await run.until(lambda: "§00" in run.typists[1].has(), "not shown")


async def test_what_is_read_is_what_was_committed_on_any_node(database: str) -> None:
    async with Run(database, 1, limits=NEVER) as run:
        here, there = run.nodes
        run.join(1, here)
        run.join(1, there)
        await run.until(lambda: all(typist.synced for typist in run.typists), "no answer")
        await run.until(lambda: there.hub.metrics.catch_ups == 1, "a room that opens looks once")
        there.bus.sever()
        run.typists[0].press()
        await run.until(lambda: bool(run.typists[0].seen()), "not echoed")
        assert run.typists[1].has() == ""
        for node in (here, there):
            assert "§00" in crdt.text_of(await node.hub.read(run.document), "text")


async def test_what_is_committed_while_a_room_opens_is_read(database: str) -> None:
    async with Run(database, 1, limits=NEVER) as run:
        here, there = run.nodes
        there.bus.sever()
        run.join(1, here)
        await run.until(lambda: run.typists[0].synced, "no answer")
        load = there.store.load

        async def slow_load(*arguments: Any, **named: Any) -> Any:
            stored = await load(*arguments, **named)
            run.typists[0].press()
            await run.until(lambda: bool(run.typists[0].seen()), "not echoed")
            return stored

        there.store.load = slow_load  # type: ignore[method-assign]
        late = Typist(run.document, 1, run.chance)
        late.connect(there)
        await run.until(lambda: "§00" in late.has(), "not shown")
        run.gone.append(late)
