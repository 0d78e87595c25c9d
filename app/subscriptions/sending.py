"""All webhooks of one node, at work: what is due is taken in handfuls and sent, side by side.

Messages of one stream go out one after another, and none after one that its receiver did not take. What
became of them is stored by one transaction for many, a moment later: what a crash in between loses is
sent again, and nothing is left out.

Whether a subscription is on, its access token good, and its events for its owner to see, is asked when
they are taken; what was not sent within a moment of that is given back, to be asked for again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import structlog

from app.background import background
from app.subscriptions.clearance import Clearance
from app.subscriptions.courier import Courier, milliseconds_since
from app.subscriptions.delivery_log import count
from app.subscriptions.flow import SMALLEST, Chain, Flow, chained, concluded
from app.subscriptions.outbox import WEBHOOKS, Due, Handful, Outbox, Result, Returned
from app.subscriptions.schedule import Answer
from app.subscriptions.settling import Settling
from app.system import System
from domain.errors import Unavailable
from domain.ports import RecordedEvent

log = structlog.get_logger(__name__)

AT_ONCE_OF_OWNER = 64  # messages
AT_ONCE_ON_NODE = 256
HELD = 64 * 1024 * 1024  # bytes of events in hand, beyond which no more are taken
SETTLED = 3.0  # seconds that a lease outlasts the longest exchange
POLL = 1.0  # seconds after which to look although nothing happened
TRIM_EVERY = 60.0  # seconds
FINISH = 2.0  # seconds
PAUSE = 0.005  # seconds between looks at the least
NOT_SENT = Answer(None, error="not_sent")


class Sending:
    """`run` sends for ever."""

    def __init__(self, system: System, courier: Courier) -> None:
        self._system = system
        self._courier = courier
        self._delays = system.settings.webhook_retry_delays
        self._outbox = Outbox(system.pool)
        self._settling = Settling(self._outbox, self._stored)
        self._flows: dict[UUID, Flow] = {}
        self._owners: Counter[UUID] = Counter()
        self._clearance = Clearance(system)
        self._held = 0  # bytes of events
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Send what is due, for ever; what does not end soon when this is cancelled keeps its lease."""
        try:
            async with background(self._settling.run()), background(self._hear()):
                trimmed = 0.0
                while True:
                    if time.monotonic() - trimmed >= TRIM_EVERY:
                        trimmed = time.monotonic()
                        await self._guarded(self._trim())
                    await self._guarded(self._round())
                    await self._pause()
        finally:
            await self._stop()

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Unavailable:
            log.warning("webhooks_wait")
        except Exception:  # whatever it was: webhooks must go on by themselves
            log.exception("webhooks_interrupted")

    async def _trim(self) -> None:
        now = time.monotonic()
        self._flows = {id: one for id, one in self._flows.items() if one.in_hand or one.quiet_until > now}
        await self._courier.log.trim()

    async def _stop(self) -> None:
        """Give back what was not begun, and let what is under way end, if it soon does."""
        for flow in self._flows.values():
            for chain in flow.waiting:
                self._give_back(flow, chain.rest(0))
            flow.waiting.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FINISH)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._settling.finish(FINISH)

    async def _pause(self) -> None:
        """Until something has happened, or for a moment."""
        try:
            async with asyncio.timeout(POLL):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    async def _hear(self) -> None:
        """Look when there is news of deliveries."""
        while True:
            await self._system.news.anything()
            self._woken.set()
            await asyncio.sleep(PAUSE)

    async def _round(self) -> None:
        """Take what is due and begin to send it."""
        while len(self._tasks) < AT_ONCE_ON_NODE and self._held < HELD:
            room = {id: flow.room() for id, flow in self._flows.items()}
            lease = self._courier.within + SETTLED
            handfuls = await self._outbox.take(room, otherwise=SMALLEST, seconds=lease)
            for handful in handfuls:
                flow = self._flows.setdefault(handful.webhook.id, Flow(handful.webhook))
                flow.webhook = handful.webhook
                flow.in_hand += len(handful.due)
            try:
                await self._begin(handfuls)
            except BaseException:
                for handful in handfuls:
                    self._give_back(self._flows[handful.webhook.id], handful.due)
                raise
            if len(handfuls) < WEBHOOKS:
                return

    async def _begin(self, handfuls: Sequence[Handful]) -> None:
        """Begin to send what of all that was taken may go out."""
        cleared = await self._clearance.of(handfuls)
        now = time.monotonic()
        for one in cleared:
            flow = self._flows[one.webhook.id]
            self._give_back(flow, one.surplus)
            if one.hidden:
                done = [due.lease for due in one.hidden]
                self._settling.put(Result(one.webhook, datetime.now(UTC), delivered=done))
            if one.unclear:
                self._settling.put(concluded(one.webhook, one.unclear, NOT_SENT, 0, self._delays))
            events = {due.position: one.events[due.position] for due in one.visible}
            for messages in chained(one.webhook, one.visible):
                chain = Chain(messages, events, now)
                self._held += chain.size
                flow.waiting.append(chain)
            self._start(flow)

    def _start(self, flow: Flow) -> None:
        """Send as many chains at once as may be."""
        owner = flow.webhook.owner
        while (
            flow.waiting
            and flow.under_way < flow.at_once
            and len(self._tasks) < AT_ONCE_ON_NODE
            and self._owners[owner] < AT_ONCE_OF_OWNER
        ):
            chain = flow.waiting.popleft()
            if not flow.may_send(chain):
                flow.late()
                self._held -= chain.size
                self._give_back(flow, chain.rest(0))
                continue
            flow.under_way += 1
            self._owners[owner] += 1
            task = asyncio.create_task(self._send(flow, chain), name="webhook")
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, flow, chain.size))

    def _ended(self, flow: Flow, size: int, task: asyncio.Task[None]) -> None:
        crowded = len(self._tasks) >= AT_ONCE_ON_NODE or self._owners[flow.webhook.owner] >= AT_ONCE_OF_OWNER
        self._tasks.discard(task)
        self._held -= size
        flow.under_way -= 1
        self._owners[flow.webhook.owner] -= 1
        if not self._owners[flow.webhook.owner]:
            del self._owners[flow.webhook.owner]
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            log.error("webhook_interrupted", subscription=str(flow.webhook.id), exc_info=error)
        for waiting in [flow, *self._flows.values()] if crowded else [flow]:
            self._start(waiting)

    async def _send(self, flow: Flow, chain: Chain) -> None:
        """The messages of a chain, until one is not taken or it has taken too long."""
        for place, message in enumerate(chain.messages):
            if not flow.may_send(chain):
                flow.late()
                self._give_back(flow, chain.rest(place))
                return
            try:
                result = await self._deliver(flow, message, [chain.events[due.position] for due in message])
            except Unavailable:
                self._give_back(flow, chain.rest(place))
                return
            flow.answered(result)
            self._settling.put(result)
            if result.error is not None:
                self._give_back(flow, chain.rest(place + 1))
                return
        flow.sent(len(chain.rest(0)))

    async def _deliver(self, flow: Flow, message: Sequence[Due], events: Sequence[RecordedEvent]) -> Result:
        """One message, and what follows from its answer; raises Unavailable."""
        webhook, began = flow.webhook, time.monotonic()
        replayed = any(due.replayed for due in message)
        try:
            composed = self._courier.compose(webhook, events)
            answer = await self._courier.send(webhook, composed, replayed=replayed)
        except Unavailable:
            raise
        except Exception:  # an event that cannot be sent must not be tried for ever
            log.exception("webhook_not_sent", subscription=str(webhook.id))
            answer = NOT_SENT
        result = concluded(webhook, message, answer, milliseconds_since(began), self._delays)
        if result.attempt is not None:
            count(result.attempt)
        return result

    def _give_back(self, flow: Flow, due: Sequence[Due]) -> None:
        """What was not tried is due at once."""
        if due:
            returned = [Returned(one.lease) for one in due]
            self._settling.put(Result(flow.webhook, datetime.now(UTC), returned=returned))

    def _stored(self, result: Result) -> None:
        """What was in hand is so no longer: there is room, and perhaps something next of its streams."""
        flow = self._flows.get(result.webhook.id)
        if flow is not None:
            flow.in_hand -= result.count
        self._woken.set()
        for later in {result.quiet, *(one.delay for one in result.returned)}:
            if 0 < later < TRIM_EVERY:
                asyncio.get_running_loop().call_later(later, self._woken.set)


async def send_webhooks(system: System) -> None:
    """Send what webhooks are due, for ever."""
    async with Courier(system) as courier:
        await Sending(system, courier).run()
