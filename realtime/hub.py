"""All live documents of one node: lets connections in, opens rooms, closes idle ones, keeps time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Collection, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from realtime.cell import Cell
from realtime.journal import Journal
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.ports import Admission, Bus, DocumentStore, Socket
from realtime.protocol import Close
from realtime.replay import committed_replica
from realtime.room import Room
from realtime.sealer import Sealer
from realtime.session import Session

logger = logging.getLogger(__name__)

_ORPHANS_EVERY = 30.0  # seconds
_STOP = 10.0  # seconds that stopping may take for each of its steps


class Refused(Exception):
    """A connection can't be let in."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Hub:
    """The live documents of one node. `metrics` is read by the exporter; time is looked at every `tick` s."""

    def __init__(
        self,
        store: DocumentStore,
        *,
        limits: Limits = Limits(),  # noqa: B008  it is frozen
        bus: Bus | None = None,
        tick: float = 0.5,
    ) -> None:
        self.metrics = Metrics()
        self._store = store
        self._limits = limits
        self._bus = bus
        self._tick = tick
        self._journal = Journal(store, self.metrics)
        self._sealer = Sealer(store, limits, self.metrics)
        self._opening: dict[UUID, asyncio.Task[Cell]] = {}
        self._cells: dict[UUID, Cell] = {}
        self._sessions: set[Session] = set()
        self._nobody = asyncio.Event()  # set while there is no session
        self._changed: dict[tuple[UUID, UUID], tuple[bool, bool]] = {}  # rights, since these came
        self._people: Counter[tuple[UUID, UUID]] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Begin to work; seals what a crash left behind in the background."""
        self._journal.start()
        self._spawn(self._keep_time())

    async def stop(self) -> None:
        """Close all connections (they come back elsewhere), commit what is queued, seal everything."""
        self._stopping = True
        for session in list(self._sessions):
            session.close(Close.SHUTTING_DOWN, "shutting down")
        if self._sessions:
            await self._until(self._nobody.wait(), "connections did not end")
        if not await self._journal.stop(_STOP):
            logger.error(
                "stopped with %d updates that the store would not take", self.metrics.journal_entries
            )
        for task in [*self._tasks, *self._opening.values()]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._opening.values(), return_exceptions=True)
        documents = [document for document, cell in self._cells.items() if cell.room.bursts]
        sealing = asyncio.gather(*(self._sealer.seal(document) for document in documents))
        await self._until(sealing, "not everything was sealed; it will be at the next start")
        self._cells.clear()
        await self._store.close()

    async def serve(self, socket: Socket, admission: Admission) -> None:
        """Run one y-websocket connection to its end."""
        key = (admission.document, admission.person)
        self._people[key] += 1
        try:
            cell = await self._enter(admission)
        except Refused as refused:
            self.metrics.refused[refused.code] += 1
            self._count_out(key)
            await socket.close(refused.code, str(refused))
            return
        except BaseException:
            self._count_out(key)
            raise
        member = Member.of(admission)
        if key in self._changed:
            member.may_edit = self._changed[key][1] and not member.read_only
        session = Session(socket, member, cell, limits=self._limits, metrics=self.metrics)
        member.session = session
        self._sessions.add(session)
        self._nobody.clear()
        self.metrics.sessions += 1
        loop = asyncio.get_running_loop()
        try:
            cell.enter(member, loop.time())
            await session.run(cell.receive)
        finally:
            self._sessions.discard(session)
            if not self._sessions:
                self._nobody.set()
            self.metrics.sessions -= 1
            self._count_out(key)
            cell.leave(member, loop.time())
            if cell.retired and not cell.room.members and self._cells.get(admission.document) is cell:
                self._spawn(self._drop_retired(admission.document, cell))

    async def read(self, document: UUID) -> bytes:
        """Everything committed of a document, as a Yjs update (format v1)."""
        cell = self._cells.get(document)
        if cell is not None and not cell.retired:
            return cell.room.content.state()
        return (await committed_replica(await self._store.load(document))).state()

    # --- rights

    def open(self) -> Collection[tuple[UUID, UUID]]:
        """The (document, person) pairs that are connected."""
        return list(self._people)

    async def rights_changed(self, document: UUID, person: UUID, may_view: bool, may_edit: bool) -> None:
        """Let a person's connections to a document follow their rights."""
        if (document, person) in self._people:
            self._changed[document, person] = (may_view, may_edit)  # somebody may be on the way in
        cell = self._cells.get(document)
        if cell is None:
            return
        if may_view:
            cell.set_rights(person, may_edit)
            return
        for member in cell.room.members:
            if member.person == person:
                member.session.close(Close.FORBIDDEN, "you may not see this document any more")

    async def close_document(self, document: UUID, code: int, reason: str) -> None:
        """End all connections to a document."""
        cell = self._cells.get(document)
        if cell is not None:
            cell.disconnect(code, reason)

    # --- rooms

    async def _enter(self, admission: Admission) -> Cell:
        document = admission.document
        if self._stopping:
            raise Refused(Close.SHUTTING_DOWN, "shutting down")
        if self._people[document, admission.person] > self._limits.connections_per_person:
            raise Refused(Close.TOO_FAST, "too many connections")
        try:
            async with asyncio.timeout(self._limits.handshake):
                cell = await self._cell(document)
        except Exception as error:
            logger.warning("document %s can't be opened: %s", document, type(error).__name__)
            raise Refused(Close.SHUTTING_DOWN, "the document can't be opened now") from error
        if not self._changed.get((document, admission.person), (True, True))[0]:
            raise Refused(Close.FORBIDDEN, "you may not see this document any more")
        if len(cell.room.members) >= self._limits.connections_per_document:
            raise Refused(Close.TOO_FAST, "too many connections")
        return cell

    async def _cell(self, document: UUID) -> Cell:
        """The document's room; any number of connections share one load."""
        while True:
            cell = self._cells.get(document)
            if cell is not None and not cell.retired:
                return cell
            opening = self._opening.get(document)
            if opening is None:
                opening = asyncio.create_task(self._load(document))
                self._opening[document] = opening
                opening.add_done_callback(lambda _: self._opening.pop(document, None))
            await asyncio.shield(opening)

    async def _load(self, document: UUID) -> Cell:
        if document in self._cells:  # retired: what it sent to the journal belongs to the document too
            await self._journal.settled()
        started = asyncio.get_running_loop().time()
        stored = await self._store.load(document)
        try:
            replica = await committed_replica(stored)
        except Exception:
            self.metrics.quarantined += 1
            logger.exception("document %s can't be read", document)
            raise
        room = Room(document, replica, dict(stored.clients), limits=self._limits, metrics=self.metrics)
        for row in stored.rows:  # left behind by a crash
            room.bursts.add(row.person, row.id, row.received_at, len(row.update), ())
            room.bursts.left(row.person)
        cell = Cell(
            room,
            self._journal,
            self._bus,
            limits=self._limits,
            metrics=self.metrics,
            catch_up=self._catch_up,
        )
        cell.empty_since = asyncio.get_running_loop().time()
        self._sealer.loaded(document, stored.bursts)
        self._cells[document] = cell
        self.metrics.rooms = len(self._cells)
        self.metrics.loads += 1
        self.metrics.load_seconds += asyncio.get_running_loop().time() - started
        if self._bus is not None:
            self._bus.subscribe(document, cell.remote)
            self._catch_up(document)  # what was published between loading and subscribing
        return cell

    async def _drop_retired(self, document: UUID, cell: Cell) -> None:
        await self._journal.settled()
        if self._cells.get(document) is cell and document not in self._opening:
            self._forget(document)

    def _forget(self, document: UUID) -> None:
        del self._cells[document]
        self._sealer.forget(document)
        self.metrics.rooms = len(self._cells)
        if self._bus is not None:
            self._bus.unsubscribe(document)

    def _catch_up(self, document: UUID) -> None:
        self._spawn(self._fetch(document))

    async def _fetch(self, document: UUID) -> None:
        stored = await self._store.load(document)
        cell = self._cells.get(document)
        if cell is not None and not cell.retired:
            cell.room.learn_authors(dict(stored.clients))
            replica = await committed_replica(stored)
            cell.remote_updates([replica.diff(cell.room.content.state_vector())])

    # --- time

    async def _keep_time(self) -> None:
        loop = asyncio.get_running_loop()
        orphans_at = loop.time()
        while True:
            now, moment = loop.time(), datetime.now(UTC)
            if now >= orphans_at:
                orphans_at = now + _ORPHANS_EVERY
                self._spawn(self._seal_orphans())
            for document, cell in list(self._cells.items()):
                if not cell.retired:
                    try:
                        self._tend(document, cell, now, moment)
                    except Exception:  # one room's failure must not stop the others' time
                        logger.exception("document %s failed", document)
                        cell.retire("its room failed")
            await asyncio.sleep(self._tick)

    def _tend(self, document: UUID, cell: Cell, now: float, moment: datetime) -> None:
        cell.tick(now)
        if cell.sealing:
            return
        idle = cell.empty_since is not None and now - cell.empty_since >= self._limits.unload_after
        if cell.room.bursts:
            taken = cell.room.bursts.take(moment, everything=idle)
            if taken:
                cell.sealing = True
                self._spawn(self._seal(document, cell, taken))
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
        """Seal what nobody has open: a crash left it."""
        before = datetime.now(UTC) - timedelta(seconds=self._limits.orphan_after)
        for document in await self._store.unsealed(before):
            if document not in self._cells:
                await self._sealer.seal(document)
                if document not in self._cells:
                    self._sealer.forget(document)

    # --- small things

    def _count_out(self, key: tuple[UUID, UUID]) -> None:
        self._people[key] -= 1
        if not self._people[key]:
            del self._people[key]
            self._changed.pop(key, None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.warning("background work on documents failed: %s", type(task.exception()).__name__)

    @staticmethod
    async def _until(work: Awaitable[Any], failure: str) -> None:
        try:
            async with asyncio.timeout(_STOP):
                await work
        except Exception:
            logger.warning(failure)
