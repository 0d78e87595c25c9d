"""Webhooks are workers of their own queues: what is leased is sent, and the answer decides what follows.

A subscription's events go out in order within each stream, since the queue hands out the oldest of
each stream only. Whether the owner may still see an event is asked when it is about to be sent, and
whether the subscription is on and its access token good when it is leased, right before.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import structlog

from app.events.access import EventAccess
from app.events.access_log import Reader
from app.events.cloud_events import BATCH, encode
from app.subscriptions.address_guard import (
    AddressRefused,
    GuardedTransport,
    Resolve,
    guarded_client,
    read_bounded,
    resolve,
)
from app.subscriptions.delivery_log import Attempt, Cause, Delivery, DeliveryLog, Outcome
from app.subscriptions.queue import Leased, Queue
from app.subscriptions.schedule import Ack, Answer, Decision, Disable, Park, Retry, decide, parse_retry_after
from app.subscriptions.signing import BadSecret, sign
from app.subscriptions.webhook import Webhook, Webhooks
from app.system import System
from domain.ports import RecordedEvent

log = structlog.get_logger(__name__)

STRUCTURED = "application/cloudevents+json"
THIN_OVER = 20 * 1024  # bytes of an encoded event
ANSWER_WITHIN = 15.0  # seconds for all of an exchange
ANSWER_READ = 64 * 1024  # bytes; what comes after that is not looked at
AT_ONCE = 8  # messages of one subscription
AT_ONCE_ON_NODE = 64
LEASE = 60.0  # seconds; an exchange, and what is noted of it, takes less
POLL = 0.25  # seconds
TRIM_EVERY = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Message:
    """What goes over the wire but for its signature. `id` is the same whenever the same is sent."""

    id: str
    content_type: str
    body: bytes


def compose(
    events: Sequence[RecordedEvent], source: str, *, batch: bool = False, thin: bool = False
) -> Message:
    """Events as one message: a structured CloudEvent, or a batch.

    One whose encoding is over 20 kB (or any, if `thin`) has, instead of `data`, a `dataref` (CloudEvents
    extension) from which it may be read with the reader's own rights.
    """
    bodies = [_encode(event, source, thin) for event in events]
    if batch:
        digest = hashlib.sha256(b"".join(event.event_id.bytes for event in events)).hexdigest()[:32]
        return Message(f"batch_{digest}", BATCH, b"[%b]" % b",".join(bodies))
    return Message(str(events[0].event_id), STRUCTURED, bodies[0])


def _encode(event: RecordedEvent, source: str, thin: bool) -> bytes:
    encoded = encode(event, source)
    if not thin and len(encoded) <= THIN_OVER:
        return encoded
    attributes: dict[str, Any] = json.loads(encoded)
    attributes.pop("data", None)
    where = f"after={event.position - 1}&before={event.position + 1}"
    attributes["dataref"] = f"{source}/api/v1/events?{where}"
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":")).encode()


def ping(subscription: UUID, source: str) -> Message:
    """A message that says nothing but that messages arrive."""
    id = str(uuid4())
    event = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": "webhook.ping",
        "subject": str(subscription),
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {},
    }
    return Message(id, STRUCTURED, json.dumps(event, separators=(",", ":")).encode())


class Courier:
    """Brings single messages to their receivers. To be used as a context: it keeps connections."""

    def __init__(self, system: System, *, resolve: Resolve = resolve, within: float = ANSWER_WITHIN) -> None:
        self._system = system
        self._within = within
        allowed = system.settings.webhook_allow_private
        self._client = guarded_client(GuardedTransport(allow_private=allowed, resolve=resolve))
        self.webhooks = Webhooks(system.pool, system.settings.signing_key())
        self.log = DeliveryLog(system.pool)

    async def __aenter__(self) -> Courier:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def events(self, webhook: Webhook, positions: Sequence[int]) -> list[RecordedEvent]:
        """Those of the events that the owner may see now; raises Unavailable."""
        access = EventAccess(self._system, webhook.owner)
        found: list[RecordedEvent] = []
        for position in positions:
            read = await self._system.log.read(after=position - 1, before=position + 1, limit=1)
            found += [event for event in read if await access.may_see(event)]
        return found

    def compose(self, webhook: Webhook, events: Sequence[RecordedEvent]) -> Message:
        """These events in the form that the webhook's owner chose; noted as read, since they leave."""
        self._system.accesses.note(Reader(webhook.owner, webhook.credential, "webhook"), events)
        source = self._system.settings.address
        return compose(events, source, batch=webhook.batch > 1, thin=webhook.thin)

    async def send(self, webhook: Webhook, message: Message, *, replayed: bool = False) -> Answer:
        """One attempt; whatever goes wrong with it is in the answer. Raises Unavailable."""
        headers = {"Content-Type": message.content_type, "User-Agent": "interlink-webhooks/1"}
        if replayed:
            headers["Interlink-Replayed"] = "true"
        try:
            keys = await self.webhooks.keys(webhook.id)
            headers |= sign(keys, message.id, int(time.time()), message.body)
            async with asyncio.timeout(self._within):
                return await self._exchange(webhook.url, headers, message.body)
        except BadSecret:
            return Answer(None, error="signing_key")
        except AddressRefused:
            return Answer(None, error="address_refused")
        except (TimeoutError, httpx.TimeoutException):
            return Answer(None, error="timeout")
        except httpx.ProtocolError:
            return Answer(None, error="protocol")
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return Answer(None, error="connection")

    async def _exchange(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        async with self._client.stream("POST", url, headers=headers, content=body) as response:
            await read_bounded(response, ANSWER_READ)
            wish = parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
            return Answer(response.status_code, retry_after=wish)

    async def send_once(
        self, webhook: Webhook, message: Message, *, cause: Cause, positions: Sequence[int] = ()
    ) -> Delivery:
        """Send outside the queue because somebody asked for it, and note how it went; raises Unavailable."""
        began = time.monotonic()
        answer = await self.send(webhook, message, replayed=cause == "redelivery")
        outcome: Outcome = "delivered" if isinstance(decide(1, answer, 0.0), Ack) else "failed"
        attempt = Attempt(cause, positions, 1, outcome, answer.status, answer.error, _since(began))
        return await self.log.note(webhook.id, attempt)


class Sending:
    """All webhooks of this node, at work."""

    def __init__(self, system: System, courier: Courier) -> None:
        self._courier = courier
        self._webhooks = courier.webhooks
        self._queue = Queue(system.pool)
        self._busy: Counter[UUID] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()

    async def run(self) -> None:
        """Send what is due, for ever; ends what is under way when cancelled (its lease then runs out)."""
        trimmed = 0.0
        try:
            while True:
                try:
                    if time.monotonic() - trimmed >= TRIM_EVERY:
                        await self._courier.log.trim()
                        trimmed = time.monotonic()
                    await self.round()
                except Exception as error:
                    log.warning("webhooks_interrupted", error=type(error).__name__)
                await self._pause()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def round(self) -> None:
        """Start sending what is due and may be sent now."""
        if len(self._tasks) >= AT_ONCE_ON_NODE:
            return
        ready = await self._queue.ready("webhook")
        quiet = await self._webhooks.quiet() if ready else set()
        random.shuffle(ready)  # none is always first
        for id in ready:
            free = min(AT_ONCE - self._busy[id], AT_ONCE_ON_NODE - len(self._tasks))
            if free > 0 and id not in quiet:
                await self._start(id, free)

    async def _start(self, id: UUID, free: int) -> None:
        webhook = await self._webhooks.find(id)
        if webhook is None:
            return
        leased = await self._queue.lease(id, max=free if webhook.batch == 1 else webhook.batch, seconds=LEASE)
        size = webhook.batch
        for group in (leased[start : start + size] for start in range(0, len(leased), size)):
            task = asyncio.create_task(self._deliver(webhook, group), name="webhook")
            self._tasks.add(task)
            self._busy[id] += 1
            task.add_done_callback(lambda done: self._ended(id, done))

    def _ended(self, id: UUID, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._busy[id] -= 1
        if self._busy[id] <= 0:
            del self._busy[id]
        self._freed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("webhook_interrupted", subscription=str(id), error=type(error).__name__)

    async def _pause(self) -> None:
        """Until something has ended, or for a moment."""
        try:
            async with asyncio.timeout(POLL):
                await self._freed.wait()
        except TimeoutError:
            return
        self._freed.clear()

    async def _deliver(self, webhook: Webhook, group: Sequence[Leased]) -> None:
        """One message, and what follows from its answer."""
        began = time.monotonic()
        events = await self._courier.events(webhook, [leased.position for leased in group])
        visible = {event.position for event in events}
        hidden = [leased.ack_id for leased in group if leased.position not in visible]
        if hidden:
            await self._queue.ack(webhook.id, hidden)
        sent = [leased for leased in group if leased.position in visible]
        if not sent:
            return
        replayed = any(leased.replayed for leased in sent)
        answer = await self._courier.send(webhook, self._courier.compose(webhook, events), replayed=replayed)
        taken = time.monotonic() - began
        chance = random.random()
        decisions = [(leased, decide(leased.attempt, answer, chance)) for leased in sent]
        attempt = Attempt(
            "replay" if replayed else "event",
            sorted(visible),
            max(leased.attempt for leased in sent),
            _outcome([decision for _, decision in decisions]),
            answer.status,
            answer.error,
            round(taken * 1000),
        )
        await self._courier.log.note(webhook.id, attempt)
        await self._follow(webhook, decisions, answer)

    async def _follow(
        self, webhook: Webhook, decisions: Sequence[tuple[Leased, Decision]], answer: Answer
    ) -> None:
        error = answer.error or f"answered {answer.status}"
        slow_down = 0.0
        for leased, decision in decisions:
            match decision:
                case Ack():
                    await self._queue.ack(webhook.id, [leased.ack_id])
                case Retry():
                    slow_down = max(slow_down, decision.slow_down)
                    await self._queue.nack(webhook.id, leased.ack_id, delay=decision.delay, error=error)
                case Park():
                    await self._queue.park(webhook.id, leased.ack_id, error=error)
                case Disable():  # before the lease ends, so that nobody takes it up again in between
                    await self._webhooks.disable(webhook.id, error)
                    await self._queue.nack(webhook.id, leased.ack_id, error=error)
        if slow_down:
            await self._webhooks.be_quiet(webhook.id, slow_down)
        if all(isinstance(decision, Ack) for _, decision in decisions):
            if webhook.state == "failing":
                await self._webhooks.works(webhook.id)
        else:
            await self._webhooks.fails(webhook.id, error)


def _outcome(decisions: Sequence[Decision]) -> Outcome:
    outcomes: tuple[tuple[type, Outcome], ...] = (
        (Disable, "disabled"),
        (Park, "parked"),
        (Retry, "retried"),
    )
    for kind, outcome in outcomes:
        if any(isinstance(decision, kind) for decision in decisions):
            return outcome
    return "delivered"


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


async def send_webhooks(system: System) -> None:
    """Send what webhooks are due, for ever."""
    async with Courier(system) as courier:
        await Sending(system, courier).run()
