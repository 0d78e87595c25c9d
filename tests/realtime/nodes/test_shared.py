"""Rooms of one document on two nodes, without sockets, bus and store between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from realtime import protocol
from realtime.crdt import Replica
from realtime.effects import CatchUp, Disconnect, Effect, Journal, Publish, Rebuild, Send
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.nodes import relay
from realtime.nodes.shared import Foreign, SharedRoom
from realtime.update import walk
from tests.realtime.test_awareness import body, told
from tests.realtime.test_room import typed

AT = datetime.now(UTC)
DOCUMENT = uuid4()


class Side:
    """One node's room, and what it published."""

    def __init__(self, **limits: Any) -> None:
        self.node = uuid4()
        self.room = SharedRoom(DOCUMENT, Replica(), {}, limits=Limits(**limits), metrics=Metrics())
        self.rows = 0
        self.published: list[bytes] = []

    def member(self, person: UUID | None = None, *, may_edit: bool = True) -> Member:
        member = Member(person or uuid4(), uuid4(), "Ilze", "#123456", may_edit)
        self.keep(self.room.join(member, 0.0))
        return member

    def keep(self, effects: Sequence[Effect]) -> list[Effect]:
        self.published += [relay.encode(e.message) for e in effects if isinstance(e, Publish)]
        return [effect for effect in effects if not isinstance(effect, Publish)]

    def say(self, member: Member, frame: bytes, now: float = 0.0) -> list[Effect]:
        message = protocol.parse(frame, 10_000_000)
        assert not isinstance(message, protocol.Refusal)
        return self.keep(self.room.receive(member, message, now, AT))

    def commit(self, effects: Sequence[Effect]) -> list[Effect]:
        entries = [effect for effect in effects if isinstance(effect, Journal)]
        self.rows += len(entries)
        return self.keep(self.room.committed(range(self.rows - len(entries) + 1, self.rows + 1)))

    def write(self, member: Member, update: bytes) -> list[Effect]:
        member.clients |= walk(update).clients  # announced, as y-websocket does before it writes
        return self.commit(self.say(member, protocol.update(update)))

    def hear(self, other: Side, which: slice = slice(None), now: float = 0.0) -> list[Effect]:
        return [
            effect
            for data in other.published[which]
            for effect in self.keep(self.room.remote(other.node, data, now))
        ]

    def text(self) -> str:
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        doc.apply_update(self.room.content.state())
        return str(doc.get("content", type=pycrdt.Text))


@pytest.fixture
def here() -> Side:
    return Side()


@pytest.fixture
def there() -> Side:
    return Side()


def kinds(effects: Sequence[Effect]) -> list[type[Effect]]:
    return [type(effect) for effect in effects]


def test_what_one_node_committed_the_other_shows(here: Side, there: Side) -> None:
    writer, reader = there.member(), here.member()
    _, update = typed("sveiki")
    there.write(writer, update)
    (shown,) = here.hear(there)
    assert isinstance(shown, Send)
    assert list(shown.to) == [reader]
    assert here.text() == "sveiki"
    assert here.hear(there) == [], "doubled"
    assert here.published == [], "nobody passes on what others said"


def test_a_client_id_is_its_owners_on_every_node(here: Side, there: Side) -> None:
    doc, update = typed("mine")
    there.write(there.member(), update)
    here.hear(there)
    _, more = typed(" and forged", doc)
    forger = here.member()
    assert kinds(here.say(forger, protocol.update(more))) == [CatchUp], "it may have been taken elsewhere"
    (answer,) = here.room.cleared(here.room.doubts.take(), 0.0)
    assert isinstance(answer, Disconnect)
    assert answer.code == 4409


def test_lost_messages_are_read_from_the_store(here: Side, there: Side) -> None:
    writer = there.member()
    doc, first = typed("one ")
    there.write(writer, first)
    _, second = typed("two ", doc)
    there.write(writer, second)
    _, third = typed("three", doc)
    there.write(writer, third)
    assert kinds(here.hear(there, slice(2, 3))) == [CatchUp, CatchUp], "incomplete, and a gap"
    assert here.text() == ""
    stored = [Foreign(writer.person, data, walk(data)) for data in (first, second, third)]
    effects, waiting = here.room.foreign(stored)
    assert kinds(effects) == [Send], "one frame for all of it"
    assert waiting == []
    assert here.text() == "one two three"
    here.room.abroad.caught_up(here.room.abroad.told())
    assert here.hear(there) == []


