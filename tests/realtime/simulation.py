"""Nodes, clients, a store and a bus in one process, on virtual time: everything may fail, in any order.

What is checked all along: what a client or another node is sent was committed before. At the end, what
all clients ever wrote stands in every replica, in the store, and in what the log's bursts give.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import pycrdt

from realtime import crdt, protocol, wire
from realtime.crdt import Replica
from realtime.hub import Hub
from realtime.ids import IdSet
from realtime.limits import Limits
from realtime.ports import Burst, Ends, Entry, Moved, Row, Tail
from realtime.replay import committed_replica, replay
from realtime.update import Update, walk
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import Peer, admission

LIMITS = Limits(
    seal_idle=0.0,  # the wall clock hardly moves: what is open is sealed at each tick
    unload_after=3.0,
    orphan_after=-60.0,
    snapshot_bursts=3,
    outbound=2_000,
    close_timeout=0.5,
    parked_updates=4,
)


class Ledger(MemoryStore):
    """A store with a lock for sealing, that knows every id ever committed and every row ever made."""

    def __init__(self) -> None:
        super().__init__()
        self.inserted = IdSet()
        self.deleted = IdSet()
        self.all_rows: dict[int, Row] = {}
        self.origins: dict[int, UUID] = {}
        self._locked = False

    async def append(self, origin: UUID, sequence: int, entries: Sequence[Entry]) -> Sequence[int | None]:
        try:
            return await super().append(origin, sequence, entries)
        finally:
            for rows in self.rows.values():
                for row in rows:
                    if row.id not in self.all_rows:
                        self.all_rows[row.id] = row
                        self.origins[row.id] = origin
                        _note(walk(row.update), self.inserted, self.deleted)

    @asynccontextmanager
    async def sealing(
        self, document: UUID, through: Mapping[UUID, int] | None
    ) -> AsyncIterator[Sequence[Row] | None]:
        if self._locked:
            yield None
            return
        self._locked = True
        try:
            async with super().sealing(document, through) as rows:
                await asyncio.sleep(0)
                yield rows
        finally:
            self._locked = False

    async def seal(self, document: UUID, bursts: Sequence[Burst]) -> None:
        await asyncio.sleep(0)
        for burst in bursts:
            present = {row.id for row in self.rows[document]}
            if not present.issuperset(burst.rows):
                raise Moved
            await super().seal(document, [burst])

    async def since(self, document: UUID, head: int, rows: Mapping[UUID, int], *, but: UUID) -> Tail:
        await asyncio.sleep(0)
        fresh = [
            row
            for row in self.rows[document]
            if self.origins[row.id] != but and row.id > rows.get(self.origins[row.id], 0)
        ]
        await asyncio.sleep(0)  # the log is read after the journal
        bursts = self.sealed[document][head:]
        updates = [*((burst.person, burst.update) for burst in bursts)]
        updates += [(row.person, row.update) for row in fresh]
        return Tail(updates, head + len(bursts), {self.origins[row.id]: row.id for row in fresh})

    async def ends(self, documents: Collection[UUID], after: int, *, but: UUID) -> Ends:
        rows: dict[UUID, dict[UUID, int]] = {}
        for document in documents:
            others = [row.id for row in self.rows[document] if self.origins[row.id] != but]
            rows[document] = {self.origins[row]: row for row in others}
        await asyncio.sleep(0)
        return Ends(after, {document: len(self.sealed[document]) for document in documents}, rows)

    def committed(self, update: Update) -> bool:
        """Whether everything in an update was committed."""
        if any(self.inserted.missing(span) for span in update.inserts):
            return False
        if any(self.deleted.missing(span) for span in update.deletes):
            # what is in a deleted thing is deleted with it, also if its deleter did not know of it
            replica = Replica()
            replica.apply(crdt.merge([row.update for row in self.all_rows.values()]))
            self.deleted = IdSet(replica.deleted())
        return not any(self.deleted.missing(span) for span in update.deletes)


def _note(update: Update, inserted: IdSet, deleted: IdSet) -> None:
    for span in update.inserts:
        inserted.add(span)
    for span in update.deletes:
        deleted.add(span)


class Ether:
    """Joins the nodes' buses. `mode`: deliver, drop, double or hold (until `release`, which shuffles)."""

    def __init__(self, store: Ledger) -> None:
        self.mode = "deliver"
        self.buses: list[EtherBus] = []
        self._store = store
        self._held: list[tuple[EtherBus, UUID, UUID, bytes]] = []

    def carry(self, sender: EtherBus, document: UUID, data: bytes) -> None:
        for bus in self.buses:
            if bus is not sender:
                item = (bus, sender.node, document, data)
                if self.mode == "hold":
                    self._held.append(item)
                elif self.mode != "drop":
                    for _ in range(2 if self.mode == "double" else 1):
                        asyncio.get_running_loop().call_soon(bus.hear, *item[1:])

    def release(self, chance: random.Random) -> None:
        held, self._held = self._held, []
        chance.shuffle(held)
        for bus, *item in held:
            asyncio.get_running_loop().call_soon(bus.hear, *item)


