"""A y-websocket connection: what it hands on, what ends it, and how edits are answered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from realtime import protocol, wire
from realtime.protocol import Edit, Message, Step1
from tests.realtime.peers import Pipe
from tests.realtime.test_connection import Source, drained, session

UPDATE = bytes.fromhex("0101070004010174017800")  # "x" into the text "t"
HUNG_UP = (1000, "")


async def said(*frames: bytes, **limits: int) -> tuple[list[Message], tuple[int, str] | None]:
    """What the room hears of frames until the client hangs up, and how the connection ended."""
    pipe, heard = Pipe(), list[Message]()
    one, _ = session(pipe, Source(), **limits)

    def receive(message: Message, now: float, at: datetime) -> None:
        assert abs(now - asyncio.get_running_loop().time()) < 5
        assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
        heard.append(message)

    for frame in (*frames, None):
        pipe.inbound.put_nowait(frame)
    await one.serve(receive)
    return heard, one.closing


async def test_messages_reach_the_room_in_their_order() -> None:
    heard, closed = await said(protocol.step1(b"\x00"), protocol.update(UPDATE), protocol.step1(b"\x00"))
    assert [type(message) for message in heard] == [Step1, Edit, Step1]
    assert isinstance(heard[1], Edit)
    assert heard[1].data == UPDATE
    assert closed == HUNG_UP


async def test_what_cannot_be_read_ends_the_connection_and_nothing_behind_it_counts() -> None:
    heard, closed = await said(b"\x00\x02\x03abc", protocol.update(UPDATE))
    assert heard == []
    assert closed == (4400, "malformed message")


async def test_a_frame_too_large_ends_the_connection() -> None:
    heard, closed = await said(protocol.update(UPDATE), frame=len(UPDATE))
    assert heard == []
    assert closed is not None
    assert closed[0] == 4413


@pytest.mark.parametrize(
    ("frame", "allowed"), [(b"\x03", 2), (protocol.HEARTBEAT, 2), (protocol.step1(b"\x00"), 3)]
)
async def test_presence_is_counted_apart_from_edits(frame: bytes, allowed: int) -> None:
    limits = {"updates_per_second": 3, "awareness_frames_per_second": 2, "rate_window": 1}
    within, closed = await said(*[frame] * allowed, **limits)
    assert len(within) == allowed
    assert closed == HUNG_UP
    within, closed = await said(*[frame] * (allowed + 1), **limits)
    assert len(within) == allowed
    assert closed == (4529, "too fast")


async def test_a_question_of_a_slow_reader_is_answered_when_it_reads() -> None:
    pipe, source = Pipe(), Source()
    one, channel = session(pipe, source)
    pipe.stalled = True
    source.vector = {1: 9}
    channel.deliver(b"first")
    for _ in range(1000):
        one.take(protocol.step1(wire.state_vector({1: 4, 2: 2})))
    assert one._backlog_bytes <= 5
    pipe.stalled = False
    await drained(one)
    assert source.asked == [{1: 4}], "the less of both"


async def test_who_may_not_edit_and_does_is_shown_out() -> None:
    pipe = Pipe()
    one, channel = session(pipe, Source())
    channel.answer(True)
    channel.answer(False)  # it may: that it was not taken is the room's to explain
    channel.member.may_edit = False
    channel.answer(True)  # was on its way when the right ended
    assert one.closing is None
    channel.answer(False)
    assert one.closing == (4403, "you may not edit this document")
    assert one.writer is not None
    await one.writer
    assert not pipe.frames, "the echo is the receipt"


async def test_without_its_document_the_connection_ends() -> None:
    pipe = Pipe()
    one, channel = session(pipe, Source())
    channel.close(4404, "the document is disabled")
    assert one.writer is not None
    await one.writer
    assert pipe.closed == (4404, "the document is disabled")