def test_readers_get_only_what_is_new(here: Side, there: Side) -> None:
    writer = there.member()
    here.member()
    doc, first = typed("x" * 5000)
    there.write(writer, first)
    here.hear(there)
    typed(" and more", doc)
    burst = doc.get_update(b"\x00")  # as sealed: with what was heard before
    (effect,), _ = here.room.foreign([Foreign(writer.person, burst, walk(burst))])
    assert isinstance(effect, Send)
    assert len(effect.frame) < 100
    assert here.text().endswith("x and more")


def test_a_silent_loss_shows_by_what_comes_after(here: Side, there: Side) -> None:
    one, two = there.member(), there.member()
    there.write(one, typed("from one")[1])
    there.write(two, typed("from two")[1])  # leans on nothing of the first
    effects = here.hear(there, slice(1, 2))
    assert kinds(effects) == [Send, CatchUp]


def test_who_moves_here_brings_what_others_wrote(here: Side, there: Side) -> None:
    """A client saw another person's edits on a node that had not told this one yet."""
    author, mover = there.member(), here.member()
    _, theirs = typed("theirs ")
    there.write(author, theirs)
    moved: pycrdt.Doc[Any] = pycrdt.Doc()
    moved.apply_update(theirs)
    typed("mine", moved)
    step2 = protocol.step2(moved.get_update(b"\x00"))
    assert kinds(here.say(mover, step2)) == [CatchUp]
    effects, waiting = here.room.foreign([Foreign(author.person, theirs, walk(theirs))])
    assert waiting == []
    assert kinds(effects) == [Send]
    accepted = here.room.cleared(here.room.doubts.take(), 0.0)
    (entry,) = [effect.entry for effect in accepted if isinstance(effect, Journal)]
    assert walk(entry.update).clients == {moved.client_id}, "only what is really new"
    assert entry.claims == (moved.client_id,)
    assert (entry.person, entry.inserted) == (mover.person, 4)


def test_a_deletion_that_came_along_is_not_the_movers(here: Side, there: Side) -> None:
    author, mover = there.member(), here.member()
    doc, update = typed("delete me")
    there.write(author, update)
    here.hear(there)
    before = doc.get_state()
    text = doc.get("content", type=pycrdt.Text)
    del text[0:7]
    deletion = doc.get_update(before)
    there.write(author, deletion)
    assert kinds(here.say(mover, protocol.step2(doc.get_update(b"\x00")))) == [CatchUp]
    here.room.foreign([Foreign(author.person, deletion, walk(deletion))])
    accepted = here.room.cleared(here.room.doubts.take(), 0.0)
    assert not [effect for effect in accepted if isinstance(effect, Journal)]
    assert here.text() == "me"


def test_a_viewer_is_not_closed_for_what_it_was_shown_elsewhere(here: Side, there: Side) -> None:
    author, viewer = there.member(), here.member(may_edit=False)
    doc, update = typed("seen there")
    there.write(author, update)
    assert kinds(here.say(viewer, protocol.step2(doc.get_update(b"\x00")))) == [CatchUp]
    here.hear(there)
    (answer,) = here.room.cleared(here.room.doubts.take(), 0.0)
    assert getattr(answer, "taken", None) is True


def test_nothing_is_built_on_what_is_not_committed_here(here: Side, there: Side) -> None:
    """A client moved: the node it left commits the same update as the one it came to."""
    person = uuid4()
    doc, update = typed("twice")
    on_its_way = here.say(moved := here.member(person), protocol.update(update))
    assert kinds(on_its_way) == [CatchUp]
    moved.clients.add(doc.client_id)
    on_its_way = here.room.cleared(here.room.doubts.take(), 0.0)
    there.write(there.member(person), update)
    other, more = typed("", None)
    other.apply_update(update)
    _, more = typed(" and more", other)
    there.write(there.member(), more)
    effects = here.hear(there)
    assert Send not in kinds(effects), "the engine must not get what leans on what it has not"
    assert here.text() == ""
    shown = here.commit(on_its_way)
    assert [type(effect) for effect in shown].count(Send) == 2
    assert here.text() == "twice and more"


def test_a_lost_claim_rebuilds_the_room(here: Side) -> None:
    writer = here.member()
    _, update = typed("x")
    writer.clients |= walk(update).clients
    here.say(writer, protocol.update(update))
    assert kinds(here.room.committed([None])) == [Rebuild]


def test_a_large_update_is_only_told_of(here: Side, there: Side) -> None:
    there.write(there.member(), typed("x" * 100_000)[1])
    assert len(there.published[0]) < 100
    assert kinds(here.hear(there)) == [CatchUp]


