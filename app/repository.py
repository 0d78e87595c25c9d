"""Aggregates out of the log and their events into it. Every load is as new as the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from copy import copy
from typing import Generic, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import Aggregate, AggregateEvent

from app.shared_reads import SharedReads
from domain.asset import Asset
from domain.catalogue import EVENTS
from domain.document import Document
from domain.errors import NotFound
from domain.ports import Appended, Context, EventFilter, EventLog, NewEvent, RecordedEvent
from domain.registry import Registry

A = TypeVar("A", bound=Aggregate)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Repository:
    """Loads and saves aggregates.

    An aggregate once loaded is kept, up to `cache_size` of them, so that the next load reads only
    what is newer. Facts that can't change (how a stream began, its node, the process of a tag) are
    kept beside, sixteen times as many, and need no further look at the log.
    """

    def __init__(self, log: EventLog, registry: Registry = EVENTS, *, cache_size: int = 1000) -> None:
        self._log = log
        self._registry = registry
        self._newest: _Cache[UUID, Aggregate] = _Cache(cache_size)
        self._created: _Cache[UUID, Aggregate] = _Cache(16 * cache_size)
        self._processes: _Cache[str, UUID] = _Cache(16 * cache_size)
        self._nodes: _Cache[UUID, UUID] = _Cache(16 * cache_size)
        self._reads = SharedReads()

    async def load(self, cls: type[A], id: UUID) -> A:
        """A private copy of the aggregate at its newest version; raises NotFound.

        Not for documents, whose streams hold every burst of editing: see `created`.
        """
        return copied(_expect(cls, await self._reads.read(id, lambda: self._read_newest(id))))

    async def _read_newest(self, id: UUID) -> Aggregate | None:
        known = self._newest.get(id)
        recorded = await self._log.read_stream(id, after=known.version if known else 0)
        if recorded:
            known = self._replay(recorded, known)
            self._keep(known)
        return known

    async def created(self, cls: type[A], id: UUID) -> A:
        """A private copy of the aggregate as its first event made it; raises NotFound."""
        known = self._created.get(id) or await self._reads.read((id, "first"), lambda: self._read_first(id))
        return copied(_expect(cls, known))

    async def _read_first(self, id: UUID) -> Aggregate | None:
        recorded = await self._log.read_stream(id, limit=1)
        if not recorded:
            return None
        known = self._replay(recorded)
        self._created.put(id, known)
        return known

    async def save(self, context: Context, *aggregates: Aggregate, process: UUID) -> Appended:
        """Store the pending events of all the aggregates, in this order, together or not at all.

        Nothing pending: the answer is that of the command's first run, or the head of the log.
        Raises VersionConflict and Unavailable, as `EventLog.append` does.
        """
        events: list[NewEvent] = []
        for aggregate in aggregates:
            for event in aggregate.collect_events():
                events.append(self._registry.encode(cast(AggregateEvent, event), process=process))
        if events:
            return await self._log.append(events, context)
        first = await self._log.result_of(context.command_id)
        if first is not None:
            return first
        head = await self._log.head()
        return Appended(head + 1, head)

    async def process_of(self, tag: str) -> UUID:
        """The process in which a thing with this tag came to be; raises NotFound.

        Tags are `node:<id>` and `permission:<id>`. A thing never changes its process, and every event
        that carries its tag belongs to that process, so any event with the tag gives the answer.
        """
        process = self._processes.get(tag)
        if process is None:
            found = await self._log.read(where=EventFilter(tags=(tag,)), limit=1)
            process = found[0].process if found else None
            if process is None:
                raise NotFound(f"nothing is known by {tag}")
            self._processes.put(tag, process)
        return process

    def known_node(self, id: UUID) -> UUID | None:
        """What `node_of` answers, if that needs no look at the log; else None."""
        return self._nodes.get(id)

    async def node_of(self, cls: type[Asset | Document], id: UUID) -> UUID:
        """The node that an asset or a document is at, for good; raises NotFound."""
        node = self._nodes.get(id)
        if node is None:
            asset = (await self.created(Document, id)).asset if cls is Document else id
            node = (await self.created(Asset, asset)).node
            self._nodes.put(id, node)
        return node

    def _replay(self, recorded: Sequence[RecordedEvent], start: Aggregate | None = None) -> Aggregate:
        """`start` (left as it is) brought forward by the events of its stream."""
        aggregate = None if start is None else copied(start)
        for event in recorded:
            aggregate = self._registry.decode(event).mutate(aggregate)
        assert aggregate is not None, "a stream never begins with an event that leaves nothing"
        return aggregate

    def _keep(self, aggregate: Aggregate) -> None:
        other = self._newest.get(aggregate.id)
        if other is None or other.version < aggregate.version:
            self._newest.put(aggregate.id, aggregate)


def copied(aggregate: A) -> A:
    """A copy that can be changed without the original noticing.

    Copies the aggregate and its collections, not what is in them: aggregates hold only immutable
    values in their collections (`Node`, `Grant`). A deep copy of 1,000 nodes would cost a hundred
    times as much.
    """
    twin = copy(aggregate)
    state = vars(twin)
    state.update(
        {name: value.copy() for name, value in state.items() if isinstance(value, dict | list | set)}
    )
    return twin


class _Cache(Generic[K, V]):
    """At most `size` values, the least recently used going first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key: K, value: V) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)


def _expect(cls: type[A], aggregate: Aggregate | None) -> A:
    if not isinstance(aggregate, cls):
        raise NotFound(f"no such {cls.__name__.lower()}")
    return aggregate