class EtherBus:
    """Implements Bus."""

    def __init__(self, ether: Ether) -> None:
        self.node = uuid4()
        self.up = True
        self._ether = ether
        self._heard: dict[UUID, tuple[Callable[[UUID, bytes], None], Callable[[], None]]] = {}
        ether.buses.append(self)

    def publish(self, document: UUID, data: bytes) -> None:
        self._ether.carry(self, document, data)

    def subscribe(
        self, document: UUID, heard: Callable[[UUID, bytes], None], subscribed: Callable[[], None]
    ) -> None:
        self._heard[document] = (heard, subscribed)
        asyncio.get_running_loop().call_soon(subscribed)

    def unsubscribe(self, document: UUID) -> None:
        self._heard.pop(document, None)

    def hear(self, node: UUID, document: UUID, data: bytes) -> None:
        if document in self._heard:
            self._heard[document][0](node, data)

    def subscribed_again(self) -> None:
        """As after the bus was away."""
        for _, subscribed in list(self._heard.values()):
            subscribed()


class Client:
    """One person's browser tab: its document outlives its connections."""

    def __init__(self, world: World, person: UUID, number: int) -> None:
        self.person = person
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=number)
        self.peer: Peer | None = None
        self.hub: Hub | None = None  # that it is connected to
        self._world = world
        self.doc.get("content", type=pycrdt.Text)
        self.doc.get("xml", type=pycrdt.XmlFragment)
        self._subscription = self.doc.observe(lambda event: world.written.append(event.update))

    def connect(self, node: int) -> None:
        self.disconnect()
        self.hub = self._world.nodes[node]
        peer = Peer(self.hub, admission(self._world.document, self.person), doc=self.doc)
        arrived = peer.pipe.arrived

        def watched(frame: bytes) -> None:
            self._world.saw(frame)
            arrived(frame)

        peer.pipe.arrived = watched
        self.peer = peer
        self._world.serving.add(peer.task)

    def disconnect(self) -> None:
        """Gone without a word; what the server had read stays read."""
        if self.peer is not None:
            self.peer.pipe.stalled = False
            self.peer.pipe.inbound.put_nowait(None)
            self.peer.pipe.arrived = lambda _: None
            self.doc.unobserve(self.peer._subscription)
            self.peer = None

    def edit(self, kind: int, at: int) -> None:
        """One change, of one of the kinds that editors make."""
        text = self.doc.get("content", type=pycrdt.Text)
        children = self.doc.get("xml", type=pycrdt.XmlFragment).children
        length = len(text)
        if kind == 0 or (kind < 3 and not length):
            text.insert(at % (length + 1), "word ")
        elif kind == 1:
            del text[at % length : min(at % length + 3, length)]
        elif kind == 2:
            text.format(at % length, length, {"bold": True if at % 2 else None})
        elif kind == 3 or not len(children):
            children.insert(
                at % (len(children) + 1), pycrdt.XmlElement("paragraph", {"n": "1"}, [pycrdt.XmlText("para")])
            )
        elif kind == 4:
            inner = children[at % len(children)].children[0]
            inner.insert(at % (len(inner) + 1), "x", {"italic": True})
        elif kind == 5:
            inner = children[at % len(children)].children[0]
            inner.format(0, len(inner), {"strong": {"level": at}})
        else:
            del children[at % len(children)]


