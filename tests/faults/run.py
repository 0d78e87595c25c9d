"""One run: nodes, people who type, something that goes wrong, and then the accounts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from realtime.limits import Limits
from realtime.replay import committed_replica
from tests.faults.network import Network, Weather
from tests.faults.nodes import QUICK, Node
from tests.faults.typists import TOKEN, Typist, doubled, text_of

PATIENCE = 60.0  # seconds until everything must be whole again


@dataclass(slots=True)
class Counts:
    """What came of one run. `seen`: tokens that somebody was shown or told are saved."""

    typed: int = 0
    seen: int = 0
    there: int = 0
    lost: int = 0
    doubled: int = 0
    messages: int = 0
    catch_ups: int = 0
    crashes: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class Run:
    """Two nodes at first, one document."""

    def __init__(
        self, url: str, seed: int, *, weather: Weather | None = None, limits: Limits = QUICK
    ) -> None:
        self.chance = random.Random(seed)
        self.document: UUID = uuid4()
        self.network = Network(self.chance, weather)
        self.nodes: list[Node] = []
        self.typists: list[Typist] = []
        self.gone: list[Typist] = []  # who will not come back
        self.counts = Counts()
        self._url = url
        self._limits = limits

    async def __aenter__(self) -> Run:
        for _ in range(2):
            await self.start_node()
        return self

    async def __aexit__(self, *failure: object) -> None:
        for typist in [*self.typists, *self.gone]:
            typist.disconnect()
        self.network.weather = Weather()
        for node in self.nodes:
            await node.stop()
        tasks = [peer.task for typist in [*self.typists, *self.gone] for peer in typist.peers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def start_node(self) -> Node:
        node = await Node.start(self._url, self.network, self._limits)
        self.nodes.append(node)
        return node

    @property
    def alive(self) -> list[Node]:
        return [node for node in self.nodes if not node.dead]

    def join(self, count: int, node: Node | None = None) -> None:
        """So many people come, to a node or to any."""
        for _ in range(count):
            typist = Typist(self.document, len(self.typists) + len(self.gone), self.chance)
            typist.connect(node or self.chance.choice(self.alive))
            self.typists.append(typist)

    async def type(self, steps: int, *, until: Callable[[], bool] = lambda: False) -> None:
        """Everybody types; who lost the connection comes back, to any node."""
        for _ in range(steps):
            if until():
                return
            for typist in self.typists:
                if not typist.connected:
                    self.reconnect(typist)
                elif self.chance.random() < 0.5:
                    typist.press()
            await asyncio.sleep(self.chance.choice((0, 0, 0.002, 0.01)))

    def reconnect(self, typist: Typist) -> None:
        """As y-websocket does: to whichever node the proxy chooses, unless the refusal was final."""
        code = typist.closed_with
        typist.disconnect()
        assert code is None or not 4400 <= code < 4500, f"refused for good: {code}"
        typist.connect(self.chance.choice(self.alive))

    def lose(self, typist: Typist) -> None:
        """This person's machine goes too."""
        typist.disconnect()
        self.typists.remove(typist)
        self.gone.append(typist)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something, while lost connections come back."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    for typist in self.typists:
                        if not typist.connected:
                            self.reconnect(typist)
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(
                f"{what}: " + repr([typist.has()[-60:] for typist in self.typists])
            ) from None

    async def settle(self) -> str:
        """Wait until everybody who is here, and the store, have the same; returns it.

        What a node has taken from those who are gone, and could not commit yet, belongs to it; so does
        what a dead node's connections have yet to commit.
        """

        def same() -> bool:
            return len({typist.has() for typist in self.typists}) <= 1 and all(
                typist.synced for typist in self.typists
            )

        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            await self.until(same, "replicas differ")
            async with asyncio.timeout(PATIENCE):
                await self.alive[0].buried([node for node in self.nodes if node.dead])
                for node in self.alive:
                    await node.hub._journal.settled()
            final = await self._stored()
            if {typist.has() for typist in self.typists} <= {final}:
                return final
            assert asyncio.get_running_loop().time() < deadline, "what is stored is not what everybody has"
            await asyncio.sleep(0.02)

    async def _stored(self) -> str:
        stored = await committed_replica(await self.alive[0].store.load(self.document))
        return text_of(stored.state())

    async def check(self) -> Counts:
        """The accounts; raises AssertionError."""
        final = await self.settle()
        for each in self.alive:
            if each.hub._rooms.get(self.document) is not None:
                await self.until(lambda: self._same_on(each, final), "a node differs")  # noqa: B023
        there = set(TOKEN.findall(final))
        everybody = [*self.typists, *self.gone]
        deleted = {token for typist in everybody for token in typist.deleted}
        seen = {token for typist in everybody for token in typist.seen()} - deleted
        kept = {token for typist in self.typists for token in TOKEN.findall(typist.has())}
        assert TOKEN.sub("", final) == "", "whole tokens only"
        counts = self.counts
        counts.typed = sum(typist.typed for typist in everybody)
        counts.seen, counts.there = len(seen), len(there)
        counts.lost = len((seen | kept) - there)
        counts.doubled = len(doubled(final))
        counts.messages = self.network.messages
        counts.catch_ups = sum(node.hub.metrics.catch_ups for node in self.nodes)
        counts.crashes = sum(node.dead for node in self.nodes)
        assert (counts.lost, counts.doubled) == (0, 0), counts
        await self._check_log(final)
        return counts

    def _same_on(self, node: Node, text: str) -> bool:
        cell = node.hub._rooms.get(self.document)
        return cell is None or cell.retired or text_of(cell.room.content.state()) == text

    async def _check_log(self, final: str) -> None:
        """All of it gets into the log, and the log alone gives the same text."""
        store = self.alive[0].store
        async with asyncio.timeout(PATIENCE):
            while (await store.load(self.document)).rows:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        sealed = await committed_replica(await store.load(self.document, snapshot=False))
        assert text_of(sealed.state()) == final, "the log alone gives the same"
        kept = await committed_replica(await store.load(self.document))
        assert text_of(kept.state()) == final, "a snapshot and what lies after it give the same"
