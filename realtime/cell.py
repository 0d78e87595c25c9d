"""A room with its shell on one node: carries out the room's effects on sessions, journal and bus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from realtime import protocol
from realtime.crdt import EngineError
from realtime.effects import Answer, CatchUp, Disconnect, Effect, Publish, Rebuild, Rights, Send
from realtime.effects import Journal as ToJournal
from realtime.journal import Journal
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.nodes import relay
from realtime.ports import Admission, Bus
from realtime.protocol import Close, Edit, Message
from realtime.room import Room

logger = logging.getLogger(__name__)


class Cell:
    """Lives as long as the room is open here. `retired`: its replica is not trusted, nobody may enter."""

    def __init__(
        self,
        room: Room,
        journal: Journal,
        bus: Bus | None,
        *,
        limits: Limits,
        metrics: Metrics,
        catch_up: Callable[[UUID], None],
    ) -> None:
        self.room = room
        self.retired = False
        self.sealing = False
        self.empty_since: float | None = None
        self._journal = journal
        self._bus = bus
        self._limits = limits
        self._metrics = metrics
        self._catch_up = catch_up
        self._loop = asyncio.get_running_loop()
        self._flush_at: asyncio.TimerHandle | None = None

    # --- what sessions and the journal call

    def enter(self, member: Member, now: float) -> None:
        """A connection opened."""
        self.empty_since = None
        self._perform(self.room.join(member, now))

    def leave(self, member: Member, now: float) -> None:
        """A connection is gone."""
        self._perform(self.room.leave(member, now))
        if not self.room.members:
            self.empty_since = now

    def receive(self, member: Member, message: Message, now: float, at: datetime) -> None:
        """A connection said something; edits stay with their client while too much waits for the database."""
        if type(message) is Edit and self._metrics.journal_bytes > self._limits.journal_bytes:
            member.outlet.close(Close.SHUTTING_DOWN, "edits can't be saved now")
            return
        self._perform(self.room.receive(member, message, now, at))

    def committed(self, rows: Sequence[int | None]) -> None:
        """The room's oldest entries are durable."""
        if not self.retired:
            self._perform(self.room.committed(rows))

    def perform(self, effects: Sequence[Effect]) -> None:
        """Carry out what the room wants done because of other nodes."""
        if not self.retired:
            self._perform(effects)

    def tick(self, now: float) -> None:
        """Time passed."""
        self._perform(self.room.tick(now))

    def set_rights(self, person: UUID, may_edit: bool) -> None:
        """A person may write, or not any more."""
        self._perform(self.room.set_rights(person, may_edit, self._loop.time()))

    def renew(self, member: Member, admission: Admission, may_edit: bool) -> None:
        """A member showed something new at the door; its person may write, or not."""
        self._perform(self.room.renew(member, admission.read_only, may_edit, self._loop.time()))

    # --- where a session that fell behind catches up

    @property
    def version(self) -> int:
        """Counts the changes of the document."""
        return self.room.content.version

    def state_vector(self) -> bytes:
        """What the document has now."""
        return self.room.content.state_vector()

    def catch_up(self, member: Member, state_vector: bytes) -> list[bytes]:
        """Frames that bring a reader from a state vector to now, presence included."""
        try:
            frames = self.room.content.since(state_vector)
        except EngineError:
            self.retire("the engine failed")
            return []
        frames += self.room.presence_for(member)
        if member.may_edit:
            frames.append(protocol.step1(self.room.content.state_vector()))
        return frames

    # --- effects

    def retire(self, reason: str) -> None:
        """Let everybody come back to a room that is loaded again."""
        logger.warning("document %s is loaded again: %s", self.room.document, reason)
        self.retired = True
        self.disconnect(Close.SHUTTING_DOWN, "the document is loaded again")

    def disconnect(self, code: int, reason: str) -> None:
        """End all connections."""
        for member in self.room.members:
            member.outlet.close(code, reason)

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if type(effect) is Send:
                frame = effect.frame
                self._metrics.frames_sent += len(effect.to)
                for member in effect.to:
                    member.outlet.deliver(frame)
            elif type(effect) is Answer:
                effect.member.outlet.answer(effect.taken)
            elif type(effect) is Rights:
                effect.member.outlet.rights(effect.may_edit)
            elif type(effect) is ToJournal:
                self._journal.put(effect.entry, self.committed)
            elif type(effect) is Publish:
                if self._bus is not None:
                    self._bus.publish(self.room.document, relay.encode(effect.message))
            elif type(effect) is Disconnect:
                effect.member.outlet.close(effect.code, effect.reason)
            elif type(effect) is Rebuild:
                self.retire(effect.reason)
                return
            elif type(effect) is CatchUp:
                self._catch_up(self.room.document)
        if self._flush_at is None and self.room.restless:
            self._flush_at = self._loop.call_later(self._limits.awareness_interval, self.flush)

    def flush(self) -> None:
        """Send presence that waits, as far as it is due."""
        self._flush_at = None
        if not self.retired:
            self._perform(self.room.flush(self._loop.time()))
