"""The bus between nodes on Redis pub/sub. It carries hints only: what it loses is read from PostgreSQL.

Each open document has a channel. A node also talks to itself on a channel of its own, each second:
that this comes back shows that both directions work, and how far Redis lags behind.

Channels and messages are bound to SECRET_KEY: what another installation, or a stranger who got into
Redis, publishes is not listened to.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

logger = logging.getLogger(__name__)

_QUEUE_MESSAGES, _QUEUE_BYTES = 10_000, 16 * 1024 * 1024  # what may wait for Redis
_TOGETHER = 500  # messages or channels in one exchange
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between two tries to reach Redis
_SLICE = 0.005  # seconds of handing out between two breaths
_SIGNED = 16  # bytes of the signature, and of a node's name


@dataclass(slots=True)
class BusMetrics:
    """`lag` is a gauge, in seconds; everything else only grows."""

    published: int = 0
    received: int = 0
    dropped: int = 0  # not published: Redis was away, or too much waited for it
    strange: int = 0  # not signed with this installation's key
    lost: int = 0  # times that Redis went away
    lag: float = 0.0  # how long the last message took from this node to itself


@dataclass(slots=True)
class _Subscription:
    document: UUID
    heard: Callable[[UUID, bytes], None]
    subscribed: Callable[[], None]


class RedisBus:
    """Implements Bus. `up` while messages go out and come back within `patience` seconds."""

    def __init__(self, url: str, key: bytes, *, patience: float = 5.0) -> None:
        self.node = uuid4()
        self.metrics = BusMetrics()
        self._key = blake2b(key, digest_size=32, person=b"interlink-bus").digest()
        self._prefix = f"interlink:{blake2b(self._key, digest_size=6).hexdigest()}:".encode()
        self._patience = patience
        self._redis = Redis.from_url(
            url,
            socket_timeout=patience,
            socket_connect_timeout=patience,
            # Trying again is done here: reader and writer of one connection would each open another.
            retry=Retry(NoBackoff(), 0, supported_errors=()),
            health_check_interval=0,
        )
        self._subscriptions: dict[bytes, _Subscription] = {}
        self._wishes: asyncio.Event = asyncio.Event()
        self._asked: set[bytes] = set()  # channels that Redis was told to send
        self._changed: dict[bytes, None] = {}  # channels whose wish may differ from that
        self._outgoing: deque[tuple[bytes, bytes]] = deque()
        self._outgoing_bytes = 0
        self._waiting = asyncio.Event()
        self._own = self._prefix + b"node:" + self.node.hex.encode()
        self._heard_own = float("-inf")  # when (monotonic) this node last heard itself
        self._away = True
        self._trouble: str | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- the port

    @property
    def up(self) -> bool:
        """Whether messages go out and come back."""
        return not self._away

    @property
    def trouble(self) -> str | None:
        """What keeps Redis away, in a word; None while it is there."""
        return (self._trouble or "connecting") if self._away else None

    def publish(self, document: UUID, data: bytes) -> None:
        """Tell the other nodes, or drop it: never waits, never raises."""
        if self._away or self._outgoing_bytes > _QUEUE_BYTES or len(self._outgoing) >= _QUEUE_MESSAGES:
            self.metrics.dropped += 1
        else:
            self._put(self._channel(document), data)

    def subscribe(
        self, document: UUID, heard: Callable[[UUID, bytes], None], subscribed: Callable[[], None]
    ) -> None:
        """Call `heard` with node and message; `subscribed` each time when that has begun."""
        channel = self._channel(document)
        self._subscriptions[channel] = _Subscription(document, heard, subscribed)
        self._wish(channel)

    def unsubscribe(self, document: UUID) -> None:
        """Stop calling."""
        channel = self._channel(document)
        if self._subscriptions.pop(channel, None) is not None:
            self._wish(channel)

    async def start(self) -> None:
        """Begin to reach Redis. Returns at once, whether it is there or not."""
        self._tasks = [
            asyncio.create_task(self._listen(), name="bus subscriber"),
            asyncio.create_task(self._send(), name="bus publisher"),
        ]

    async def stop(self) -> None:
        """Send what still waits, for a moment, and end."""
        deadline = time.monotonic() + 1
        while self._outgoing and not self._away and time.monotonic() < deadline:  # noqa: ASYNC110  rare
            await asyncio.sleep(0.01)
        while waiting := [task for task in self._tasks if not task.done()]:
            for task in waiting:
                task.cancel()
            await asyncio.wait(
                waiting, timeout=0.1
            )  # a group that fails just then forgets that it was cancelled
        self._away = True
        await self._redis.aclose()

    # --- messages

    def _channel(self, document: UUID) -> bytes:
        return self._prefix + b"document:" + document.hex.encode()

    def _sign(self, channel: bytes, body: bytes) -> bytes:
        return blake2b(channel + body, key=self._key, digest_size=_SIGNED).digest()

    def _put(self, channel: bytes, data: bytes) -> None:
        body = self.node.bytes + data
        self._outgoing.append((channel, self._sign(channel, body) + body))
        self._outgoing_bytes += len(data)
        self._waiting.set()

    def _take(self, channel: bytes, message: bytes) -> None:
        """One message came in."""
        body = message[_SIGNED:]
        if len(body) < _SIGNED or not hmac.compare_digest(message[:_SIGNED], self._sign(channel, body)):
            self.metrics.strange += 1
            return
        if channel == self._own:
            self._take_own(float(body[_SIGNED:]))
            return
        subscription = self._subscriptions.get(channel)
        node = UUID(bytes=body[:_SIGNED])
        if subscription is None or node == self.node:
            return
        self.metrics.received += 1
        try:
            subscription.heard(node, body[_SIGNED:])
        except Exception:  # one document's failure must not stop the others' messages
            logger.exception("document %s failed on a message", subscription.document)

    def _take_own(self, sent: float) -> None:
        self._heard_own = time.monotonic()
        self.metrics.lag = self._heard_own - sent
        if self._away:
            self._away, self._trouble = False, None
            logger.info("Redis carries messages")

    # --- publishing

    async def _send(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            await self._waiting.wait()
            batch = self._next_batch()
            try:
                async with self._redis.pipeline(transaction=False) as pipe:
                    for channel, message in batch:
                        pipe.publish(channel, message)
                    await pipe.execute(raise_on_error=True)
                pause = _FIRST_PAUSE
                self.metrics.published += len(batch)
            except Exception as error:  # the same
                self.metrics.dropped += len(batch) + len(self._outgoing)
                self._forget_outgoing()
                self._lose(error)
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _next_batch(self) -> Sequence[tuple[bytes, bytes]]:
        count = min(len(self._outgoing), _TOGETHER)
        batch = [self._outgoing.popleft() for _ in range(count)]
        self._outgoing_bytes -= sum(len(message) - 2 * _SIGNED for _, message in batch)
        if not self._outgoing:
            self._waiting.clear()
        return batch

    def _forget_outgoing(self) -> None:
        self._outgoing.clear()
        self._outgoing_bytes = 0
        self._waiting.clear()

    def _lose(self, error: BaseException) -> None:
        if not self._away:
            self._away = True
            self.metrics.lost += 1
        if self._trouble != type(error).__name__:  # told once, not at each try
            self._trouble = type(error).__name__
            logger.warning("Redis is away: %s", self._trouble)

    # --- subscribing

    async def _listen(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                async with self._redis.pubsub() as pubsub:
                    await self._take_part(pubsub)
            except* Exception as group:  # whatever it was: messages must come back by themselves
                self._lose(group.exceptions[0])
            if time.monotonic() - began > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _take_part(self, pubsub: PubSub) -> None:
        """Listen on one connection until it fails or is silent."""
        await pubsub.subscribe(self._own)
        self._asked.clear()
        self._changed = dict.fromkeys(self._subscriptions)
        self._wishes.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(pubsub))
            group.create_task(self._follow_wishes(pubsub))
            group.create_task(self._watch())

    async def _read(self, pubsub: PubSub) -> None:
        breath = time.monotonic() + _SLICE
        async for message in pubsub.listen():
            if message["type"] == "message":
                self._take(message["channel"], message["data"])
            elif message["type"] == "subscribe":
                self._confirm(message["channel"])
            if time.monotonic() > breath:  # what is there already is read without waiting
                await asyncio.sleep(0)
                breath = time.monotonic() + _SLICE

    def _confirm(self, channel: bytes) -> None:
        subscription = self._subscriptions.get(channel)
        if subscription is not None and channel in self._asked:
            subscription.subscribed()

    def _wish(self, channel: bytes) -> None:
        self._changed[channel] = None
        self._wishes.set()

    async def _follow_wishes(self, pubsub: PubSub) -> None:
        while True:
            await self._wishes.wait()
            changed = list(self._changed)[:_TOGETHER]
            for channel in changed:
                del self._changed[channel]
            if not self._changed:
                self._wishes.clear()
            # A channel that was left and wanted again meanwhile is asked for again: its new
            # subscriber must hear when that has begun.
            wanted = [channel for channel in changed if channel in self._subscriptions]
            given_up = [c for c in changed if c not in self._subscriptions and c in self._asked]
            self._asked.update(wanted)
            self._asked.difference_update(given_up)
            if wanted:
                await pubsub.subscribe(*wanted)
            if given_up:
                await pubsub.unsubscribe(*given_up)

    async def _watch(self) -> None:
        """Talk to oneself; raises TimeoutError when nothing comes back."""
        since = time.monotonic()
        while True:
            self._put(self._own, repr(time.monotonic()).encode())
            await asyncio.sleep(min(1.0, self._patience / 3))
            if time.monotonic() - max(since, self._heard_own) > self._patience:
                raise TimeoutError


def is_redis_url(value: str) -> bool:
    """Whether a value is an address of Redis: redis://, rediss:// (TLS) or unix://."""
    try:
        parse_url(value)
    except ValueError:
        return False
    return urlsplit(value).scheme != "unix" or bool(urlsplit(value).path)
