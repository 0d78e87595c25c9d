"""What goes wrong, each as a run with a seed: the same seed makes the same choices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.faults.network import Weather
from tests.faults.nodes import POINTS, QUICK
from tests.faults.run import PATIENCE, Counts, Run
from tests.faults.typists import Typist

Scenario = Callable[[str, int], Awaitable[Counts]]

STEPS = 40


async def crash(point: str, url: str, seed: int) -> Counts:
    """A node stops dead at one point; some of its people come back elsewhere, some never."""
    async with Run(url, seed) as run:
        victim, other = run.nodes
        run.join(2, victim)
        run.join(1, other)
        await run.type(run.chance.randint(1, STEPS))
        victim.passes_left = run.chance.choice((0, 0, 1, 3))
        victim.crash_at = point
        await run.type(10 * STEPS, until=lambda: victim.dead)
        if not victim.dead:  # what leads to this point did not happen; power is cut all the same
            victim.crash()
        for typist in [typist for typist in run.typists if typist.node is victim]:
            if run.chance.random() < 0.5:
                run.lose(typist)
        await run.start_node()
        run.join(1)
        await run.type(STEPS)
        return await run.check()


async def everybody_crashes(url: str, seed: int) -> Counts:
    """Both nodes stop dead, and every client with them: what anybody saw is in the database."""
    async with Run(url, seed) as run:
        run.join(4)
        await run.type(run.chance.randint(5, 2 * STEPS))
        for node in run.nodes:
            node.crash_at = run.chance.choice(("append.during", "append.after", "deliver", "publish"))
        await run.type(STEPS, until=lambda: not run.alive or any(node.dead for node in run.nodes))
        for node in run.nodes:
            node.crash()
        for typist in list(run.typists):
            run.lose(typist)
        await run.start_node()
        run.join(2)
        await run.type(STEPS // 2)
        return await run.check()


async def bad_bus(url: str, seed: int) -> Counts:
    """Messages are lost, doubled and reordered."""
    async with Run(url, seed) as run:
        weather = run.network.weather
        weather.lost, weather.doubled, weather.late = (run.chance.choice((0, 0.2, 0.5)) for _ in range(3))
        run.join(4)
        await run.type(2 * STEPS)
        return await run.check()


async def deaf(url: str, seed: int) -> Counts:
    """No message arrives, and nobody notices: the comparison with the store alone must find out."""
    async with Run(url, seed, weather=Weather(lost=1.0)) as run:
        run.join(4)
        await run.type(STEPS)
        return await run.check()


async def partition(url: str, seed: int) -> Counts:
    """A node is cut off from the others, with or without noticing, and comes back."""
    async with Run(url, seed) as run:
        run.join(4)
        await run.type(10)
        for _ in range(3):
            node = run.chance.choice(run.nodes)
            node.bus.sever(silent=run.chance.random() < 0.5)
            await run.type(run.chance.randint(5, STEPS))
            node.bus.heal()
            await run.type(run.chance.randint(1, 10))
        return await run.check()


async def failing_store(url: str, seed: int) -> Counts:
    """The store fails once or for a while; now and then every client leaves meanwhile."""
    async with Run(url, seed) as run:
        run.join(3)
        await run.type(STEPS // 2)
        node = run.chance.choice(run.nodes)
        node.store.failing = run.chance.choice((1, 1, 4))
        leave = run.chance.random() < 0.5
        await run.type(STEPS // 2, until=lambda: leave and not node.store.failing)
        if leave:
            for typist in list(run.typists):
                run.lose(typist)
            await asyncio.sleep(run.chance.uniform(0, 0.3))
            run.join(2)
        await run.type(STEPS // 2)
        return await run.check()


async def moving(url: str, seed: int) -> Counts:
    """Clients go from node to node while what they wrote is on its way."""
    async with Run(url, seed) as run:
        run.join(3)
        for _ in range(STEPS):
            await run.type(2)
            typist = run.chance.choice(run.typists)
            if typist.connected:
                typist.disconnect()
                typist.connect(run.chance.choice(run.nodes))
        return await run.check()


async def joining_while_closing(url: str, seed: int) -> Counts:
    """Everybody leaves and comes back just when the room is sealed and unloaded."""
    async with Run(url, seed, limits=replace(QUICK, unload_after=0.05)) as run:
        run.join(2)
        for _ in range(8):
            await run.type(4)
            for typist in run.typists:
                typist.disconnect()
            await asyncio.sleep(0.05 + run.chance.uniform(-0.02, 0.1))
        return await run.check()


async def one_client_id_for_two(url: str, seed: int) -> Counts:
    """Two people begin to write under one client id, on two nodes at once: one of them is refused."""
    async with Run(url, seed) as run:
        run.join(2)
        await run.type(5)
        client = run.chance.getrandbits(32)
        pair = [Typist(run.document, 50 + i, run.chance, client) for i in range(2)]
        for typist, node in zip(pair, run.nodes, strict=True):
            typist.deletes = False  # their letters have the same ids: one would delete the other's
            typist.connect(node)
        await run.until(lambda: all(typist.synced for typist in pair), "no answer")
        for _ in range(6):
            for typist in run.chance.sample(pair, 2):
                if typist.connected:
                    typist.press()
            await asyncio.sleep(run.chance.choice((0, 0, 0.001, 0.005)))
        await run.type(10)
        owner = None
        async with asyncio.timeout(PATIENCE):
            while owner is None:  # the first claim is on its way to the store
                known = (await run.alive[0].store.load(run.document)).clients
                owner = known.get(pair[0].doc.client_id)
        for typist in pair:
            if typist.person == owner:
                run.typists.append(typist)
            else:
                typist.disconnect()
                assert not run.typists[0].seen() & typist.own(), "nobody saw what the loser wrote"
        return await run.check()


async def revoked(url: str, seed: int) -> Counts:
    """The document is disabled under everybody's hands; later it is open again."""
    async with Run(url, seed) as run:
        run.join(3)
        await run.type(run.chance.randint(5, STEPS))
        for node in run.nodes:
            await node.hub.close_document(run.document, 4404, "the document is disabled")
        for typist in list(run.typists):
            await _closed(typist)
            assert typist.closed_with == 4404
            run.lose(typist)
        run.join(2)
        await run.type(STEPS // 2)
        return await run.check()


async def expired(url: str, seed: int) -> Counts:
    """What let people in ends while they type; they come back with something new."""
    async with Run(url, seed) as run:
        run.join(3)
        await run.type(5)
        for typist in run.typists:
            typist.disconnect()
            moment = datetime.now(UTC) + timedelta(seconds=run.chance.uniform(0.01, 0.2))
            typist.connect(run.chance.choice(run.nodes), expires=moment)
        while any(typist.connected for typist in run.typists):
            for typist in run.typists:
                if typist.connected:
                    typist.press()
            await asyncio.sleep(0.002)
        for typist in run.typists:
            assert typist.closed_with == 4401
            typist.disconnect()
        await run.type(5)
        return await run.check()


async def _closed(typist: Typist) -> None:
    async with asyncio.timeout(PATIENCE):
        while typist.closed_with is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


SCENARIOS: dict[str, Scenario] = {
    **{f"crash at {point}": partial(crash, point) for point in POINTS},
    "everybody crashes": everybody_crashes,
    "messages lost, doubled, reordered": bad_bus,
    "no message arrives": deaf,
    "nodes cut off": partition,
    "the store fails": failing_store,
    "clients move": moving,
    "joining while closing": joining_while_closing,
    "one client id for two": one_client_id_for_two,
    "disabled while connected": revoked,
    "a token expires": expired,
}
