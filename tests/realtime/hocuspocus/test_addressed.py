"""One of many documents on a socket: what must not get lost goes out as it is, the rest may become a diff."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from realtime import protocol, wire
from realtime.hocuspocus import protocol as hocuspocus
from realtime.hocuspocus.addressed import AddressedChannel
from realtime.hocuspocus.multiplex import Multiplex
from realtime.hocuspocus.place import Place
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from tests.realtime.lines import Door, to, typed
from tests.realtime.peers import Pipe, admission
from tests.realtime.test_cell import Stage

STEP1 = protocol.step1(b"\x00")


class Stay:
    """A member of a document on a socket where nobody listens to what the client says."""

    def __init__(self, *, may_edit: bool = True, **limits: Any) -> None:
        self.pipe, self.stage = Pipe(), Stage()
        door: Any = None
        self.connection = Multiplex(self.pipe, door, Door().admit, limits=Limits(**limits), metrics=Metrics())
        envelope = hocuspocus.open_frame(to("d", STEP1), 100)
        assert isinstance(envelope, hocuspocus.Envelope)
        self.place = Place(self.connection, envelope, door=door, admit=Door().admit)
        self.member = Member.of(admission(uuid4(), may_edit=may_edit))
        self.channel = AddressedChannel(self.connection, self.member, self.stage.cell, self.place)

    def write(self, words: str) -> bytes:
        """Something is committed in the room; the frame that tells of it."""
        frame = typed(words)
        self.stage.cell.room.content.apply([wire.read_bytes(frame, 2)[0]])
        return frame

    async def heard(self) -> list[bytes]:
        """What the reader got, once it reads again."""
        self.pipe.stalled = False
        async with asyncio.timeout(5):
            while self.connection.writer is not None:  # noqa: ASYNC110  it ends by itself
                await asyncio.sleep(0)
        return list(self.pipe.frames)


async def test_frames_go_under_the_name_of_their_document() -> None:
    stay = Stay()
    frame = stay.write("x")
    stay.channel.deliver(frame)
    stay.channel.deliver(STEP1)
    assert await stay.heard() == [to("d", frame), to("d", STEP1)]


async def test_a_question_of_the_server_is_not_lost_in_a_diff() -> None:
    stay = Stay(outbound=200)
    stay.pipe.stalled = True
    stay.channel.deliver(stay.write("first"))
    stay.channel.deliver(stay.write("second"))
    stay.channel.deliver(STEP1)
    last = [stay.write("x" * 150) for _ in range(3)][-1]
    for _ in range(3):
        stay.channel.deliver(last)
    heard = await stay.heard()
    assert heard.count(to("d", STEP1)) == 1, "the one that was asked, and none of the diff's own"
    assert to("d", last) not in heard, "the diff stands for it"


async def test_an_answer_to_such_a_question_brings_no_receipt() -> None:
    stay = Stay()
    receipts = stay.place.receipts
    stay.channel.deliver(STEP1)
    receipts.edit(step2=True)
    assert receipts.answer(True) == [], "the client did not count it"
    stay.channel.deliver(stay.write("x"))
    receipts.edit(step2=True)
    assert receipts.answer(True) == [True]


@pytest.mark.parametrize("may_edit", [True, False])
async def test_catching_up_asks_nothing(may_edit: bool) -> None:
    stay = Stay(may_edit=may_edit)
    stay.write("x")
    frames = stay.channel.catch_up(b"\x00")
    assert frames
    assert not [frame for frame in frames if frame.startswith(STEP1[:2])]


async def test_rights_are_told_both_ways() -> None:
    stay = Stay()
    stay.channel.rights(False)
    stay.channel.rights(True)
    told = [to("d", hocuspocus.authenticated(may_edit)) for may_edit in (False, True)]
    assert await stay.heard() == told


async def test_of_a_stay_that_is_over_nothing_goes_out() -> None:
    stay = Stay()
    stay.channel.over = True
    stay.channel.deliver(stay.write("x"))
    stay.channel.deliver(STEP1)
    stay.channel.rights(False)
    assert await stay.heard() == []
    stay.place.receipts.edit(step2=True)
    assert stay.place.receipts.answer(True) == [True], "what was not asked is not awaited"
