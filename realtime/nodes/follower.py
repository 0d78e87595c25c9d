"""Brings what other nodes committed into the rooms of this one, whatever the bus did with it.

The bus makes it quick. That it is whole is seen by the store itself: when a message tells of
something that is not here, whenever the bus begins to carry a document's messages, and every few
seconds by one query for all open rooms (more often while the bus is away).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from realtime import crdt
from realtime.background import Background
from realtime.cell import Cell
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.nodes.shared import Foreign, SharedRoom
from realtime.ports import Bus, DocumentStore, Tail
from realtime.replay import SLICE
from realtime.update import walk

logger = logging.getLogger(__name__)

_LOOK = 0.1  # seconds between two looks at whether it is time
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds between two readings of one document
_TRIES = 8  # readings that leave something over, before the room is given up
_TOGETHER = 64 * 1024  # bytes that go to readers as one frame
_LARGE = 64 * 1024  # bytes; walking more takes long enough to be noticed elsewhere


@dataclass(slots=True, eq=False)
class _Followed:
    cell: Cell
    room: SharedRoom
    head: int  # the log position up to which all bursts are here
    reading: bool = False
    again: bool = False


class Follower:
    """Follows all open documents of one node."""

    def __init__(self, store: DocumentStore, bus: Bus, *, limits: Limits, metrics: Metrics) -> None:
        self._store = store
        self._bus = bus
        self._limits = limits
        self._metrics = metrics
        self._followed: dict[UUID, _Followed] = {}
        self._position = 0  # of the log, at the last comparison
        self._background = Background()

    def start(self) -> None:
        """Begin to compare with the store."""
        self._background.spawn(self._keep_comparing())

    async def stop(self) -> None:
        """End all that is under way."""
        await self._background.stop()

    def opened(self, cell: Cell, room: SharedRoom, head: int) -> None:
        """Follow a document, of which all bursts up to a log position are here."""
        document = room.document
        followed = self._followed[document] = _Followed(cell, room, head)
        self._bus.subscribe(
            document, lambda node, data: self._heard(followed, node, data), lambda: self._subscribed(document)
        )
        self.behind(document)  # what was committed since it was read

    def closed(self, document: UUID) -> None:
        """Follow it no more."""
        if self._followed.pop(document, None) is not None:
            self._bus.unsubscribe(document)

    def behind(self, document: UUID) -> None:
        """Something may be missing: read it. Any number of calls during a reading make one more."""
        followed = self._followed.get(document)
        if followed is None:
            return
        if followed.reading:
            followed.again = True
        else:
            followed.reading = True
            self._background.spawn(self._read(document, followed))

    def _subscribed(self, document: UUID) -> None:
        self.behind(document)
        if (followed := self._followed.get(document)) is not None:
            followed.cell.perform(followed.room.roll(ask=True))

    @staticmethod
    def _heard(followed: _Followed, node: UUID, data: bytes) -> None:
        if not followed.cell.retired:
            followed.cell.perform(followed.room.remote(node, data, asyncio.get_running_loop().time()))

    # --- one document

    async def _read(self, document: UUID, followed: _Followed) -> None:
        tries, pause = 0, _FIRST_PAUSE
        try:
            while self._followed.get(document) is followed and not followed.cell.retired:
                followed.again = False
                try:
                    whole = await self._catch_up(document, followed)
                except Exception as error:
                    self._metrics.catch_up_failures += 1
                    logger.warning("document %s can't catch up now: %s", document, type(error).__name__)
                    whole = None
                if whole and not followed.again:
                    return
                tries = tries + 1 if whole is False else 0
                if tries == _TRIES:
                    followed.cell.retire("something committed leans on what is nowhere")
                    return
                pause = _FIRST_PAUSE if whole else min(2 * pause, _LONGEST_PAUSE)
                await asyncio.sleep(pause)
        finally:
            followed.reading = False

    async def _catch_up(self, document: UUID, followed: _Followed) -> bool:
        """Read what is missing; returns whether all of it could be taken in."""
        room = followed.room
        told, held = room.abroad.told(), room.doubts.take()
        whole = False
        try:
            tail = await self._store.since(document, followed.head, room.abroad.here(), but=self._bus.node)
            whole = await self._feed(followed, tail)
        finally:
            if not whole:
                room.doubts.put_back(held)
        if whole:
            followed.head = max(followed.head, tail.head)
            room.abroad.caught_up(told, tail.rows)
            self._metrics.catch_ups += 1
            followed.cell.perform(room.cleared(held, asyncio.get_running_loop().time()))
        return whole

    async def _feed(self, followed: _Followed, tail: Tail) -> bool:
        waiting: list[Foreign] = []
        batch: list[Foreign] = []
        size, breath = 0, time.monotonic() + SLICE
        for person, data in tail.updates:
            update = await asyncio.to_thread(walk, data) if len(data) > _LARGE else walk(data)
            batch.append(Foreign(person, data, update))
            size += len(data)
            if size >= _TOGETHER or time.monotonic() > breath:
                waiting += _taken(followed, batch)
                batch, size = [], 0
                await asyncio.sleep(0)
                breath = time.monotonic() + SLICE
        waiting += _taken(followed, batch)
        return not waiting or not _taken_together(followed, waiting)

    # --- all documents

    async def _keep_comparing(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            every = self._limits.follow_every if self._bus.up else self._limits.follow_without_bus
            if loop.time() - last >= every:
                try:
                    await self._compare()
                except Exception as error:
                    self._metrics.catch_up_failures += 1
                    logger.warning("rooms can't be compared with the store: %s", type(error).__name__)
                last = loop.time()
            await asyncio.sleep(min(_LOOK, every))

    async def _compare(self) -> None:
        """Ask the store, for all open documents at once, whether it has what is not here."""
        if not self._followed:
            return
        ends = await self._store.ends(list(self._followed), self._position, but=self._bus.node)
        for document, followed in list(self._followed.items()):
            behind = ends.bursts.get(document, 0) > followed.head
            rows = ends.rows.get(document)
            if rows and followed.room.abroad.lacks(rows):
                behind = True
            if behind:
                self.behind(document)
        self._position = ends.position


def _taken(followed: _Followed, updates: Sequence[Foreign]) -> list[Foreign]:
    """Take updates in; returns those that must wait for others."""
    if followed.cell.retired:
        return []
    effects, waiting = followed.room.foreign(updates)
    followed.cell.perform(effects)
    return waiting


def _taken_together(followed: _Followed, waiting: Sequence[Foreign]) -> list[Foreign]:
    """What of these can't be taken in even as one (bursts may lean on each other)."""
    data = crdt.merge([each.data for each in waiting])
    return _taken(followed, [Foreign(None, data, walk(data))])
