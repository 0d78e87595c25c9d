"""One connection: rates, order behind large frames, and readers that fall behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from realtime import protocol, wire
from realtime.channel import Channel
from realtime.connection import Allowance
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.protocol import Awareness, Edit, Message
from realtime.session import Session
from tests.realtime.peers import Pipe, admission


class Source:
    """A document that is at some version."""

    def __init__(self) -> None:
        self.version = 0
        self.vector = {1: 0}
        self.asked: list[dict[int, int]] = []

    def state_vector(self) -> bytes:
        return wire.state_vector(self.vector)

    def catch_up(self, member: Member, state_vector: bytes) -> list[bytes]:
        self.asked.append(wire.read_state_vector(state_vector))
        return [b"diff"]

    def step(self) -> None:
        self.version += 1
        self.vector[1] += 1


class Pushing(Pipe):
    """A pipe that hands over at once."""

    offer: Callable[[bytes], bool] | None = None

    def attach(self, offer: Callable[[bytes], bool]) -> None:
        self.offer = offer

    def push(self, frame: bytes) -> None:
        assert self.offer is not None
        if not self.inbound.empty() or not self.offer(frame):
            self.inbound.put_nowait(frame)


def session(pipe: Pipe, source: Source, **limits: int) -> tuple[Session, Channel]:
    made = Session(pipe, limits=Limits(**limits), metrics=Metrics())  # type: ignore[arg-type]
    return made, made.open(Member.of(admission(uuid4())), source)


def test_an_allowance_is_an_average() -> None:
    allowance = Allowance(10, 2, 0.0)
    assert all(allowance.spend(1, 0.0) for _ in range(20))
    assert not allowance.spend(1, 0.0)
    assert allowance.spend(5, 1.0)


async def test_a_backlog_keeps_order_until_it_is_too_large() -> None:
    pipe, source = Pipe(), Source()
    one, channel = session(pipe, source, outbound=10)
    pipe.stalled = True
    source.step()
    channel.deliver(b"first")
    source.step()
    channel.deliver(b"x" * 4)
    pipe.stalled = False
    await drained(one)
    assert list(pipe.frames) == [b"first", b"xxxx"]
    assert source.asked == []


async def test_beyond_the_mark_one_diff_replaces_what_came_after_the_first() -> None:
    pipe, source = Pipe(), Source()
    one, channel = session(pipe, source, outbound=10)
    pipe.stalled = True
    source.step()
    channel.deliver(b"first")
    for _ in range(5):
        source.step()
        channel.deliver(b"x" * 8)
    assert one._backlog_bytes <= 10
    pipe.stalled = False
    await drained(one)
    assert list(pipe.frames) == [b"first", b"diff"]
    assert source.asked == [{1: 1}], "from what it has once it read the first frame"


async def test_each_channel_catches_up_on_its_own() -> None:
    pipe, source, other = Pipe(), Source(), Source()
    one, channel = session(pipe, source, outbound=30)
    second = Channel(one, channel.member, other, address=b"/2:")
    pipe.stalled = True
    for each, at in ((channel, source), (second, other), (second, other)):
        at.step()
        each.deliver(b"x" * 8)
    one.say(b"pong")
    for _ in range(3):
        source.step()
        channel.deliver(b"y" * 8)
    pipe.stalled = False
    await drained(one)
    sent = list(pipe.frames)
    assert sent[:3] == [b"x" * 8, b"/2:" + b"x" * 8, b"pong"], (
        "what began the backlog, and what is of no document"
    )
    assert sorted(sent[3:]) == [b"/2:diff", b"diff"]
    assert source.asked == [{1: 1}]
    assert other.asked == [{1: 1}]


async def test_who_reads_no_answers_is_closed() -> None:
    pipe = Pipe()
    one, _ = session(pipe, Source())
    pipe.stalled = True
    for _ in range(2001):
        one.say(b"pong")
    assert one.closing == (4529, "answers are not read")
    await one.serve(never)
    assert one._backlog_bytes <= 4 * 2000


async def test_a_forgotten_channel_is_silent() -> None:
    pipe, source = Pipe(), Source()
    one, channel = session(pipe, source)
    pipe.stalled = True
    channel.deliver(b"a")
    source.step()
    channel.deliver(b"b")
    one.forget(channel)
    pipe.stalled = False
    await drained(one)
    assert list(pipe.frames) == []


async def test_what_comes_after_a_large_frame_waits_for_it() -> None:
    pipe, seen = Pushing(), list[Message]()
    one, _ = session(pipe, Source())

    def receive(message: Message, now: float, at: datetime) -> None:
        seen.append(message)

    running = asyncio.create_task(one.serve(receive))
    while pipe.offer is None:  # noqa: ASYNC110  set when it runs
        await asyncio.sleep(0)
    large = b"\x01\x01\x01\x00\x04\x01\x01a" + wire.sized(b"x" * 100_000) + b"\x00"
    pipe.push(protocol.update(large))
    pipe.push(protocol.HEARTBEAT)
    pipe.push(b"\x03")
    async with asyncio.timeout(5):
        while len(seen) < 3:  # noqa: ASYNC110  a list, not an event
            await asyncio.sleep(0.001)
    assert [type(message) for message in seen[:2]] == [Edit, Awareness]
    pipe.inbound.put_nowait(None)
    await running


async def test_closing_does_not_wait_for_a_reader() -> None:
    pipe = Pipe()
    one, channel = session(pipe, Source())
    pipe.stalled = True
    channel.deliver(b"never read")
    one.close(4403, "out")
    await one.serve(never)
    assert pipe.closed == (4403, "out")
    channel.deliver(b"late")
    assert not pipe.frames


async def drained(one: Session) -> None:
    async with asyncio.timeout(5):
        while one.writer is not None:  # noqa: ASYNC110  it ends by itself
            await asyncio.sleep(0)


def never(message: Message, now: float, at: datetime) -> None:
    raise AssertionError(message)
