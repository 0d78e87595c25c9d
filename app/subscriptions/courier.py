"""Brings single messages to their receivers, signed, and tells what came back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from app.events.access import EventAccess
from app.events.access_log import Reader
from app.subscriptions.address_guard import AddressRefused, Resolve, resolve
from app.subscriptions.delivery_log import Attempt, Cause, Delivery, DeliveryLog, Outcome
from app.subscriptions.message import Message, compose
from app.subscriptions.posting import BrokenAnswer, Posting
from app.subscriptions.schedule import Ack, Answer, decide, parse_retry_after
from app.subscriptions.signing import BadSecret, Signer
from app.subscriptions.store import Subscriptions
from app.subscriptions.webhook import Webhook, Webhooks
from app.system import System
from domain.ports import RecordedEvent

KEYS_KEPT = 1.0  # seconds; other keys sign after that at the latest
_SIGNERS = 1_000  # webhooks whose keys are kept


class Courier:
    """To be used as a context: it keeps connections. `within`: seconds for all of an exchange."""

    def __init__(self, system: System, *, resolve: Resolve = resolve, within: float | None = None) -> None:
        self._system = system
        self.within = system.settings.webhook_timeout if within is None else within
        allowed = system.settings.webhook_allow_private
        self._posting = Posting(allow_private=allowed, resolve=resolve)
        self._signers: dict[UUID, tuple[Signer, float]] = {}
        self.webhooks = Webhooks(system.pool, system.settings.signing_key())
        self.log = DeliveryLog(system.pool)

    async def __aenter__(self) -> Courier:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._posting.close()

    async def events(self, webhook: Webhook, positions: Sequence[int]) -> list[RecordedEvent]:
        """Those of the events that the owner may see now, in this order; raises Unavailable."""
        access = EventAccess(self._system, webhook.owner)
        found = await Subscriptions(self._system.pool).events(positions)
        events = (found[position] for position in positions if position in found)
        return [event for event in events if await access.may_see(event)]

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
            signer = await self._signer(webhook.id)
            headers |= signer.headers(message.id, int(time.time()), message.body)
            async with asyncio.timeout(self.within):
                answered = await self._posting.post(webhook.url, headers, message.body)
        except BadSecret:
            return Answer(None, error="signing_key")
        except AddressRefused:
            return Answer(None, error="address_refused")
        except TimeoutError:
            return Answer(None, error="timeout")
        except BrokenAnswer:
            return Answer(None, error="protocol")
        except OSError:
            return Answer(None, error="connection")
        wish = parse_retry_after(answered.headers.get("retry-after"), datetime.now(UTC))
        return Answer(answered.status, retry_after=wish)

    async def _signer(self, webhook: UUID) -> Signer:
        """Of the keys as they were a moment ago."""
        now = time.monotonic()
        known = self._signers.get(webhook)
        if known is not None and now - known[1] < KEYS_KEPT:
            return known[0]
        signer = Signer(await self.webhooks.keys(webhook))
        if len(self._signers) >= _SIGNERS:
            self._signers.clear()
        self._signers[webhook] = (signer, now)
        return signer

    async def send_once(
        self, webhook: Webhook, message: Message, *, cause: Cause, positions: Sequence[int] = ()
    ) -> Delivery:
        """Send outside the queue because somebody asked for it, and note how it went; raises Unavailable."""
        began = time.monotonic()
        answer = await self.send(webhook, message, replayed=cause == "redelivery")
        outcome: Outcome = "delivered" if isinstance(decide(1, answer, 0.0), Ack) else "failed"
        took = milliseconds_since(began)
        attempt = Attempt(cause, positions, 1, outcome, answer.status, answer.error, took)
        return await self.log.note(webhook.id, attempt)


def milliseconds_since(began: float) -> int:
    """Since a moment of the monotonic clock."""
    return round((time.monotonic() - began) * 1000)
