"""One live document: every rule of it, as a synchronous state machine.

No socket, clock, database or task inside: it is told what happened and when, and answers with
effects for the shell to carry out in order. What it sends holds committed updates only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from realtime import crdt, protocol, wire
from realtime.awareness import AwarenessStates
from realtime.bursts import Bursts
from realtime.content import Content
from realtime.crdt import EngineError, Replica
from realtime.effects import Answer, Disconnect, Effect, Journal, Publish, Rebuild, Rights, Send
from realtime.gate import Gate, News, trimmed
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.nodes import relay
from realtime.parents import Parents
from realtime.parking import Parked, Parking
from realtime.ports import Entry
from realtime.protocol import Awareness, Close, Edit, Message, QueryAwareness, Step1
from realtime.redaction import deletion
from realtime.update import Update, walk
from realtime.wire import Malformed, Range

_NESTED_SIZE = 10  # bytes; no item that names what it is in takes less
_ASK_AGAIN = 1.0  # seconds between two step1 to one client


@dataclass(slots=True)
class _InFlight:
    entry: Entry
    inserts: list[Range]
    leans_on: frozenset[UUID]
    waiting: list[Member]  # whom to answer once it is durable


class Room:
    """The document with everybody in it. `replica` holds what is committed, and is the room's own now."""

    def __init__(
        self,
        document: UUID,
        replica: Replica,
        authors: dict[int, UUID],
        *,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self.document = document
        self.bursts = Bursts(limits)
        self.content = Content(replica)
        self._authors = authors
        self._limits = limits
        self._metrics = metrics
        self._gate = Gate(replica.clocks(), replica.deleted)
        self._members: dict[Member, None] = {}
        self._everybody: tuple[Member, ...] = ()
        self._awareness = AwarenessStates(limits, authors)
        self._in_flight: deque[_InFlight] = deque()
        self._parking = Parking(limits, metrics)
        self._parents = Parents(self.content)
        self._size = self.content.size()
        self.nested = self._size // _NESTED_SIZE  # at most so many items name what they are in

    # --- joining and leaving

    @property
    def members(self) -> tuple[Member, ...]:
        """Everybody connected."""
        return self._everybody

    @property
    def settled(self) -> bool:
        """Whether nothing accepted waits for its commit."""
        return not self._in_flight

    @property
    def restless(self) -> bool:
        """Whether presence waits to be sent."""
        return self._awareness.due != float("inf")

    def join(self, member: Member, now: float) -> list[Effect]:
        """A connection opened."""
        self._members[member] = None
        self._everybody = tuple(self._members)
        member.heard = now
        member.beat_at = now + self._limits.heartbeat
        return [Send((member,), frame) for frame in self.presence_for(member)]

    def leave(self, member: Member, now: float) -> list[Effect]:
        """A connection is gone; what it wrote stays on its way."""
        if self._members.pop(member, member) is None:
            self._everybody = tuple(self._members)
            self._awareness.leave(member)
            self._parking.forget(member)  # nobody is there to be answered
            if not any(other.person == member.person for other in self._members):
                self.bursts.left(member.person)
        return self._flush(now)

    # --- what a connection says

    def receive(self, member: Member, message: Message, now: float, at: datetime) -> list[Effect]:
        """A connection said something, at `now` (monotonic seconds), `at` (UTC)."""
        member.heard = now
        if type(message) is Edit:
            return self._edit(member, message, now, at)
        if type(message) is Step1:
            return self._answer(member, message.state_vector, now)
        if type(message) is Awareness:
            refusal = self._awareness.receive(member, message.body, now)
            if refusal:
                return [Disconnect(member, refusal.code, refusal.reason)]
            return self._flush(now)
        assert type(message) is QueryAwareness
        return [Send((member,), self._awareness.everybody(member) or protocol.HEARTBEAT)]

    def _edit(self, member: Member, edit: Edit, now: float, at: datetime) -> list[Effect]:
        if not self._gate.complete(edit.update):
            if not member.may_edit:
                return [Answer(member, taken=False)]
            if self._forged(member, edit.update.inserts):
                return [Disconnect(member, Close.FORGED, "somebody else's client id")]
            dropped = self._parking.put(Parked(member, edit.data, edit.update, at, now))
            return [*_not_taken(dropped), *self._ask(member, now)]
        effects = self._accept(member, edit.data, edit.update, at)
        if self._parking and not any(isinstance(effect, Disconnect) for effect in effects):
            effects += self._unpark()
        return effects

    def _accept(self, member: Member, data: bytes, update: Update, at: datetime) -> list[Effect]:
        """Journal the news in a complete update."""
        news = self._gate.news(update)
        if news.nothing:
            if not self._in_flight:
                return [Answer(member, taken=True)]
            self._in_flight[-1].waiting.append(member)  # part of it may be on its way
            return []
        if not member.may_edit:
            return [Answer(member, taken=False)]
        if self._forged(member, news.inserts):
            return [Disconnect(member, Close.FORGED, "somebody else's client id")]
        try:
            data, inserted = self._only_news(data, update, news)
            crdt.check(data)
            new = walk(data) if news.overlap else update
            waiting = [each.entry.update for each in self._in_flight] if new.parents else ()
            fits = self._parents.fit(data, new, waiting)
        except (EngineError, Malformed):
            fits = False
        if not fits:
            return [Disconnect(member, Close.MALFORMED, "malformed update")]
        if self._too_large(len(data)) or self.nested + len(new.parents) > self._limits.nested_items:
            return [Disconnect(member, Close.TOO_LARGE, "the document is too large")]
        self.nested += len(new.parents)
        self._gate.admit(news)
        self._parents.remember(new.types)
        claims = tuple(client for client in {span[0] for span in news.inserts} if client not in self._authors)
        for client in claims:
            self._authors[client] = member.person
        deleted = sum(end - start for _, start, end in news.deletes)
        entry = Entry(self.document, member.person, member.connection, at, data, inserted, deleted, claims)
        leans_on = self._leans_on(member.person, update, news)
        self._in_flight.append(_InFlight(entry, news.inserts, leans_on, [member]))
        self._metrics.updates += 1
        self._metrics.update_bytes += len(data)
        return [Journal(entry)]

    def _only_news(self, data: bytes, update: Update, news: News) -> tuple[bytes, int]:
        """The update without what is known, and the visible units it adds."""
        if news.overlap and news.inserts:
            vector = wire.state_vector(self._gate.clocks)
            data = crdt.diff_update(data, vector)
            update = walk(data)
        elif not news.known_deletes and not news.overlap:
            return data, update.inserted
        return trimmed(data, update, news), update.inserted if news.inserts else 0

    def _forged(self, member: Member, inserts: list[tuple[int, int, int]]) -> bool:
        authors, clocks = self._authors, self._gate.clocks
        return any(
            authors.get(client, member.person) != member.person
            for client, _, end in inserts
            if end > clocks.get(client, 0)
        )

    def _leans_on(self, person: UUID, update: Update, news: News) -> frozenset[UUID]:
        """Whose text the update hangs on, beside its author's own."""
        if not update.links and not news.deletes:
            return frozenset()
        clients = {link[2] for link in update.links} | {span[0] for span in news.deletes}
        return frozenset(self._authors[c] for c in clients if c in self._authors) - {person}

    def _too_large(self, more: int) -> bool:
        self._size += more
        if self._size > self._limits.document_state:
            self._size = (
                len(self.content.state()) + sum(len(each.entry.update) for each in self._in_flight) + more
            )
        if self._size <= self._limits.document_state:
            return False
        self._size -= more
        return True

    def _unpark(self) -> list[Effect]:
        """Accept what waited for what is there now."""
        effects: list[Effect] = []
        while (parked := self._parking.take(self._gate.complete)) is not None:
            if parked.member in self._members:
                effects += self._accept(parked.member, parked.data, parked.update, parked.at)
        return effects

    def _ask(self, member: Member, now: float) -> list[Effect]:
        if now - member.asked < _ASK_AGAIN:
            return []
        member.asked = now
        return [Send((member,), protocol.step1(self.content.state_vector()))]

    # --- what a connection lacks

    def _answer(self, member: Member, state_vector: bytes, now: float) -> list[Effect]:
        try:
            effects: list[Effect] = [Send((member,), frame) for frame in self.content.since(state_vector)]
        except EngineError:
            return [Disconnect(member, Close.MALFORMED, "malformed state vector")]
        if member.may_edit and member.asked == float("-inf"):
            effects += self._ask(member, now)
        return effects

    def presence_for(self, member: Member) -> list[bytes]:
        """The frame that tells who is here, if anybody."""
        frame = self._awareness.everybody(member)
        return [frame] if frame else []

    # --- what was committed

    def committed(self, results: Sequence[int | None]) -> list[Effect]:
        """The oldest entries on their way are durable, under these row ids (None: refused)."""
        answers: list[Effect] = []
        entries: list[Entry] = []
        for row in results:
            done = self._in_flight.popleft()
            if row is None:
                return [Rebuild("a client id was claimed by two people at once")]
            entry = done.entry
            entries.append(entry)
            answers += [Answer(member, taken=True) for member in done.waiting]
            self.bursts.add(entry.person, row, entry.received_at, len(entry.update), done.leans_on)
        update = self._apply([entry.update for entry in entries])
        if isinstance(update, Rebuild):
            return [update]
        effects: list[Effect] = [Send(self._everybody, protocol.update(update)), *answers]
        return effects + self._tell_others(entries, max(row or 0 for row in results), update)

    def _tell_others(self, entries: Sequence[Entry], last: int, update: bytes) -> list[Effect]:
        """What is to be done beside: these entries are durable as rows up to `last`, together `update`."""
        return []

    def _apply(self, updates: list[bytes]) -> bytes | Rebuild:
        """Bring the replica forward; returns the update that does the same to everybody."""
        try:
            return self.content.apply(updates)
        except EngineError:
            return Rebuild("the engine refused a committed update")

    def redacted(self, deleted: Sequence[Range]) -> list[Effect]:
        """Text was redacted: delete these ids, which the store has deleted, here and with everybody."""
        clocks = wire.read_state_vector(self.content.state_vector())
        known = ((client, start, min(end, clocks.get(client, 0))) for client, start, end in deleted)
        runs = [run for span in known if span[1] < span[2] for run in self._gate.deleted.missing(span)]
        if not runs:
            return []
        update = deletion(runs)
        try:
            self.content.redact(update)
        except EngineError:
            return [Rebuild("the engine refused a redaction")]
        for run in runs:
            self._gate.deleted.add(run)
        return [Send(self._everybody, protocol.update(update))]

    # --- time and rights

    def tick(self, now: float) -> list[Effect]:
        """Do what time asks for: heartbeats, silent peers, presence that expired or waits."""
        effects: list[Effect] = []
        limits = self._limits
        due: list[Member] = []
        for member in self._everybody:
            if now - member.heard > limits.dead_after:
                effects.append(Disconnect(member, Close.HEARTBEAT_LOST, "nothing heard for too long"))
            elif now >= member.beat_at:
                member.beat_at = now + limits.heartbeat
                due.append(member)
        if due:
            effects.append(Send(due, protocol.HEARTBEAT))
            if silent := [member for member in due if now - member.heard >= limits.heartbeat]:
                effects.append(Send(silent, protocol.QUERY))
        effects += _not_taken(self._parking.expire(now))
        for member in self._parking.members():  # nobody else would bring what their edits lean on
            effects += self._ask(member, now)
        self._awareness.expire(now)
        return effects + self._flush(now)

    def flush(self, now: float) -> list[Effect]:
        """Send presence that waited to be coalesced."""
        return self._flush(now)

    def _flush(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for flush in self._awareness.flush(now):
            to = self._everybody
            if flush.but is not None:
                to = tuple(member for member in to if member is not flush.but)
            effects.append(Send(to, flush.frame))
            if flush.own:
                effects.append(Publish(relay.Presence(flush.own)))
        return effects

    def set_rights(self, person: UUID, may_edit: bool, now: float) -> list[Effect]:
        """A person may write from now on, or may not any more."""
        effects: list[Effect] = []
        for member in self._everybody:
            if member.person == person:
                effects += self._allow(member, may_edit and not member.read_only, now)
        return effects

    def renew(self, member: Member, read_only: bool, may_edit: bool, now: float) -> list[Effect]:
        """What a member showed at the door is replaced; its person may write, or not."""
        member.read_only = read_only
        return self._allow(member, may_edit and not read_only, now)

    def _allow(self, member: Member, may_edit: bool, now: float) -> list[Effect]:
        if member.may_edit == may_edit:
            return []
        member.may_edit = may_edit
        if not may_edit:
            return [*_not_taken(self._parking.forget(member)), Rights(member, may_edit)]
        member.asked = float("-inf")  # what was not taken so far is wanted now
        return [Rights(member, may_edit), *self._ask(member, now)]


def _not_taken(dropped: Sequence[Parked]) -> list[Effect]:
    return [Answer(parked.member, taken=False) for parked in dropped]
