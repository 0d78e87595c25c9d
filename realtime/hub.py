"""The live documents of one node: who is let in, who must go, and how it all starts and stops."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from realtime.cell import Cell
from realtime.connection import Connection
from realtime.hocuspocus.multiplex import Multiplex
from realtime.hocuspocus.place import Admit
from realtime.journal import Journal
from realtime.limits import Limits
from realtime.member import Member, Outlet
from realtime.metrics import Metrics
from realtime.ports import Admission, Bus, DocumentStore, Socket
from realtime.protocol import Close
from realtime.quarantine import Quarantined
from realtime.rooms import Rooms
from realtime.seat import Refused as Refused
from realtime.seat import Seat as Seat
from realtime.session import Session

_LOST = Refused(Close.FORBIDDEN, "you may not see this document any more")

logger = logging.getLogger(__name__)

_STOP = 10.0  # seconds that stopping may take for each of its steps


@dataclass(frozen=True, slots=True)
class _Rights:
    """The latest of somebody's rights in a document, and which piece of news that was."""

    number: int
    may_view: bool
    may_edit: bool
    why: Refused = _LOST


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
        self._tick = tick
        self._journal = Journal(store, self.metrics, bus.node if bus else None)
        self._rooms = Rooms(store, self._journal, bus, limits=limits, metrics=self.metrics)
        self._connections: set[Connection] = set()
        self._nobody = asyncio.Event()  # set while there is no connection
        self._news = 0  # counts what was heard of rights
        self._changed: dict[tuple[UUID, UUID], _Rights] = {}  # since these came
        self._people: Counter[tuple[UUID, UUID]] = Counter()
        self._expected: Counter[tuple[UUID, UUID]] = Counter()
        self._stopping = False

    async def start(self) -> None:
        """Begin to work; seals what a crash left behind in the background."""
        self._journal.start()
        self._rooms.start(self._tick)

    async def stop(self) -> None:
        """Close all connections (they come back elsewhere), commit what is queued, seal everything."""
        self._stopping = True
        for connection in list(self._connections):
            connection.close(Close.SHUTTING_DOWN, "shutting down")
        self._rooms.disconnect(Close.SHUTTING_DOWN, "shutting down")
        if self._connections:
            await self._until(self._nobody.wait(), "connections did not end")
        if not await self._journal.stop(_STOP):
            logger.error(
                "stopped with %d updates that the store would not take", self.metrics.journal_entries
            )
        await self._until(self._rooms.stop(), "not everything was sealed; it will be at the next start")
        await self._store.close()

    # --- connections

    async def serve(self, socket: Socket, admission: Admission) -> None:
        """Run one y-websocket connection to its end."""
        session = Session(socket, limits=self._limits, metrics=self.metrics)
        try:
            seat = await self.join(admission, session.open)
        except Refused as refused:
            await socket.close(refused.code, str(refused))
            return
        try:
            with self._connected(session, admission.expires):
                await session.serve(seat.receive)
        finally:
            seat.leave()

    async def serve_many(self, socket: Socket, admit: Admit) -> None:
        """Run one hocuspocus connection to its end."""
        connection = Multiplex(socket, self, admit, limits=self._limits, metrics=self.metrics)
        with self._connected(connection):
            await connection.serve()

    async def join(self, admission: Admission, outlet: Callable[[Member, Cell], Outlet]) -> Seat:
        """Let somebody into a document; `outlet` makes what the room reaches them by. Raises Refused."""
        key = (admission.document, admission.person)
        self._people[key] += 1
        try:
            cell = await self._enter(admission)
        except BaseException as error:
            self._count_out(key, self._people)
            if isinstance(error, Refused):
                self.metrics.refused[error.code] += 1
            raise
        member = Member.of(admission)
        if (heard := self._heard_since(admission)) is not None:
            member.may_edit = heard.may_edit and not member.read_only
        member.outlet = outlet(member, cell)
        self.metrics.sessions += 1
        cell.enter(member, asyncio.get_running_loop().time())
        return Seat(member, cell, self._left)

    def _left(self, seat: Seat) -> None:
        cell = seat.cell
        self.metrics.sessions -= 1
        self._count_out((cell.room.document, seat.member.person), self._people)
        cell.leave(seat.member, asyncio.get_running_loop().time())
        self._rooms.left(cell)

    def renew(self, seat: Seat, admission: Admission) -> None:
        """A member showed a new token: it decides from now on. Raises Refused."""
        member = seat.member
        if admission.person != member.person:
            raise Refused(Close.FORBIDDEN, "this is somebody else's token")
        member.credential = admission.credential
        heard = self._heard_since(admission)
        seat.cell.renew(member, admission, heard.may_edit if heard else admission.may_edit)

    @contextmanager
    def _connected(self, connection: Connection, expires: datetime | None = None) -> Iterator[None]:
        """Close the connection when the hub stops, or what let it in expires."""
        loop = asyncio.get_running_loop()
        self._connections.add(connection)
        self._nobody.clear()
        expiry = expires and loop.call_later(
            (expires - datetime.now(UTC)).total_seconds(), connection.close, Close.SIGN_IN, "sign in again"
        )
        if self._stopping:
            connection.close(Close.SHUTTING_DOWN, "shutting down")
        try:
            yield
        finally:
            if expiry:
                expiry.cancel()
            self._connections.discard(connection)
            if not self._connections:
                self._nobody.set()

    async def read(self, document: UUID) -> bytes:
        """Everything committed of a document, as a Yjs update (format v1)."""
        return await self._rooms.read(document)

    async def seal(self, document: UUID) -> bool:
        """Put everything committed of a document into the log; False: not now, try again."""
        return await self._rooms.seal(document)

    async def redacted(self, document: UUID) -> None:
        """Text was redacted from what is stored of a document: let live replicas lose it too."""
        await self._rooms.redacted(document)

    # --- rights

    def open(self) -> Collection[tuple[UUID, UUID]]:
        """The (document, person) pairs that are connected, or on the way in."""
        return self._people.keys() | self._expected.keys()

    def expect(self, document: UUID, person: UUID) -> int:
        """Somebody's rights are about to be read: what is heard of them from now on counts when they join.

        Returns what their admission has to carry as `asked`.
        """
        key = (document, person)
        self._expected[key] += 1
        loop = asyncio.get_running_loop()
        loop.call_later(self._limits.handshake, self._count_out, key, self._expected)
        return self._news

    async def rights_changed(self, document: UUID, person: UUID, may_view: bool, may_edit: bool) -> None:
        """Let a person's connections to a document follow their rights."""
        if (document, person) in self._people or (document, person) in self._expected:
            self._news += 1  # somebody may be on the way in
            self._changed[document, person] = _Rights(self._news, may_view, may_edit)
        cell = self._rooms.get(document)
        if cell is None:
            return
        if may_view:
            cell.set_rights(person, may_edit)
            return
        for member in cell.room.members:
            if member.person == person:
                member.outlet.close(Close.FORBIDDEN, "you may not see this document any more")

    def credentials(self) -> Collection[UUID]:
        """What the members of open documents were let in by, as far as that may be ended."""
        return {member.credential for member in self._rooms.members() if member.credential is not None}

    def sign_out(self, credential: UUID) -> None:
        """End all memberships by a credential that is not good any more."""
        for member in [each for each in self._rooms.members() if each.credential == credential]:
            member.outlet.close(Close.SIGN_IN, "sign in again")

    async def close_document(self, document: UUID, code: int, reason: str) -> None:
        """End all connections to a document, those that are on the way in too."""
        for key in self.open():
            if key[0] == document:
                self._news += 1
                self._changed[key] = _Rights(self._news, False, False, Refused(Close(code), reason))
        cell = self._rooms.get(document)
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
                cell = await self._rooms.open(document)
        except Quarantined as error:
            raise Refused(Close.SHUTTING_DOWN, str(error)) from error
        except Exception as error:
            logger.warning("document %s can't be opened: %s", document, type(error).__name__)
            raise Refused(Close.SHUTTING_DOWN, "the document can't be opened now") from error
        if self._stopping:  # meanwhile
            raise Refused(Close.SHUTTING_DOWN, "shutting down")
        heard = self._heard_since(admission)
        if heard is not None and not heard.may_view:
            raise Refused(heard.why.code, str(heard.why))
        if len(cell.room.members) >= self._limits.connections_per_document:
            raise Refused(Close.TOO_FAST, "too many connections")
        return cell

    # --- small things

    def _count_out(self, key: tuple[UUID, UUID], counter: Counter[tuple[UUID, UUID]]) -> None:
        counter[key] -= 1
        if not counter[key]:
            del counter[key]
        if key not in self._people and key not in self._expected:
            self._changed.pop(key, None)

    def _heard_since(self, admission: Admission) -> _Rights | None:
        """What was heard of somebody's rights since those in their admission were asked for."""
        heard = self._changed.get((admission.document, admission.person))
        return heard if heard is not None and heard.number > admission.asked else None

    @staticmethod
    async def _until(work: Awaitable[Any], failure: str) -> None:
        try:
            async with asyncio.timeout(_STOP):
                await work
        except Exception:
            logger.warning(failure)
