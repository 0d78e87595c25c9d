"""Turns journal rows into bursts in the log, and keeps snapshots so that loading stays quick.

A document loads in about the time its state takes, however many edits made it: what lies after
its snapshot is bounded by a share of the snapshot (or by LIVE_SNAPSHOT_BYTES and
LIVE_SNAPSHOT_BURSTS, while it is small). The share also bounds what snapshots cost: a document has
to grow by a quarter, or be written to thousands of times, before its whole state is encoded again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from realtime import crdt
from realtime.backoff import Backoff
from realtime.ids import IdSet
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.ports import Burst, DocumentStore, Row
from realtime.replay import replay
from realtime.update import Update, walk

logger = logging.getLogger(__name__)

_MERGE_BETWEEN_BREATHS = 512  # rows: about 2 ms
_SHARE = 4  # bytes after a snapshot: up to a quarter of its size
_BURST = 64 * 1024  # loading a burst costs about what so many bytes of a state cost


@dataclass(slots=True)
class _Tail:
    """What lies after a document's snapshot of `state` bytes; `held`: no new one before so much more."""

    state: int = 0
    size: int = 0
    bursts: int = 0
    held: tuple[int, int] = (0, 0)


class Sealer:
    """Seals documents, open or not, a few at a time.

    `alone`: no other node takes edits, so whoever names rows to be sealed knows all that they lean on.
    """

    def __init__(self, store: DocumentStore, limits: Limits, metrics: Metrics, *, alone: bool = True) -> None:
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._alone = alone
        self._turns = asyncio.Semaphore(2)  # each holds a connection to the store
        self._tails: dict[UUID, _Tail] = {}
        self._failed = Backoff()

    def loaded(self, document: UUID, bursts: Sequence[bytes], state: bytes | None = None) -> None:
        """A document was loaded that has these bursts after its snapshot."""
        self._tails[document] = _Tail(len(state or b""), sum(map(len, bursts)), len(bursts))

    def forget(self, document: UUID) -> None:
        """A document was unloaded."""
        self._tails.pop(document, None)

    async def seal(
        self, document: UUID, through: Mapping[UUID, int] | None = None, *, urgent: bool = False
    ) -> bool:
        """Seal a document's rows: of each person up to a row id, or all (None).

        Returns False if it can't be done now (the store fails, another process is at it, or it failed
        just before: unless it is urgent, it is tried less and less often then).
        """
        loop = asyncio.get_running_loop()
        if not urgent and not self._failed.may_try(document, loop.time()):
            return False
        async with self._turns:
            try:
                bursts = await self._seal(document, through)
                if bursts is None:
                    return False
                self._metrics.sealed_events += len(bursts)
                await self._snapshot_if_due(document, bursts)
            except Exception as error:
                self._metrics.seal_failures += 1
                pause = self._failed.failed(document, loop.time())
                logger.warning(
                    "document %s was not sealed, next try in %.0f s: %s",
                    document,
                    pause,
                    type(error).__name__,
                )
                return False
            self._failed.worked(document)
            return True

    async def _seal(self, document: UUID, through: Mapping[UUID, int] | None) -> Sequence[Burst] | None:
        async with self._store.sealing(document, through if self._alone else None) as rows:
            if rows is None:
                return None
            if self._alone or through is None:
                bursts = await to_bursts(rows)
            else:
                bursts = await to_closed_bursts(rows, through)
            if bursts:
                await self._store.seal(document, bursts)
            return bursts

    async def _snapshot_if_due(self, document: UUID, bursts: Sequence[Burst]) -> None:
        tail = self._tails.setdefault(document, _Tail())
        tail.size += sum(len(burst.update) for burst in bursts)
        tail.bursts += len(bursts)
        held_size, held_bursts = tail.held
        if tail.size - held_size >= max(self._limits.snapshot_bytes, tail.state // _SHARE) or (
            tail.bursts - held_bursts >= max(self._limits.snapshot_bursts, tail.state // _BURST)
        ):
            await self.snapshot(document)

    async def snapshot(self, document: UUID) -> bool:
        """Keep the state that the sealed bursts give; False if they do not stand on their own (yet).

        Raises Malformed or EngineError if something stored can't be read.
        """
        stored = await self._store.load(document)
        state = await compacted(stored.snapshot, stored.bursts)
        if state is None:
            tail = self._tails.setdefault(document, _Tail())
            tail.held = (tail.size, tail.bursts)  # to look again at each seal would cost more each time
            return False
        if stored.bursts:
            await self._store.save_snapshot(
                document, stored.head, state, crdt.vector_of(state), epoch=stored.epoch
            )
            self._metrics.snapshots += 1
        self._tails[document] = _Tail(len(state))
        return True


async def compacted(state: bytes | None, updates: Sequence[bytes]) -> bytes | None:
    """The state that updates give after one; None if they lean on something that is not there."""
    replica, whole = await replay(state, updates)
    return replica.state() if whole else None


async def to_bursts(rows: Sequence[Row]) -> list[Burst]:
    """One burst for each person, each after those it leans on, as far as such an order exists."""
    bursts = await _by_person(rows)
    return [bursts[i] for i in _ordered(_leaning(bursts))]


async def to_closed_bursts(rows: Sequence[Row], through: Mapping[UUID, int]) -> list[Burst]:
    """Bursts of some people's rows up to the given ids, and of everybody's whose rows they lean on.

    Row ids respect causality, so what these rows lean on lies before the last of them.
    """
    last = max(through.values(), default=0)
    bursts = await _by_person([row for row in rows if row.id <= through.get(row.person, last)])
    leaning = _leaning(bursts)
    waiting = [i for i, burst in enumerate(bursts) if burst.person in through]
    taken: set[int] = set()
    while waiting:
        if (i := waiting.pop()) not in taken:
            taken.add(i)
            waiting += leaning[i]
    return [bursts[i] for i in _ordered(leaning) if i in taken]


def _leaning(bursts: Sequence[Burst]) -> list[set[int]]:
    """Which others of these bursts each leans on."""
    if len(bursts) < 2:
        return [set() for _ in bursts]
    updates = [walk(burst.update) for burst in bursts]
    leaning: list[set[int]] = []
    for i, update in enumerate(updates):
        needs = _needs(update)
        leaning.append(
            {
                j
                for j, other in enumerate(updates)
                if i != j and any(needs.missing(span) != [span] for span in other.inserts)
            }
        )
    return leaning


def _needs(update: Update) -> IdSet:
    """The ids that an update leans on."""
    needs = IdSet(update.deletes)
    for _, _, client, clock in update.links:
        needs.add((client, clock, clock + 1))
    for client, start, _ in update.inserts:
        if start:
            needs.add((client, start - 1, start))
    return needs


def _ordered(leaning: Sequence[set[int]]) -> list[int]:
    """Indices, each after those it leans on; where they go in a circle, the first one breaks it."""
    ordered: list[int] = []
    left = list(range(len(leaning)))
    while left:
        free = next((i for i in left if leaning[i].isdisjoint(left)), left[0])
        left.remove(free)
        ordered.append(free)
    return ordered


async def _by_person(rows: Sequence[Row]) -> list[Burst]:
    people: dict[UUID, list[Row]] = {}
    for row in rows:
        people.setdefault(row.person, []).append(row)
    return [await _burst(person, own) for person, own in people.items()]


async def _burst(person: UUID, rows: list[Row]) -> Burst:
    parts: list[bytes] = []
    for i in range(0, len(rows), _MERGE_BETWEEN_BREATHS):
        parts.append(crdt.merge([row.update for row in rows[i : i + _MERGE_BETWEEN_BREATHS]]))
        await asyncio.sleep(0)
    return Burst(
        person=person,
        began=min(row.received_at for row in rows),
        ended=max(row.received_at for row in rows),
        edits=len(rows),
        inserted=sum(row.inserted for row in rows),
        deleted=sum(row.deleted for row in rows),
        update=crdt.merge(parts),
        rows=tuple(row.id for row in rows),
    )
