"""Rooms of one node with a store that can fail, and people in them who have no sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pycrdt

from realtime import crdt
from realtime.cell import Cell
from realtime.journal import Journal
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.ports import Entry, Stored
from realtime.protocol import Edit
from realtime.rooms import Rooms
from realtime.update import walk
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import admission
from tests.realtime.test_cell import Heard


class Store(MemoryStore):
    """Fails to load, or takes its time for it, when told to."""

    broken: Exception | None = None
    slow = 0.0

    async def load(self, document: UUID, *, snapshot: bool = True) -> Stored:
        stored = await super().load(document, snapshot=snapshot)
        await asyncio.sleep(self.slow)
        if self.broken is not None:
            raise self.broken
        return stored

    async def left_behind(self, document: UUID, words: str, *, ago: float = 0.0) -> UUID:
        """Rows of somebody whose node crashed."""
        person, at = uuid4(), datetime.now(UTC) - timedelta(seconds=ago)
        data = written(words).data
        await self.append(uuid4(), 1, [Entry(document, person, uuid4(), at, data, len(words), 0)])
        return person

    def text(self, document: UUID) -> str:
        """What is in the log."""
        return crdt.text_of(crdt.merge([b.update for b in self.sealed[document]] or [b"\0\0"]), "text")


class Node:
    """Rooms with a journal, and no connections. All that is committed is sealed at the next tick."""

    def __init__(self, store: Store, **limits: Any) -> None:
        self.store, self.metrics = store, Metrics()
        self.journal = Journal(store, self.metrics)
        chosen = Limits(**{"seal_idle": 0.0, "unload_after": 3.0, "orphan_after": 60.0, **limits})
        self.rooms = Rooms(store, self.journal, None, limits=chosen, metrics=self.metrics)

    async def enters(self, document: UUID) -> tuple[Cell, Member, list[Any]]:
        """Somebody comes in; what they hear."""
        cell, member, heard = await self.rooms.open(document), Member.of(admission(document)), Heard()
        member.outlet = heard
        cell.enter(member, now())
        return cell, member, heard.said

    def leaves(self, cell: Cell, member: Member) -> None:
        cell.leave(member, now())
        self.rooms.left(cell)


@asynccontextmanager
async def node(store: Store | None = None, **limits: Any) -> AsyncIterator[Node]:
    made = Node(store or Store(), **limits)
    made.journal.start()
    made.rooms.start(0.5)
    try:
        yield made
    finally:
        made.store.let_go()
        await made.journal.stop(10)
        await made.rooms.stop()


def now() -> float:
    return asyncio.get_running_loop().time()


def written(words: str) -> Edit:
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    doc.get("content", type=pycrdt.Text).insert(0, words)
    return Edit(doc.get_update(), walk(doc.get_update()), step2=False)


def write(cell: Cell, member: Member, words: str) -> None:
    cell.receive(member, written(words), now(), datetime.now(UTC))


async def shown(rooms: Rooms, document: UUID) -> str:
    return crdt.text_of(await rooms.read(document), "text")
