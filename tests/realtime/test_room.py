"""Rooms under any interleaving of edits, commits, joins, leaves, seals and reloads.

At the end the room, every client and the log alone hold what one Yjs document holds that applied everything;
and at every moment no frame tells of what is not committed.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pycrdt
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from realtime import crdt, protocol, wire
from realtime.crdt import Replica
from realtime.effects import Answer, Disconnect, Effect, Journal, Rebuild, Send
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.ports import Entry, Row
from realtime.protocol import Close, Edit
from realtime.replay import Replay
from realtime.room import Room
from realtime.update import walk

NUMBERS = (3, 300, 2**31, 2**52)  # one person each; with others, the same steps would lead elsewhere
PEOPLE = len(NUMBERS)
LIMITS = Limits(dead_after=1e9)
START = datetime(2026, 1, 1, tzinfo=UTC)


def replica_of(updates: list[bytes]) -> Replica:
    work = Replay(Replica())
    for update in updates:
        work.feed(update)
    work.finish()
    return work.replica


def text_of(state: bytes) -> str:
    return crdt.text_of(state, "text")


class Client:
    """A Yjs document somewhere, its frames to the server, and those from it."""

    def __init__(self, person: UUID, number: int) -> None:
        self.person = person
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=number)
        self.text = self.doc.get("content", type=pycrdt.Text)
        self.member: Member | None = None
        self.to_server: deque[bytes] = deque()
        self.from_server: deque[bytes] = deque()
        self.written: list[bytes] = []
        self._quiet = False
        self._subscription = self.doc.observe(self._edited)

    def _edited(self, event: Any) -> None:
        if not self._quiet:
            self.written.append(event.update)
            if self.member is not None:
                self.to_server.append(protocol.update(event.update))

    def take(self) -> None:
        """Do what the server's next frame says."""
        frame = self.from_server.popleft()
        if frame[0] != protocol.SYNC:
            return
        body = wire.read_bytes(frame, 2)[0]
        if frame[1] == protocol.STEP1:
            self.to_server.append(protocol.step2(self.doc.get_update(body)))
            return
        self._quiet = True
        self.doc.apply_update(body)
        self._quiet = False


class RoomMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.document = uuid4()
        self.clients = [Client(UUID(int=number), number) for number in NUMBERS]
        self.rows: list[Row] = []
        self.bursts: list[bytes] = []
        self.in_flight: deque[Entry] = deque()
        self.authors: dict[int, UUID] = {}
        self.committed = Replica()
        self.next_id = 1
        self.room = self.open_room()

    def open_room(self) -> Room:
        replica = replica_of([*self.bursts, *(row.update for row in self.rows)])
        room = Room(self.document, replica, dict(self.authors), limits=LIMITS, metrics=Metrics())
        for row in self.rows:
            room.bursts.add(row.person, row.id, row.received_at, len(row.update), ())
        return room

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            assert not isinstance(effect, Rebuild | Disconnect), effect
            if isinstance(effect, Journal):
                self.in_flight.append(effect.entry)
            elif isinstance(effect, Send):
                self.check_durable(effect.frame)
                for client in self.clients:
                    if client.member in effect.to:
                        client.from_server.append(effect.frame)

    def check_durable(self, frame: bytes) -> None:
        """What is sent is committed."""
        if frame[0] == protocol.SYNC and frame[1] != protocol.STEP1:
            known = self.committed.clocks()
            for client, _, end in walk(wire.read_bytes(frame, 2)[0]).inserts:
                assert end <= known.get(client, 0)

    @rule(who=st.integers(0, PEOPLE - 1), at=st.floats(0, 1), text=st.text("abc", min_size=1, max_size=5))
    def write(self, who: int, at: float, text: str) -> None:
        client = self.clients[who]
        client.text.insert(int(at * len(client.text)), text)

    @rule(who=st.integers(0, PEOPLE - 1), at=st.floats(0, 1), size=st.integers(1, 4))
    def erase(self, who: int, at: float, size: int) -> None:
        text = self.clients[who].text
        start = int(at * len(text))
        end = min(len(text), start + size)
        if start < end:
            del text[start:end]

    @rule(who=st.integers(0, PEOPLE - 1))
    def connect(self, who: int) -> None:
        client = self.clients[who]
        if client.member is None:
            client.member = Member(client.person, uuid4(), "x", "#000000", may_edit=True)
            self.perform(self.room.join(client.member, self.now))
            client.to_server.append(protocol.step1(client.doc.get_state()))

    @rule(who=st.integers(0, PEOPLE - 1))
    def disconnect(self, who: int) -> None:
        client = self.clients[who]
        if client.member is not None:
            member, client.member = client.member, None
            client.to_server.clear()
            client.from_server.clear()
            self.perform(self.room.leave(member, self.now))

    @rule(who=st.integers(0, PEOPLE - 1), count=st.integers(1, 5))
    def to_server(self, who: int, count: int) -> None:
        client = self.clients[who]
        for _ in range(min(count, len(client.to_server))):
            assert client.member is not None
            self.now += 0.01
            message = protocol.parse(client.to_server.popleft(), LIMITS.frame)
            assert not isinstance(message, protocol.Refusal)
            moment = START + timedelta(seconds=self.now)
            self.perform(self.room.receive(client.member, message, self.now, moment))

    @rule(who=st.integers(0, PEOPLE - 1), count=st.integers(1, 5))
    def to_client(self, who: int, count: int) -> None:
        client = self.clients[who]
        for _ in range(min(count, len(client.from_server))):
            client.take()

    @rule(who=st.integers(0, PEOPLE - 1))
    def shuffle(self, who: int) -> None:
        """Another tab was quicker: an update comes before what it leans on."""
        self.clients[who].to_server.reverse()

    @rule(count=st.integers(1, 8))
    def commit(self, count: int) -> None:
        results: list[int | None] = []
        for _ in range(min(count, len(self.in_flight))):
            entry = self.in_flight.popleft()
            for client in entry.claims:
                assert self.authors.setdefault(client, entry.person) == entry.person
            for client, _, _ in walk(entry.update).inserts:
                assert self.authors[client] == entry.person, "one author in each entry"
            self.rows.append(
                Row(
                    self.next_id, entry.person, entry.received_at, entry.update, entry.inserted, entry.deleted
                )
            )
            self.committed.apply(entry.update)
            results.append(self.next_id)
            self.next_id += 1
        if results:
            self.perform(self.room.committed(results))

    @rule(later=st.sampled_from([0.0, 0.5, 3.0, 31.0]))
    def seal(self, later: float) -> None:
        self.now += later
        self.perform(self.room.tick(self.now))
        taken = self.room.bursts.take(START + timedelta(seconds=self.now))
        for person, burst in taken.items():
            rows = [row for row in self.rows if row.person == person and row.id <= burst.through]
            self.bursts.append(crdt.merge([row.update for row in rows]))
            self.rows = [row for row in self.rows if row not in rows]
        if taken:
            assert stands_alone(self.bursts), "what is sealed stands on its own"

    @precondition(lambda self: not self.in_flight)
    @rule()
    def reload(self) -> None:
        for who in range(PEOPLE):
            self.disconnect(who)
        self.room = self.open_room()

    @invariant()
    def the_replica_is_what_is_committed(self) -> None:
        assert self.room.content._replica.clocks() == self.committed.clocks()

    def teardown(self) -> None:
        for who in range(PEOPLE):
            self.connect(who)
        busy = True
        while busy:
            busy = False
            for who in range(PEOPLE):
                busy |= bool(self.clients[who].to_server or self.clients[who].from_server or self.in_flight)
                self.to_server(who, 5)
                self.to_client(who, 5)
            self.commit(3)
            self.now += 1.0
            self.perform(self.room.tick(self.now))
        reference: pycrdt.Doc[Any] = pycrdt.Doc()
        written = [update for client in self.clients for update in client.written]
        if written:
            reference.apply_update(crdt.merge(written))
        expected = text_of(reference.get_update())
        assert text_of(self.room.content.state()) == expected
        for client in self.clients:
            assert str(client.text) == expected
        alone = replica_of([*self.bursts, *(row.update for row in self.rows)])
        assert text_of(alone.state()) == expected, "the log and the journal alone"
        assert not self.room._parking