class World:
    """`nodes` hubs over one store, and clients on them."""

    def __init__(self, nodes: int, clients: int) -> None:
        self.document = uuid4()
        self.store = Ledger()
        self.ether = Ether(self.store)
        self.written: list[bytes] = []
        self.violations: list[str] = []
        self.serving: set[asyncio.Task[None]] = set()
        self._alone = nodes == 1
        self.buses: list[EtherBus | None] = [None] * nodes
        self.nodes = [self._hub(i) for i in range(nodes)]
        people = [uuid4() for _ in range(max(1, clients - 1))]  # the first has two tabs
        self.clients = [Client(self, people[i % len(people)], i + 1) for i in range(clients)]

    async def start(self) -> None:
        for hub in self.nodes:
            await hub.start()
        for i, client in enumerate(self.clients):
            client.connect(i % len(self.nodes))

    def _hub(self, number: int) -> Hub:
        if (old := self.buses[number]) is not None:
            self.ether.buses.remove(old)
        bus = self.buses[number] = None if self._alone else EtherBus(self.ether)
        return Hub(self.store, limits=LIMITS, bus=bus, tick=0.5)

    def saw(self, frame: bytes) -> None:
        """Somebody was sent a frame: is all of it committed?"""
        if frame[0] == protocol.SYNC and frame[1] in (protocol.STEP2, protocol.UPDATE):
            body = wire.read_bytes(frame, 2)[0]
            if not self.store.committed(walk(body)):
                self.violations.append("shown before it was committed")

    async def crash(self, number: int) -> None:
        """A node dies, and another starts in its place; nobody says goodbye."""
        hub = self.nodes[number]
        for client in self.clients:
            if client.hub is hub:
                client.disconnect()
        await _kill(hub)
        self.nodes[number] = self._hub(number)
        await self.nodes[number].start()

    async def restart(self, number: int) -> None:
        """A node stops in good order, and starts again."""
        await self.nodes[number].stop()
        self.nodes[number] = self._hub(number)
        await self.nodes[number].start()

    # --- the end

    async def settle(self) -> None:
        """Everything works again; everybody comes back, and after a while everybody has everything."""
        self.store.failing = False
        self.store.lose_answers = 0
        self.store.let_go()
        self.ether.mode = "deliver"
        self.ether.release(random.Random(1))
        for bus in self.ether.buses:
            bus.subscribed_again()
        expected = self.expected()
        async with asyncio.timeout(600):
            while not self._all_have(expected):
                for i, client in enumerate(self.clients):
                    if client.peer is None or client.peer.task.done():
                        client.connect(i % len(self.nodes))
                    client.peer.pipe.stalled = False  # type: ignore[union-attr]
                await asyncio.sleep(1)

    def expected(self) -> Replica:
        """One document that applied everything that anybody ever wrote."""
        replica = Replica()
        replica.apply(crdt.merge(self.written))
        return replica

    def _all_have(self, expected: Replica) -> bool:
        return all(_same(_of(client.doc), expected) for client in self.clients)

    async def check(self) -> None:
        """Compare what is stored with what was written; stops the nodes."""
        expected = self.expected()
        for hub in self.nodes:
            cell = hub._rooms.get(self.document)
            if cell is not None and not cell.retired:
                assert _same(_of_state(cell.room.content.state()), expected), "a node's replica"
        stored = await self.store.load(self.document)
        assert _same(await committed_replica(stored), expected), "what is stored"
        for client in self.clients:
            client.disconnect()
        for hub in self.nodes:
            await hub.stop()
        assert not self.store.rows[self.document], "stopping seals everything"
        sealed = self.store.sealed[self.document]
        rows = [row for burst in sealed for row in burst.rows]
        assert sorted(rows) == sorted(self.store.all_rows), "each row is sealed, and once"
        replica, whole = await replay(None, [burst.update for burst in sealed])
        assert whole
        assert _same(replica, expected), "the log alone"
        owners = {number: client.person for number, client in enumerate(self.clients, 1)}
        for burst in sealed:
            assert {owners[c] for c in walk(burst.update).clients} <= {burst.person}, "whose burst it is"
            assert {self.store.all_rows[row].person for row in burst.rows} == {burst.person}
            assert burst.inserted == sum(self.store.all_rows[row].inserted for row in burst.rows)
        assert not self.violations
        through, state = self.store.snapshots.get(self.document, (0, None))
        if state is not None:
            built, _ = await replay(None, [burst.update for burst in sealed[:through]])
            assert _same(_of_state(state), built), "the snapshot"


async def _kill(hub: Hub) -> None:
    tasks = [hub._journal._task, *hub._rooms._background._tasks, *hub._rooms._opening.values()]
    for task in tasks:
        if task is not None:
            task.cancel()
    with suppress(Exception):
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)


def _of(doc: pycrdt.Doc[Any]) -> Replica:
    return _of_state(doc.get_update())


def _of_state(state: bytes) -> Replica:
    replica = Replica()
    replica.apply(state)
    return replica


def _same(one: Replica, other: Replica) -> bool:
    """The same ids, the same of them deleted, and the same content."""
    if one.clocks() != other.clocks() or _deleted(one) != _deleted(other):
        return False
    return _content(one) == _content(other)


def _deleted(replica: Replica) -> list[wire.Range]:
    return list(IdSet(replica.deleted()).runs())


def _content(replica: Replica) -> tuple[Any, str]:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(replica.state())
    text, xml = doc.get("content", type=pycrdt.Text), doc.get("xml", type=pycrdt.XmlFragment)
    return text.diff(), str(xml)
