"""The open documents of one node: opens rooms, seals and closes them as time passes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from realtime.background import Background
from realtime.cell import Cell
from realtime.journal import Journal
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.nodes.follower import Follower
from realtime.nodes.shared import SharedRoom
from realtime.ports import Bus, DocumentStore
from realtime.protocol import Close
from realtime.quarantine import Quarantine
from realtime.room import Room
from realtime.sealer import Sealer
from realtime.update import walk

logger = logging.getLogger(__name__)

_TENDED_AT_ONCE = 10  # rooms, before anything else has its turn
_ORPHANS_EVERY = 30.0  # seconds
_TAKEN_WITHIN = 0.5  # seconds
_COUNTED = 2 * 1024 * 1024  # bytes; what may nest too deeply is looked at, in a smaller state it cannot


class Rooms:
    """Cells by document. Time is looked at every `tick` seconds, by `keep_time`."""

    def __init__(
        self, store: DocumentStore, journal: Journal, bus: Bus | None, *, limits: Limits, metrics: Metrics
    ) -> None:
        self._store = store
        self._journal = journal
        self._bus = bus
        self._limits = limits
        self._metrics = metrics
        self._sealer = Sealer(store, limits, metrics, alone=bus is None)
        self._cells: dict[UUID, Cell] = {}
        self._opening: dict[UUID, asyncio.Task[Cell]] = {}
        self._quarantine = Quarantine(store, metrics)
        self._follower = Follower(store, bus, limits=limits, metrics=metrics) if bus else None
        self._background = Background()

    def start(self, tick: float) -> None:
        """Begin to look at the time every `tick` seconds."""
        self._background.spawn(self._keep_time(tick))
        if self._follower is not None:
            self._follower.start()

    async def stop(self) -> None:
        """Seal everything (the journal has committed what it will), and close all rooms."""
        await self._background.stop()
        if self._follower is not None:
            await self._follower.stop()
        for cell in self._cells.values():
            cell.flush()  # that those who were here have left
        for opening in self._opening.values():
            opening.cancel()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        documents = [document for document, cell in self._cells.items() if cell.room.bursts]
        await asyncio.gather(*(self._sealer.seal(document, urgent=True) for document in documents))
        self._cells.clear()

    def disconnect(self, code: int, reason: str) -> None:
        """End all memberships."""
        for cell in self._cells.values():
            cell.disconnect(code, reason)

    def get(self, document: UUID) -> Cell | None:
        """The document's room if it is open here; it may be retired."""
        return self._cells.get(document)

    async def read(self, document: UUID) -> bytes:
        """Everything committed of a document, as a Yjs update (format v1)."""
        cell = self._cells.get(document)
        if self._bus is None and cell is not None and not cell.retired:  # else others may have added to it
            return cell.room.content.state()
        self._quarantine.check(document)
        return (await self._quarantine.restored(document))[1].state()

    def members(self) -> Iterator[Member]:
        """Everybody in every room."""
        return (member for cell in self._cells.values() for member in cell.room.members)

    async def seal(self, document: UUID) -> bool:
        """Put everything committed of a document into the log; False: not now, another is at it."""
        return await self._sealer.seal(document)

    async def redacted(self, document: UUID) -> None:
        """Text was redacted from what is stored: whoever has the document open loses it too.

        And they come back, since what they deleted of it themselves they could still undo: a client that
        is told to can begin with an empty document.
        """
        self._sealer.forget(document)
        if (opening := self._opening.get(document)) is not None:
            await asyncio.wait([opening])  # it may have been read before
        cell = self._cells.get(document)
        if cell is None or cell.retired:
            return
        _, replica = await self._quarantine.restored(document)
        if self._cells.get(document) is cell:
            cell.perform(cell.room.redacted(replica.deleted()))
            self._background.spawn(_begin_anew(list(cell.room.members)))

    def left(self, cell: Cell) -> None:
        """Somebody left; a retired room ends with the last of them."""
        if cell.retired and not cell.room.members and self._cells.get(cell.room.document) is cell:
            self._background.spawn(self._drop_retired(cell.room.document, cell))

    async def open(self, document: UUID) -> Cell:
        """The document's room; any number of connections share one load. Raises Quarantined."""
        while True:
            cell = self._cells.get(document)
            if cell is not None and not cell.retired:
                return cell
            opening = self._opening.get(document)
            if opening is None:
                self._quarantine.check(document)
                opening = asyncio.create_task(self._load(document))
                self._opening[document] = opening
                opening.add_done_callback(lambda _: self._opening.pop(document, None))
            await asyncio.shield(opening)

    async def _load(self, document: UUID) -> Cell:
        if document in self._cells:  # retired: what it sent to the journal belongs to the document too
            self._quarantine.retired(document)
            await self._journal.settled()
        started = asyncio.get_running_loop().time()
        stored, replica = await self._quarantine.restored(document)
        kind = Room if self._bus is None else SharedRoom
        room = kind(document, replica, dict(stored.clients), limits=self._limits, metrics=self._metrics)
        if room.content.size() > _COUNTED:
            room.nested = await asyncio.to_thread(_nested, room.content.parts())
        if self._bus is None:  # else another node may be at it, or they are sealed as orphans
            for row in stored.rows:  # left behind by a crash
                room.bursts.add(row.person, row.id, row.received_at, len(row.update), ())
                room.bursts.left(row.person)
        cell = Cell(
            room,
            self._journal,
            self._bus,
            limits=self._limits,
            metrics=self._metrics,
            catch_up=self._catch_up,
        )
        cell.empty_since = asyncio.get_running_loop().time()
        self._sealer.loaded(document, stored.bursts, stored.snapshot)
        self._cells[document] = cell
        self._metrics.rooms = len(self._cells)
        self._metrics.loads += 1
        self._metrics.load_seconds += asyncio.get_running_loop().time() - started
        if self._follower is not None and isinstance(room, SharedRoom):
            self._follower.opened(cell, room, stored.head)
        return cell

    async def _drop_retired(self, document: UUID, cell: Cell) -> None:
        await self._journal.settled()
        if self._cells.get(document) is cell and document not in self._opening:
            self._forget(document)

    def _forget(self, document: UUID) -> None:
        del self._cells[document]
        self._sealer.forget(document)
        self._metrics.rooms = len(self._cells)
        if self._follower is not None:
            self._follower.closed(document)

    def _catch_up(self, document: UUID) -> None:
        if self._follower is not None:
            self._follower.behind(document)

    # --- time

    async def _keep_time(self, tick: float) -> None:
        loop = asyncio.get_running_loop()
        orphans_at = loop.time()
        while True:
            now, moment = loop.time(), datetime.now(UTC)
            if now >= orphans_at:
                orphans_at = now + _ORPHANS_EVERY
                self._background.spawn(self._seal_orphans())
            for number, (document, cell) in enumerate(list(self._cells.items())):
                if number % _TENDED_AT_ONCE == 0:
                    await asyncio.sleep(0)
                if not cell.retired and self._cells.get(document) is cell:
                    try:
                        self._tend(document, cell, now, moment)
                    except Exception:  # one room's failure must not stop the others' time
                        logger.exception("document %s failed", document)
                        cell.retire("its room failed")
            await asyncio.sleep(tick)

    def _tend(self, document: UUID, cell: Cell, now: float, moment: datetime) -> None:
        cell.tick(now)
        if cell.sealing:
            return
        idle = cell.empty_since is not None and now - cell.empty_since >= self._limits.unload_after
        if cell.room.bursts:
            taken = cell.room.bursts.take(moment, everything=idle)
            if taken:
                cell.sealing = True
                self._background.spawn(self._seal(document, cell, taken))
        elif idle and cell.room.settled and not cell.room.members:
            self._forget(document)

    async def _seal(self, document: UUID, cell: Cell, taken: dict[UUID, Any]) -> None:
        try:
            through = {person: burst.through for person, burst in taken.items()}
            if not await self._sealer.seal(document, through):
                cell.room.bursts.put_back(taken)
                await asyncio.sleep(1)
        except BaseException:
            cell.room.bursts.put_back(taken)
            raise
        finally:
            cell.sealing = False

    async def _seal_orphans(self) -> None:
        """Seal what a crash left, be the document open here or not: nobody else knows of these rows."""
        before = datetime.now(UTC) - timedelta(seconds=self._limits.orphan_after)
        for document in await self._store.unsealed(before):
            cell = self._cells.get(document)
            if cell is None or not cell.sealing:
                await self._sealer.seal(document)
            if document not in self._cells:
                self._sealer.forget(document)


async def _begin_anew(members: Sequence[Member]) -> None:
    """Let them come back, once they had time to take what was sent to them last."""
    await asyncio.sleep(_TAKEN_WITHIN)
    for member in members:
        member.outlet.close(Close.REDACTED, "text was redacted: begin with an empty document")


def _nested(parts: list[bytes]) -> int:
    """How many items name another one as what they are in."""
    return sum(len(walk(part).parents) for part in parts)