def stands_alone(bursts: list[bytes]) -> bool:
    work = Replay(Replica())
    for burst in bursts:
        work.feed(burst)
    return work.finish()


RoomMachine.TestCase.settings = settings(
    max_examples=120, stateful_step_count=60, suppress_health_check=list(HealthCheck)
)
TestAnyInterleaving = RoomMachine.TestCase


# --- single rules


class Door:
    """A room and members that say things to it."""

    def __init__(self, **limits: Any) -> None:
        self.document = uuid4()
        self.metrics = Metrics()
        self.room = Room(self.document, Replica(), {}, limits=Limits(**limits), metrics=self.metrics)
        self.rows = 0
        self.answers: list[tuple[Member, bool]] = []  # kept apart, in order

    def member(self, person: UUID | None = None, *, may_edit: bool = True) -> Member:
        member = Member(person or uuid4(), uuid4(), "Ilze", "#123456", may_edit)
        self.room.join(member, 0.0)
        return member

    def say(self, member: Member, frame: bytes, now: float = 0.0) -> list[Effect]:
        message = protocol.parse(frame, 10_000_000)
        assert not isinstance(message, protocol.Refusal), message
        return self.apart(self.room.receive(member, message, now, START))

    def apart(self, effects: list[Effect]) -> list[Effect]:
        self.answers += [(effect.member, effect.taken) for effect in effects if isinstance(effect, Answer)]
        return [effect for effect in effects if not isinstance(effect, Answer)]

    def commit(self, effects: list[Effect]) -> list[Effect]:
        entries = [effect for effect in effects if isinstance(effect, Journal)]
        rows = list(range(self.rows, self.rows + len(entries)))
        self.rows += len(rows)
        return self.apart(self.room.committed(rows))


def typed(text: str, doc: pycrdt.Doc[Any] | None = None) -> tuple[pycrdt.Doc[Any], bytes]:
    doc = doc if doc is not None else pycrdt.Doc()
    before = doc.get_state()
    shared = doc.get("content", type=pycrdt.Text)
    shared += text
    return doc, doc.get_update(before)


def test_a_viewer_writes_by_no_kind_of_message() -> None:
    door = Door()
    viewer = door.member(may_edit=False)
    _, update = typed("sneaky")
    for frame in (protocol.update(update), protocol.step2(update)):
        assert door.say(viewer, frame) == []
    assert door.answers == [(viewer, False)] * 2
    assert door.room.settled
    assert door.say(viewer, protocol.step2(b"\x00\x00")) == []
    assert door.answers[-1] == (viewer, True), "nothing new in it"


def test_each_edit_is_answered_once_when_it_is_durable() -> None:
    door = Door()
    writer, other = door.member(), door.member()
    _, update = typed("a")
    effects = door.say(writer, protocol.update(update))
    door.say(other, protocol.step2(update))  # nothing new, but not durable yet
    assert door.answers == []
    door.commit(effects)
    assert door.answers == [(writer, True), (other, True)]
    door.say(other, protocol.step2(update))
    assert door.answers[2:] == [(other, True)]


def test_an_update_that_waited_in_vain_is_answered_too() -> None:
    door = Door(parked_updates=1)
    writer, other = door.member(), door.member()
    doc, _ = typed("never sent")
    for _ in range(2):
        door.say(writer, protocol.update(typed("!", doc)[1]))
    assert door.answers == [(writer, False)], "the first had to make room"
    door.apart(door.room.tick(31.0))
    assert door.answers == [(writer, False)] * 2
    door.say(other, protocol.update(typed("!", doc)[1]))
    door.apart(door.room.set_rights(other.person, False, 32.0))
    assert door.answers[2:] == [(other, False)]


