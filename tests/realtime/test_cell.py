"""A room's effects are carried out in order, on members, journal and bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from realtime import protocol, wire
from realtime.cell import Cell
from realtime.crdt import EngineError, Replica
from realtime.effects import CatchUp, Publish, Rebuild, Send
from realtime.journal import Journal
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.nodes import relay
from realtime.ports import Entry
from realtime.protocol import Awareness, Edit
from realtime.room import Room
from realtime.update import walk
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import admission

DOCUMENT = uuid4()
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Heard:
    """An outlet that remembers."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def deliver(self, frame: bytes) -> None:
        self.said.append(frame)

    def answer(self, taken: bool) -> None:
        self.said.append(taken)

    def rights(self, may_edit: bool) -> None:
        self.said.append(("rights", may_edit))

    def close(self, code: int, reason: str) -> None:
        self.said.append((code, reason))


class Queue(Journal):
    """A journal whose commits the test makes."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(MemoryStore(), metrics)
        self.entries: list[Entry] = []

    def put(self, entry: Entry, committed: Callable[..., None]) -> None:
        self.entries.append(entry)


class Nodes:
    """A bus that remembers."""

    node = uuid4()
    up = True

    def __init__(self) -> None:
        self.published: list[tuple[UUID, bytes]] = []

    def publish(self, document: UUID, data: bytes) -> None:
        self.published.append((document, data))

    def subscribe(self, *_: Any) -> None:
        raise AssertionError

    def unsubscribe(self, *_: Any) -> None:
        raise AssertionError


class Stage:
    """A cell with nothing real around it."""

    def __init__(self, **limits: Any) -> None:
        self.metrics, self.bus, self.behind = Metrics(), Nodes(), []
        chosen = Limits(**limits)
        self.journal = Queue(self.metrics)
        room = Room(DOCUMENT, Replica(), {}, limits=chosen, metrics=self.metrics)
        self.cell = Cell(
            room, self.journal, self.bus, limits=chosen, metrics=self.metrics, catch_up=self.behind.append
        )

    def member(self) -> tuple[Member, list[Any]]:
        member, heard = Member.of(admission(DOCUMENT)), Heard()
        member.outlet = heard
        self.cell.enter(member, 0.0)
        return member, heard.said


def edit() -> Edit:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.get("content", type=pycrdt.Text).insert(0, "x")
    data = doc.get_update()
    return Edit(data, walk(data), step2=False)


async def test_an_edit_goes_out_after_its_commit() -> None:
    stage = Stage()
    (one, at_one), (_, at_two) = stage.member(), stage.member()
    written = edit()
    stage.cell.receive(one, written, 0.0, AT)
    assert [entry.update for entry in stage.journal.entries] == [written.data]
    assert at_one == at_two == []
    stage.cell.committed([1])
    frame = protocol.update(written.data)
    assert at_one == [frame, True], "first what it is, then that it is kept"
    assert at_two == [frame]
    assert stage.metrics.frames_sent == 2
    assert stage.cell.version == 1
    assert wire.read_state_vector(stage.cell.state_vector())


async def test_a_room_that_is_given_up_does_nothing_more() -> None:
    stage = Stage()
    member, said = stage.member()
    stage.cell.receive(member, edit(), 0.0, AT)
    stage.cell.perform([Send((member,), b"before"), Rebuild("a test says so"), Send((member,), b"after")])
    assert stage.cell.retired
    assert said == [b"before", (4503, "the document is loaded again")]
    stage.cell.committed([1])
    stage.cell.perform([Send((member,), b"late")])
    stage.cell.flush()
    assert len(said) == 2


async def test_edits_stay_with_their_client_while_too_much_waits() -> None:
    stage = Stage(journal_bytes=10)
    member, said = stage.member()
    stage.metrics.journal_bytes = 11
    stage.cell.receive(member, edit(), 0.0, AT)
    assert said == [(4503, "edits can't be saved now")]
    assert not stage.journal.entries
    stage.cell.receive(member, protocol.Step1(b"\x00"), 0.0, AT)
    assert len(said) > 1, "reading goes on"


async def test_who_is_behind_is_caught_up() -> None:
    stage = Stage()
    member, _ = stage.member()
    stage.cell.perform([CatchUp(), Publish(relay.RollCall())])
    assert stage.behind == [DOCUMENT]
    assert stage.bus.published == [(DOCUMENT, relay.encode(relay.RollCall()))]
    stage.cell.receive(member, edit(), 0.0, AT)
    stage.cell.committed([1])
    frames = stage.cell.catch_up(member, b"\x00")
    kinds = [frame[:2] for frame in frames]
    assert kinds == [b"\x00\x02", b"\x00\x01", b"\x00\x00"], "all there is, then what does it have"


async def test_an_engine_that_fails_costs_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    member, said = stage.member()

    def fails(*_: Any) -> None:
        raise EngineError("a test says so")

    monkeypatch.setattr(stage.cell.room.content, "since", fails)
    assert stage.cell.catch_up(member, b"\x00") == []
    assert stage.cell.retired
    assert said == [(4503, "the document is loaded again")]


async def test_presence_waits_for_its_moment() -> None:
    stage = Stage(awareness_interval=0.01)
    (one, _), (_, at_two) = stage.member(), stage.member()
    for clock in (1, 2, 3):
        entry = wire.varuint(7) + wire.varuint(clock) + wire.sized(b'{"cursor":1}')
        body = wire.read_bytes(protocol.awareness([entry]), 1)[0]
        stage.cell.receive(one, Awareness(body), asyncio.get_running_loop().time(), AT)
    told = len(at_two)
    assert told <= 1
    async with asyncio.timeout(5):
        while len(at_two) == told and told == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert len(at_two) == 1, "three changes, told as one"


async def test_it_knows_since_when_it_is_empty() -> None:
    stage = Stage()
    (one, _), (two, _) = stage.member(), stage.member()
    stage.cell.leave(one, 5.0)
    assert stage.cell.empty_since is None
    stage.cell.leave(two, 6.0)
    assert stage.cell.empty_since == 6.0
    stage.member()
    assert stage.cell.empty_since is None


async def test_rights_and_farewells_reach_members() -> None:
    stage = Stage()
    (one, at_one), (_, at_two) = stage.member(), stage.member()
    stage.cell.set_rights(one.person, False)
    assert at_one == [("rights", False)]
    stage.cell.disconnect(4404, "disabled")
    assert (at_one[-1], at_two) == ((4404, "disabled"), [(4404, "disabled")])
