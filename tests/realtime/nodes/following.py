"""A node that follows what another one commits: both in this process, the other one by its traces alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pycrdt

from realtime import crdt
from realtime.cell import Cell
from realtime.journal import Journal
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.nodes.follower import Follower
from realtime.nodes.shared import SharedRoom
from realtime.ports import Burst, Ends, Entry, Tail
from realtime.replay import committed_replica
from tests.realtime.simulation import Ether, EtherBus, Ledger

THERE = uuid4()  # another node


class Store(Ledger):
    """Counts the readings of documents, and fails or takes its time when told to."""

    broken = False
    slow = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.readings: list[int] = []  # after which burst
        self.comparisons = 0
        self._sequence = 0

    async def since(self, document: UUID, head: int, rows: Mapping[UUID, int], *, but: UUID) -> Tail:
        self.readings.append(head)
        await asyncio.sleep(self.slow)
        if self.broken:
            raise OSError("postgresql://somebody:secret@database")
        return await super().since(document, head, rows, but=but)

    async def ends(self, documents: Collection[UUID], after: int, *, but: UUID) -> Ends:
        self.comparisons += 1
        if self.broken:
            raise OSError
        return await super().ends(documents, after, but=but)

    async def commits(self, document: UUID, *updates: bytes, person: UUID | None = None) -> None:
        """Another node commits rows."""
        for update in updates:
            entry = Entry(document, person or uuid4(), uuid4(), datetime.now(UTC), update, 1, 0)
            await self.append(THERE, self._sequence, [entry])
            self._sequence += 1

    def log(self, document: UUID, *updates: bytes) -> None:
        """Another node seals bursts."""
        at = datetime.now(UTC)
        self.sealed[document] += [Burst(uuid4(), at, at, 1, 1, 0, update, ()) for update in updates]


class Node:
    """Open documents of one node that nobody writes here."""

    def __init__(self) -> None:
        self.store, self.metrics = Store(), Metrics()
        self.ether = Ether(self.store)
        self.bus = EtherBus(self.ether)
        self.limits = Limits()
        self.follower = Follower(self.store, self.bus, limits=self.limits, metrics=self.metrics)

    async def open(self, document: UUID, *, lost: Sequence[bytes] = ()) -> Cell:
        """Open a document; meanwhile another node commits what it tells nobody."""
        stored = await self.store.load(document)
        replica = await committed_replica(stored)
        room = SharedRoom(document, replica, {}, limits=self.limits, metrics=self.metrics)
        cell = Cell(
            room,
            Journal(self.store, self.metrics, self.bus.node),
            self.bus,
            limits=self.limits,
            metrics=self.metrics,
            catch_up=self.follower.behind,
        )
        await self.store.commits(document, *lost)
        self.follower.opened(cell, room, stored.head)
        return cell


@asynccontextmanager
async def node() -> AsyncIterator[Node]:
    made = Node()
    made.follower.start()
    try:
        yield made
    finally:
        await made.follower.stop()


def text(cell: Cell) -> str:
    return crdt.text_of(cell.room.content.state(), "text")


class Typist:
    """Writes at the end of a document of their own."""

    def __init__(self) -> None:
        self.doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()

    def types(self, words: str) -> bytes:
        """What is new by it."""
        before, shared = self.doc.get_state(), self.doc.get("content", type=pycrdt.Text)
        shared += words
        return self.doc.get_update(before)


def typed(*words: str) -> list[bytes]:
    """One after the other, by one person; each leans on those before it."""
    typist = Typist()
    return [typist.types(each) for each in words]