def test_edits_wait_no_longer_than_their_time() -> None:
    side = Side(parked_for=5, dead_after=1000)
    mover = side.member()
    side.say(mover, protocol.step2(typed("x")[1]), now=1.0)
    assert Disconnect not in kinds(side.room.tick(5.9))
    (closed,) = [effect for effect in side.room.tick(6.1) if isinstance(effect, Disconnect)]
    assert (closed.member, closed.code) == (mover, 4503)


def test_noise_on_the_bus_does_no_harm(here: Side) -> None:
    for data in (b"", b"\x00", b"\x01\xff\xff", b"\x07", b"\x00\x01\x02\x00\xff\xff"):
        assert here.room.remote(uuid4(), data, 0.0) == []


# --- presence


def shown(effects: Sequence[Effect]) -> dict[int, Any]:
    frames = [effect for effect in effects if isinstance(effect, Send) and effect.frame[:1] == b"\x01"]
    return {client: state for client, (_, state) in told(frames).items()}  # type: ignore[arg-type]


def present(side: Side, member: Member, client: int, clock: int, state: Any, now: float) -> list[Effect]:
    return side.say(member, protocol.awareness([body((client, clock, state))[1:]]), now)


def test_presence_crosses_and_ends(here: Side, there: Side) -> None:
    ilze = there.member()
    here.member()
    present(there, ilze, 7, 1, {"at": 3}, 1.0)
    assert shown(here.hear(there, slice(-1, None), 1.0))[7]["at"] == 3
    assert here.published == [], "only who stamped it publishes it"
    there.keep(there.room.leave(ilze, 2.0))
    assert shown(here.hear(there, slice(-1, None), 2.0)) == {7: None}


def test_presence_of_a_dead_node_expires_and_is_not_passed_on(here: Side, there: Side) -> None:
    watcher = here.member()
    present(there, there.member(), 7, 1, {"at": 3}, 1.0)
    here.hear(there, slice(-1, None), 1.0)
    watcher.heard = 100.0
    assert 7 not in shown(here.keep(here.room.tick(30.0)))
    watcher.heard = 100.0
    assert shown(here.keep(here.room.tick(32.0))) == {7: None}
    assert here.published == [], "it may be only this node that does not hear it"


def test_a_node_that_opens_a_room_is_told_who_is_there(here: Side, there: Side) -> None:
    present(there, there.member(), 7, 1, {"at": 3}, 1.0)
    here.member()
    here.keep(here.room.roll(ask=True))
    before = len(there.published)
    there.hear(here, slice(-1, None), 2.0)
    assert len(there.published) == before + 1
    assert shown(here.hear(there, slice(-1, None), 2.0))[7]["at"] == 3


def test_who_moves_does_not_vanish_with_the_old_connection(here: Side, there: Side) -> None:
    person, third = uuid4(), Side()
    third.member()
    old = there.member(person)
    present(there, old, 7, 4, {"at": 1}, 1.0)
    here.hear(there, slice(-1, None), 1.0)
    third.hear(there, slice(-1, None), 1.0)
    present(here, here.member(person), 7, 4, {"at": 2}, 2.0)  # the same clock: it only reconnected
    there.hear(here, slice(-1, None), 2.0)
    there.keep(there.room.leave(old, 3.0))  # half a minute later, say
    assert shown(third.hear(there, slice(-1, None), 3.0)) == {7: None}
    here.hear(there, slice(-1, None), 3.0)
    here.keep(here.room.tick(3.5))
    assert shown(third.hear(here, slice(-1, None), 3.6))[7]["at"] == 2, "its new node speaks up"
    present(there, there.member(), 9, 1, {}, 4.0)
    there.hear(here, slice(-1, None), 4.0)
    assert there.room.presence_for(there.member()), "and the old one knows it as well"


def test_the_newer_connection_speaks_for_a_client(here: Side, there: Side) -> None:
    person = uuid4()
    old = there.member(person)
    present(there, old, 7, 4, {"at": 1}, 1.0)
    here.hear(there, slice(-1, None), 1.0)
    new = here.member(person)
    present(here, new, 7, 5, {"at": 2}, 2.0)
    there.hear(here, slice(-1, None), 2.0)
    assert old.clients == set()
    before = len(there.published)
    there.keep(there.room.leave(old, 3.0))
    there.keep(there.room.tick(3.5))
    assert len(there.published) == before, "it has nothing to say about it any more"


def test_nobody_is_displaced_by_somebody_else(here: Side, there: Side) -> None:
    owner = there.member()
    present(there, owner, 7, 4, {"at": 1}, 1.0)
    present(here, here.member(), 7, 9, {"at": 2}, 1.0)  # has not heard that it is taken
    there.hear(here, slice(-1, None), 2.0)
    assert owner.clients == {7}