def test_a_viewer_may_answer_with_what_is_known() -> None:
    door = Door()
    writer, viewer = door.member(), door.member(may_edit=False)
    doc, update = typed("abc")
    door.commit(door.say(writer, protocol.update(update)))
    text = doc.get("content", type=pycrdt.Text)
    before = doc.get_state()
    del text[0:2]
    door.commit(door.say(writer, protocol.update(doc.get_update(before))))
    assert door.say(viewer, protocol.step2(doc.get_update())) == [], "all of it is known, deletions too"
    del text[0:1]
    assert door.answers[-1] == (viewer, True)
    assert door.say(viewer, protocol.step2(doc.get_update())) == []
    assert door.answers[-1] == (viewer, False), "a new deletion is a change"
    assert door.room.settled


def test_an_update_under_another_persons_id_is_refused() -> None:
    door = Door()
    owner, thief, owner_again = door.member(), door.member(), None
    doc, update = typed("mine")
    door.commit(door.say(owner, protocol.update(update)))
    _, more = typed("yours", doc)
    (effect,) = door.say(thief, protocol.update(more))
    assert isinstance(effect, Disconnect)
    assert effect.code == Close.FORGED
    assert door.room.settled
    assert door.say(thief, protocol.step2(update)) == [], "to repeat what is known is no forgery"
    owner_again = door.member(owner.person)
    assert isinstance(door.say(owner_again, protocol.update(more))[0], Journal), (
        "another connection, same person"
    )


def test_a_forgery_that_waits_for_its_dependency_is_refused_at_once() -> None:
    door = Door()
    owner, thief = door.member(), door.member()
    doc, update = typed("mine")
    door.commit(door.say(owner, protocol.update(update)))
    typed("gap", doc)
    _, later = typed("later", doc)
    (effect,) = door.say(thief, protocol.update(later))
    assert isinstance(effect, Disconnect)
    assert effect.code == Close.FORGED


def test_an_early_update_waits_and_its_author_is_asked() -> None:
    door = Door()
    member = door.member()
    doc, first = typed("first ")
    _, second = typed("second", doc)
    (ask,) = door.say(member, protocol.update(second))
    assert isinstance(ask, Send)
    assert ask.frame == protocol.step1(b"\x00")
    effects = door.say(member, protocol.update(first))
    assert len([effect for effect in effects if isinstance(effect, Journal)]) == 2
    door.commit(effects)
    assert text_of(door.room.content.state()) == "first second"


def test_who_was_asked_just_before_is_asked_again_while_their_update_waits() -> None:
    """Each is asked as it joins; an edit that leans on what came to it after its answer needs another."""
    door = Door()
    member = door.member()
    doc, first = typed("first ")
    _, second = typed("second", doc)
    ask = protocol.step1(b"\x00")
    assert ask in [effect.frame for effect in door.say(member, ask) if isinstance(effect, Send)]
    assert door.say(member, protocol.update(second)) == [], "asked a moment ago"
    (effect,) = door.apart(door.room.tick(2.0))
    assert isinstance(effect, Send)
    assert (effect.frame, list(effect.to)) == (ask, [member])
    door.commit(door.say(member, protocol.step2(first)))
    assert text_of(door.room.content.state()) == "first second"
    assert door.apart(door.room.tick(4.0)) == [], "nothing waits any more"


def test_what_is_parked_is_bounded() -> None:
    door = Door(parked_updates=3)
    member = door.member()
    doc, _ = typed("gap")
    for _ in range(10):
        door.say(member, protocol.update(typed("x", doc)[1]))
    assert (door.metrics.parked, door.metrics.parked_dropped) == (10, 7)


