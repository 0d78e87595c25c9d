"""The bus on a real Redis: what gets through, what is dropped, and what happens when Redis goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from app.documents.redis import RedisBus, is_redis_url
from tests.proxy import proxy_to_port
from tests.redis import redis_server

KEY = b"a key of this installation"


class Listener:
    """Remembers what it heard about a document."""

    def __init__(self, bus: RedisBus, document: UUID) -> None:
        self.heard: list[tuple[UUID, bytes]] = []
        self.subscribed = 0
        bus.subscribe(document, lambda node, data: self.heard.append((node, data)), self._subscribed)

    def _subscribed(self) -> None:
        self.subscribed += 1


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  it may be anything
            await asyncio.sleep(0.005)


@asynccontextmanager
async def bus(url: str, key: bytes = KEY, patience: float = 60.0) -> AsyncIterator[RedisBus]:
    """A running bus, with patience for a machine that stands still."""
    running = RedisBus(url, key, patience=patience)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def test_a_message_reaches_the_others_and_not_oneself(redis_url: str) -> None:
    document = uuid4()
    async with bus(redis_url) as one, bus(redis_url) as two:
        heard_one, heard_two, other = Listener(one, document), Listener(two, document), Listener(two, uuid4())
        await until(lambda: heard_one.subscribed > 0 and heard_two.subscribed > 0 and one.up and two.up)
        one.publish(document, b"\x00\xff\r\nbytes")
        two.publish(document, b"back")
        await until(lambda: bool(heard_two.heard and heard_one.heard))
        assert heard_two.heard == [(one.node, b"\x00\xff\r\nbytes")]
        assert heard_one.heard == [(two.node, b"back")]
        assert other.heard == []
        assert (one.metrics.received, one.metrics.dropped, one.metrics.strange) == (1, 0, 0)
        assert 0 < one.metrics.lag < 60


async def test_subscriptions_come_and_go(redis_url: str) -> None:
    documents = [uuid4() for _ in range(1200)]
    async with bus(redis_url) as one, bus(redis_url) as two:
        await until(lambda: one.up and two.up)
        listeners = [Listener(one, document) for document in documents]
        await until(lambda: all(listener.subscribed == 1 for listener in listeners))
        for document in documents:
            two.publish(document, b"x")
        await until(lambda: all(len(listener.heard) == 1 for listener in listeners))
        for document in documents[1:]:
            one.unsubscribe(document)
        again = Listener(one, documents[1])  # left and wanted again at once
        await until(lambda: again.subscribed == 1)
        for document in documents[:3]:
            two.publish(document, b"y")
        await until(lambda: len(listeners[0].heard) == 2 and len(again.heard) == 1)
        assert len(listeners[1].heard) == len(listeners[2].heard) == 1
        watcher, left = Redis.from_url(redis_url), len(documents)
        async with asyncio.timeout(60):
            while left > 2:  # Redis is told to stop sending the others
                left = sum([b"document" in name for name in await watcher.pubsub_channels()])
        assert left == 2
        await watcher.aclose()


async def test_what_is_not_signed_is_not_heard(redis_url: str) -> None:
    document = uuid4()
    async with bus(redis_url) as one, bus(redis_url) as two, bus(redis_url, b"another") as stranger:
        heard = Listener(one, document)
        Listener(stranger, document)
        await until(lambda: heard.subscribed == 1 and one.up and two.up and stranger.up)
        stranger.publish(document, b"from next door")
        intruder = Redis.from_url(redis_url)
        channel = one._channel(document)
        await intruder.publish(channel, b"\x00" * 40)
        await intruder.publish(channel, b"short")
        moved = one._sign(one._channel(uuid4()), two.node.bytes + b"x") + two.node.bytes + b"x"
        await intruder.publish(channel, moved)  # signed, for another document
        await intruder.aclose()
        two.publish(document, b"ours")
        await until(lambda: bool(heard.heard))
        assert heard.heard == [(two.node, b"ours")]
        assert one.metrics.strange == 3


async def test_a_failing_listener_stops_nobody(redis_url: str) -> None:
    bad, good = uuid4(), uuid4()

    def fail(node: UUID, data: bytes) -> None:
        raise ValueError("no")

    async with bus(redis_url) as one, bus(redis_url) as two:
        one.subscribe(bad, fail, lambda: None)
        heard = Listener(one, good)
        await until(lambda: heard.subscribed == 1 and two.up)
        two.publish(bad, b"x")
        two.publish(good, b"y")
        await until(lambda: len(heard.heard) == 1)


async def test_redis_goes_and_comes_back() -> None:
    document = uuid4()
    with redis_server() as server:
        async with bus(server.url) as one, bus(server.url) as two:
            heard = Listener(one, document)
            await until(lambda: heard.subscribed == 1 and one.up and two.up)
            server.kill()
            await until(lambda: not one.up and not two.up)
            assert one.trouble
            two.publish(document, b"lost")
            assert two.metrics.dropped == 1
            server.start()
            await until(lambda: heard.subscribed == 2 and one.up and two.up)
            two.publish(document, b"again")
            await until(lambda: bool(heard.heard))
            assert heard.heard == [(two.node, b"again")]
            assert one.metrics.lost == 1


async def test_a_silent_network_counts_as_away() -> None:
    document = uuid4()
    with redis_server() as server:
        async with (
            proxy_to_port(server.port) as proxy,
            bus(proxy.redis_url, patience=0.5) as one,
            bus(server.url) as two,
        ):
            heard = Listener(one, document)  # so little patience may have an end at any time
            await until(lambda: heard.subscribed > 0 and one.up and two.up)
            proxy.hold()  # nothing gets through, nothing is refused
            await until(lambda: not one.up)
            before = heard.subscribed
            for _ in range(30_000):
                one.publish(document, b"x" * 1000)
            assert len(one._outgoing) <= 10_000
            proxy.let_go()
            await until(lambda: heard.subscribed > before and one.up)
            async with asyncio.timeout(60):
                while (two.node, b"after") not in heard.heard:
                    two.publish(document, b"after")
                    await asyncio.sleep(0.05)


async def test_what_waits_for_redis_is_bounded(redis_url: str) -> None:
    async with bus(redis_url) as one:
        await until(lambda: one.up)
        document = uuid4()
        for _ in range(20_000):  # without a breath, so nothing leaves
            one.publish(document, b"x" * 2000)
        assert one._outgoing_bytes <= 17 * 1024 * 1024
        assert one.metrics.dropped > 10_000
        await until(lambda: not one._outgoing)
        assert one._outgoing_bytes == 0
        assert one.up, "it was only busy"


async def test_nobody_there() -> None:
    async with bus("redis://127.0.0.1:9/0") as one:
        one.publish(uuid4(), b"x")
        await until(lambda: one.trouble == "ConnectionError")
        assert not one.up


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("redis://localhost", True),
        ("rediss://user:secret@redis.example:6380/1", True),
        ("unix:///run/redis.sock?db=1", True),
        ("unix://", False),
        ("http://localhost", False),
        ("localhost:6379", False),
        ("redis://localhost:port", False),
    ],
)
def test_addresses(value: str, good: bool) -> None:
    assert is_redis_url(value) is good
