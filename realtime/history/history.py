"""What a document said at any moment, what changed between two, who wrote it, and the way back.

A moment is a log position, or None for what is committed now, sealed or not. Between two bursts
that were sealed together and lean on each other the log is not whole; a moment there is the last
one before at which it was. So the past never changes and never shows half of a change.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from uuid import UUID

from realtime.history.attribution import NOW, Authored, Authors, Piece, compare
from realtime.history.chronicle import UNSEALED, Chronicle
from realtime.history.restoring import restoration
from realtime.history.states import Bursts, Keeper, PastStates
from realtime.ports import Past

T = TypeVar("T")

ITEMS = 400_000  # items kept of documents asked for lately; about 100 MB
_AT_ONCE = 2  # questions worked on, each in a thread; more would be felt in open rooms
_AUTHORS = 8  # moments of one document whose authors are kept


class Deliveries(Bursts, Protocol):
    """What a history is made of: the part of a DocumentStore that it needs."""

    async def past(self, document: UUID, *, after: int = 0) -> Past:
        """What was delivered to a document after a log position, and is not sealed yet."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """What stood in a document at `before` or `after` (whole positions; None: now), in order.

    `people` tells who stands behind the moments in it; None: nobody known.
    """

    before: int | None
    after: int | None
    content: Sequence[Piece]
    people: dict[int, UUID | None]


@dataclass(frozen=True, slots=True)
class Writers:
    """Who wrote a part of a text of `length` UTF-16 units, at a whole position (None: now)."""

    moment: int | None
    length: int
    ranges: Sequence[Authored]


@dataclass(slots=True)
class _Kept:
    """A document's chronicle, and how far it goes. Under `lock`: it is changed and read in threads."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    chronicle: Chronicle = field(default_factory=Chronicle)
    head: int = 0
    aside: frozenset[int] = frozenset()
    rows: set[int] = field(default_factory=set)
    unsealed: dict[UUID, int] = field(default_factory=dict)  # the moment that stands for a person's rows
    authors: OrderedDict[tuple[int, str], Authors] = field(default_factory=OrderedDict)


class History:
    """The pasts of documents, out of a store. The chronicles of those asked for last are kept.

    A chronicle begins at the first burst: who wrote what is told from the start. Content alone does not
    need one; `keeper` keeps states from which it is replayed.

    All methods raise Malformed or EngineError if something stored can't be read.
    """

    def __init__(self, store: Deliveries, keeper: Keeper | None = None, *, items: int = ITEMS) -> None:
        self._store = store
        self._states = PastStates(store, keeper)
        self._items = items
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def moment(self, document: UUID, position: int) -> int:
        """The last position up to this one at which the log was whole for the document; 0: nothing yet."""
        return (await self._states.at(document, position)).moment

    async def state(self, document: UUID, position: int) -> bytes:
        """The content at a moment, as a Yjs update (format v1)."""
        return (await self._states.at(document, position)).update

    async def difference(
        self, document: UUID, format: str, before: int | None, after: int | None
    ) -> Difference:
        """What changed from one moment to a later one; with both the same, that content with its authors."""

        def ask(kept: _Kept) -> Difference:
            start, end = _moment(kept, before), _moment(kept, after)
            content = compare(kept.chronicle, start, end, format)
            return Difference(_position(start), _position(end), content, dict(kept.chronicle.people))

        return await self._ask(document, ask)

    async def authors(
        self, document: UUID, format: str, position: int | None, start: int, end: int | None
    ) -> Writers:
        """Who wrote the units [start, end) of the readable text at a moment; `end` None: to its end."""

        def ask(kept: _Kept) -> Writers:
            moment = _moment(kept, position)
            authors = _authors(kept, moment, format)
            until = authors.length if end is None else end
            return Writers(_position(moment), authors.length, authors.of(start, until))

        return await self._ask(document, ask)

    async def restoration(self, document: UUID, position: int, client: int) -> bytes | None:
        """The update that brings a moment's content back, under a client id that is new in the document.

        EMPTY if nothing differs; None if the client id is known: that update was committed before.
        """

        def ask(kept: _Kept) -> bytes | None:
            if kept.chronicle.clock(client):
                return None
            return restoration(kept.chronicle, _moment(kept, position), client)

        return await self._ask(document, ask)

    def forget(self, document: UUID) -> None:
        """What is kept of a document is not what is stored any more: text was redacted from it."""
        self._kept.pop(document, None)

    # --- chronicles

    async def _ask(self, document: UUID, question: Callable[[_Kept], T]) -> T:
        while True:
            kept = self._kept.setdefault(document, _Kept())
            self._kept.move_to_end(document)
            async with kept.lock:
                if self._kept.get(document) is kept:  # else it was given up meanwhile
                    return await self._answer(document, kept, question)

    async def _answer(self, document: UUID, kept: _Kept, question: Callable[[_Kept], T]) -> T:
        try:
            async with self._turns:
                await self._refresh(document, kept)
                return await asyncio.to_thread(question, kept)
        except BaseException:
            self._kept.pop(document, None)  # it may be half fed, or in a thread's hands still
            raise
        finally:
            self._make_room()

    async def _refresh(self, document: UUID, kept: _Kept) -> None:
        past = await self._store.past(document, after=kept.head)
        if past.aside != kept.aside:
            _forget(kept)
            kept.aside = past.aside
            past = await self._store.past(document)
        if past.bursts or any(row.id not in kept.rows for row in past.rows):
            await asyncio.to_thread(_feed, kept, past)

    def _make_room(self) -> None:
        total = sum(kept.chronicle.size for kept in self._kept.values())
        while total > self._items and len(self._kept) > 1:
            _, kept = self._kept.popitem(last=False)
            total -= kept.chronicle.size


def _feed(kept: _Kept, past: Past) -> None:
    for burst in past.bursts:
        kept.chronicle.feed(burst.position, burst.person, burst.update)
        kept.head = burst.position
    for row in past.rows:
        if row.id not in kept.rows:
            moment = kept.unsealed.setdefault(row.person, UNSEALED + len(kept.unsealed))
            kept.chronicle.feed(moment, row.person, row.update)
    kept.rows = {row.id for row in past.rows}
    for key in [key for key in kept.authors if key[0] == NOW]:
        del kept.authors[key]


def _forget(kept: _Kept) -> None:
    kept.chronicle, kept.head = Chronicle(), 0
    for collection in (kept.rows, kept.unsealed, kept.authors):
        collection.clear()


def _moment(kept: _Kept, position: int | None) -> int:
    if position is None:
        return NOW
    moments = kept.chronicle.moments
    at = bisect_right(moments, position)
    return moments[at - 1] if at else 0


def _position(moment: int) -> int | None:
    return None if moment == NOW else moment


def _authors(kept: _Kept, moment: int, format: str) -> Authors:
    authors = kept.authors.get((moment, format))
    if authors is None:
        authors = kept.authors[moment, format] = Authors(kept.chronicle, moment, format)
        if len(kept.authors) > _AUTHORS:
            kept.authors.popitem(last=False)
    return authors