def test_a_resent_update_is_stored_once_and_only_its_news() -> None:
    door = Door()
    member = door.member()
    doc, first = typed("first ")
    text = doc.get("content", type=pycrdt.Text)
    del text[0:1]
    deleting = doc.get_update()
    door.commit(door.say(member, protocol.update(deleting)))
    assert door.say(member, protocol.update(first)) == []
    typed("second", doc)
    (effect,) = door.say(member, protocol.step2(doc.get_update()))
    assert isinstance(effect, Journal)
    assert (effect.entry.inserted, effect.entry.deleted) == (6, 0)
    assert walk(effect.entry.update).deletes == []
    assert len(effect.entry.update) < len(doc.get_update())


def test_a_document_has_a_largest_size() -> None:
    door = Door(document_state=1000)
    member = door.member()
    doc, update = typed("x" * 900)
    door.commit(door.say(member, protocol.update(update)))
    (effect,) = door.say(member, protocol.update(typed("y" * 200, doc)[1]))
    assert isinstance(effect, Disconnect)
    assert effect.code == Close.TOO_LARGE
    assert isinstance(door.say(member, protocol.update(typed("z", typed("")[0])[1]))[0], Journal)


def test_heartbeats() -> None:
    door = Door()
    quiet, lively = door.member(), door.member()
    lively.heard = 20.0
    effects = door.room.tick(26.0)
    assert [(type(e), list(e.to), e.frame) for e in effects if isinstance(e, Send)] == [
        (Send, [quiet, lively], protocol.HEARTBEAT),
        (Send, [quiet], protocol.QUERY),
    ]
    assert door.room.tick(30.0) == []
    (dead, *_) = door.room.tick(61.0)
    assert isinstance(dead, Disconnect)
    assert (dead.member, dead.code) == (quiet, Close.HEARTBEAT_LOST)


def test_every_step1_is_answered() -> None:
    door = Door()
    member = door.member()
    _, update = typed("abc")
    door.commit(door.say(member, protocol.update(update)))
    first = door.say(member, protocol.step1(b"\x00"), 5.0)
    kinds = [effect.frame[:2] for effect in first if isinstance(effect, Send)]
    assert kinds == [b"\x00\x02", b"\x00\x01", b"\x00\x00"], (
        "what is newer than the cached state, it, and a question"
    )
    again = door.say(member, protocol.step1(b"\x00"), 9.0)
    assert [effect.frame[:2] for effect in again if isinstance(effect, Send)][-1] == b"\x00\x01"


def test_a_claim_lost_to_another_node_rebuilds_the_room() -> None:
    door = Door()
    effects = door.say(door.member(), protocol.update(typed("x")[1]))
    assert any(isinstance(effect, Journal) for effect in effects)
    (effect,) = door.room.committed([None])
    assert isinstance(effect, Rebuild)


def test_edit_messages_are_typed() -> None:
    message = protocol.parse(protocol.update(typed("x")[1]), 1000)
    assert isinstance(message, Edit)


def test_a_burst_is_not_sealed_before_what_it_hangs_on() -> None:
    """By insertion between somebody's letters, and by deleting them."""
    for change in ("insert", "delete"):
        door = Door()
        ilze, anna = door.member(), door.member()
        _, first = typed("abc")
        door.commit(door.say(ilze, protocol.update(first)))
        theirs: pycrdt.Doc[Any] = pycrdt.Doc()
        theirs.apply_update(first)
        before, text = theirs.get_state(), theirs.get("content", type=pycrdt.Text)
        if change == "insert":
            text.insert(1, "X")
        else:
            del text[1:2]
        door.commit(door.say(anna, protocol.update(theirs.get_update(before))))
        door.room.leave(anna, 0.0)
        assert not door.room.bursts.take(START), change
        door.room.leave(ilze, 0.0)
        assert set(door.room.bursts.take(START)) == {ilze.person, anna.person}
