"""What a room says to one member, on a connection that may carry other documents too."""

from __future__ import annotations

from realtime import protocol, wire
from realtime.channel import Channel, addressed
from tests.realtime.peers import Pipe
from tests.realtime.test_connection import Source, drained, session


async def test_frames_go_out_at_once_while_the_reader_reads() -> None:
    pipe, source = Pipe(), Source()
    _, channel = session(pipe, source)
    channel.deliver(b"a")
    channel.deliver(b"b")
    assert list(pipe.frames) == [b"a", b"b"]


async def test_a_frame_goes_under_the_address_of_its_document() -> None:
    pipe = Pipe()
    one, plain = session(pipe, Source())
    first, second = (Channel(one, plain.member, Source(), address) for address in (b"/1:", b"/2:"))
    frame = b"text"
    for channel in (first, second, plain, first):
        channel.deliver(frame)
    first.deliver(b"more")
    assert list(pipe.frames) == [b"/1:text", b"/2:text", b"text", b"/1:text", b"/1:more"]


async def test_what_waited_is_under_its_address_too_and_so_is_the_diff() -> None:
    pipe = Pipe()
    one, plain = session(pipe, Source(), outbound=12)
    pipe.stalled = True
    source = Source()
    channel = Channel(one, plain.member, source, b"/2:")
    for _ in range(3):
        source.step()
        channel.deliver(b"x" * 8)
    pipe.stalled = False
    await drained(one)
    assert list(pipe.frames) == [b"/2:xxxxxxxx", b"/2:diff"]


def test_each_reader_gets_what_was_made_for_the_first() -> None:
    frame, other = b"text", b"other"
    made = addressed(b"/1:", frame)
    assert made == b"/1:text"
    assert addressed(b"/1:", frame) is made
    assert addressed(b"", frame) is frame
    assert addressed(b"/2:", frame) == b"/2:text"
    assert addressed(b"/1:", frame) is made, "several addresses of one frame"
    assert addressed(b"/1:", other) == b"/1:other"
    assert addressed(b"/1:", frame) == b"/1:text"


async def test_who_is_behind_gets_one_diff_from_what_is_known_of_it() -> None:
    pipe, source = Pipe(), Source()
    one, channel = session(pipe, source)
    pipe.stalled = True
    one.say(b"pong")
    source.vector = {1: 8}
    channel.fall_behind(wire.state_vector({1: 5}))
    source.step()
    channel.deliver(b"part of the diff")
    assert channel.queued == 0
    pipe.stalled = False
    await drained(one)
    assert list(pipe.frames) == [b"pong", b"diff"]
    assert source.asked == [{1: 5}]
    source.step()
    channel.deliver(b"news")
    assert list(pipe.frames) == [b"pong", b"diff", b"news"], "and goes on as before"


async def test_after_a_pause_it_catches_up_from_where_the_new_one_began() -> None:
    pipe, source = Pipe(), Source()
    one, channel = session(pipe, source, outbound=10)
    for _ in range(2):
        pipe.stalled = True
        for _ in range(3):
            source.step()
            channel.deliver(b"x" * 8)
        pipe.stalled = False
        await drained(one)
    assert source.asked == [{1: 1}, {1: 4}]


async def test_less_rights_are_told_and_more_have_no_word() -> None:
    pipe = Pipe()
    _, channel = session(pipe, Source())
    channel.rights(True)
    assert not pipe.frames
    channel.rights(False)
    assert list(pipe.frames) == [protocol.denied("you may not edit this document any more")]


async def test_nothing_goes_out_behind_the_end() -> None:
    pipe = Pipe()
    one, channel = session(pipe, Source())
    channel.close(4403, "out")
    channel.close(4404, "a second word is not heard")
    channel.deliver(b"late")
    channel.rights(False)
    assert one.writer is not None
    await one.writer
    assert pipe.closed == (4403, "out")
    assert not pipe.frames
