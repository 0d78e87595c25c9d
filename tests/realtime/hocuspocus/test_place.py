"""Clients that count as the stock one does, put through everything that can happen to a stay, by chance."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from uuid import UUID

import pycrdt
import pytest

from realtime import protocol, wire
from realtime.hocuspocus import protocol as hocuspocus
from realtime.hub import Hub
from realtime.limits import Limits
from tests.realtime.lines import Door, Line, auth, to
from tests.realtime.memory_store import MemoryStore

RUNS, STEPS = 80, 60


class Stock:
    """One document under one address, as the stock client keeps it."""

    def __init__(self, line: Line, name: str, client: int) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client)
        self.text = self.doc.get("content", type=pycrdt.Text)
        self.name = name
        self.count = 0
        self.sure = True  # no status was on its way when it last began to count
        self.unanswered = 0
        self._line = line
        self._quiet = False
        self._written = self.doc.observe(self._changed)

    def say(self, message: bytes) -> None:
        self._line.say(to(self.name, message))

    def open(self, token: str) -> None:
        """What it does on a new socket."""
        self._line.say(auth(self.name, token))
        self.sync()

    def sync(self) -> None:
        self.sure, self.count = self.unanswered == 0, 1
        self.unanswered += 1
        self.say(protocol.step1(self.doc.get_state()))

    def _changed(self, event: Any) -> None:
        if not self._quiet:
            self.count += 1
            self.unanswered += 1
            self.say(protocol.update(event.update))

    def hear(self, message: bytes) -> None:
        if message[0] == hocuspocus.SYNC_STATUS:
            self.unanswered -= self.unanswered > 0
            self.count -= bool(message[1]) and self.count > 0
        elif message[:2] == b"\x00\x00":
            self.say(protocol.step2(self.doc.get_update(wire.read_bytes(message, 2)[0])))
        elif message[0] == protocol.SYNC:
            self._quiet = True
            self.doc.apply_update(wire.read_bytes(message, 2)[0])
            self._quiet = False


class Story:
    """One connection with three addresses on two documents, and a second person who reads along."""

    def __init__(self, seed: int, hub: Hub, store: MemoryStore) -> None:
        self.chance = random.Random(seed)
        self.hub, self.store, self.door = hub, store, Door()
        self.ilze = self.door.gives("good")
        self.door.gives("see", may_edit=False, person=self.ilze)
        self.line = Line(hub, self.door)
        names = ["d", "d\0second", str(UUID(int=seed))]
        self.clients = {name: Stock(self.line, name, 100 + i) for i, name in enumerate(names)}

    async def run(self) -> None:
        for _ in range(STEPS):
            await self.step(self.chance.choice(list(self.clients.values())))
            for _ in range(self.chance.randrange(6)):
                await asyncio.sleep(0)
                self.hear()
        await self.end_well()

    async def step(self, client: Stock) -> None:
        chance = self.chance.random()
        if chance < 0.4:
            client.text.insert(self.chance.randint(0, len(client.text)), self.chance.choice("abcdef"))
        elif chance < 0.55:
            client.open(self.chance.choice(["good", "good", "see", "wrong"]))
        elif chance < 0.6:
            self.line.say(auth(client.name, self.chance.choice(["good", "see"])))
        elif chance < 0.65:
            client.sync()
        elif chance < 0.7:
            client.say(bytes((hocuspocus.CLOSE,)))
        elif chance < 0.8:
            may_view = self.chance.random() < 0.8
            may_edit = may_view and self.chance.random() < 0.6
            await self.hub.rights_changed(self.door.document, self.ilze, may_view, may_edit)
        elif chance < 0.9:
            self.chance.choice([self.store.hold, self.store.let_go])()
        elif chance < 0.95:
            self.chance.choice([self.door.hold, self.door.let_go])()
        else:
            self.line.pipe.stalled = not self.line.pipe.stalled

    def hear(self) -> None:
        while self.line.frames:
            frame = self.line.frames.popleft()
            if len(frame) > 1:
                address, at = wire.read_string(frame, 0)
                self.clients[address].hear(frame[at:])
                self.check(self.clients[address])

    def check(self, client: Stock) -> None:
        """Who believes that everything is saved is right."""
        if client.count == 0 and client.sure:
            document = self.door.document if client.name[0] == "d" else UUID(client.name)
            mine = wire.read_state_vector(client.doc.get_state()).get(client.doc.client_id, 0)
            assert self.durable(document, client.doc.client_id) >= mine

    def durable(self, document: UUID, client: int) -> int:
        """How many of a client's clocks the store has."""
        kept: pycrdt.Doc[Any] = pycrdt.Doc()
        for burst in self.store.sealed[document]:
            kept.apply_update(burst.update)
        for row in self.store.rows[document]:
            kept.apply_update(row.update)
        return wire.read_state_vector(kept.get_state()).get(client, 0)

    async def end_well(self) -> None:
        """Everything works again: everybody gets to the end."""
        self.store.let_go()
        self.door.let_go()
        self.line.pipe.stalled = False
        await self.hub.rights_changed(self.door.document, self.ilze, True, True)
        for client in self.clients.values():
            client.open("good")
        async with asyncio.timeout(60):
            while not all(client.count == 0 for client in self.clients.values()):
                await asyncio.sleep(0.002)
                self.hear()
            assert self.line.pipe.closed is None
            while not await self.all_have_the_same():  # who is not sure may have been told too early
                await asyncio.sleep(0.002)
                self.hear()
        await self.line.end()

    async def all_have_the_same(self) -> bool:
        one, two, other = self.clients.values()
        return str(one.text) == str(two.text) == await self.text_of(self.door.document) and str(
            other.text
        ) == await self.text_of(UUID(other.name))

    async def text_of(self, document: UUID) -> str:
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        doc.apply_update(await self.hub.read(document))
        return str(doc.get("content", type=pycrdt.Text))


@pytest.mark.machine_time
@pytest.mark.parametrize("part", range(4))
async def test_whatever_happens_saved_is_true_and_comes(part: int, caplog: pytest.LogCaptureFixture) -> None:
    for seed in range(part, RUNS, 4):
        store = MemoryStore()
        hub = Hub(store, limits=Limits(handshake=60, parked_for=0.2), tick=0.02)
        await hub.start()
        try:
            await Story(seed, hub, store).run()
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        finally:
            await hub.stop()
        assert hub.metrics.sessions == 0
        assert not caplog.records, f"seed {seed}"
