"""How much of one webhook is in hand and under way at once: the more, the better its receiver answers."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.subscriptions.delivery_log import Attempt, Outcome
from app.subscriptions.outbox import Due, Result, Returned
from app.subscriptions.schedule import Ack, Answer, Decision, Disable, Park, Retry, decide
from app.subscriptions.webhook import Webhook
from domain.ports import RecordedEvent

AT_ONCE = 16  # messages to one webhook
SMALLEST, LARGEST = 16, 256  # deliveries of one webhook in hand
FRESH = 0.4  # seconds after which nothing more is sent of what was taken
STOPPING = 1.0  # seconds until it is stored that nothing more is to be taken


@dataclass(frozen=True, slots=True)
class Chain:
    """Messages to be sent one after another: the deliveries of each, and their events by position.

    `seen_at`: when its owner was found to have access to all of them, on the monotonic clock.
    """

    messages: Sequence[Sequence[Due]]
    events: Mapping[int, RecordedEvent]
    seen_at: float

    @property
    def size(self) -> int:
        """Of the events, in bytes."""
        return sum(due.size for message in self.messages for due in message)

    def rest(self, start: int) -> Sequence[Due]:
        """All deliveries from one message on."""
        return [due for message in self.messages[start:] for due in message]


@dataclass(slots=True)
class Flow:
    """A webhook at work."""

    webhook: Webhook
    in_hand: int = 0  # deliveries on lease here
    under_way: int = 0  # chains
    at_once: int = 1  # chains that may be
    window: int = SMALLEST  # deliveries that may be in hand
    waiting: deque[Chain] = field(default_factory=deque)
    quiet_until: float = 0.0  # on the monotonic clock

    def may_send(self, chain: Chain) -> bool:
        """Whether what was found when a chain was taken can still be relied on."""
        now = time.monotonic()
        return now >= self.quiet_until and now - chain.seen_at <= FRESH

    def room(self) -> int:
        """How many deliveries more to take now; a few are not worth it."""
        if time.monotonic() < self.quiet_until:
            return 0
        most = max(self.window, self.webhook.batch)
        return most - self.in_hand if self.in_hand <= most // 2 else 0

    def answered(self, result: Result) -> None:
        """The receiver took a message, or did not, or wants no more of them."""
        self.at_once = min(AT_ONCE, self.at_once * 2) if result.error is None else 1
        if result.gone or result.quiet:
            self.quiet_until = max(self.quiet_until, time.monotonic() + max(result.quiet, STOPPING))

    def sent(self, count: int) -> None:
        """So many deliveries of a chain were sent in time."""
        self.window = min(LARGEST, self.window + count)

    def late(self) -> None:
        """A chain had to be given back unsent."""
        self.window = max(SMALLEST, self.window // 2)


def chained(webhook: Webhook, due: Sequence[Due]) -> list[list[list[Due]]]:
    """Deliveries (ascending) as chains of messages.

    Single events go side by side, one chain for each stream; batches one after another, as full as they get.
    """
    if webhook.batch > 1:
        size = webhook.batch
        return [[list(due[start : start + size]) for start in range(0, len(due), size)]] if due else []
    streams: dict[object, list[list[Due]]] = {}
    for one in due:
        streams.setdefault(one.stream, []).append([one])
    return list(streams.values())


def concluded(
    webhook: Webhook, message: Sequence[Due], answer: Answer, took: int, delays: Sequence[float]
) -> Result:
    """What follows from an answer that took so many milliseconds."""
    chance = random.random()
    decisions = [(due, decide(due.attempt, answer, chance, delays)) for due in message]
    attempt = Attempt(
        "replay" if any(due.replayed for due in message) else "event",
        [due.position for due in message],
        max(due.attempt for due in message),
        _outcome([decision for _, decision in decisions]),
        answer.status,
        answer.error,
        took,
    )
    error = None if attempt.outcome == "delivered" else answer.error or f"answered {answer.status}"
    return Result(
        webhook,
        datetime.now(UTC),
        delivered=[due.lease for due, decision in decisions if isinstance(decision, Ack)],
        returned=[
            _returned(due, decision, error) for due, decision in decisions if not isinstance(decision, Ack)
        ],
        attempt=attempt,
        error=error,
        gone=attempt.outcome == "disabled",
        quiet=max(getattr(decision, "slow_down", 0.0) for _, decision in decisions),
    )


def _returned(due: Due, decision: Decision, error: str | None) -> Returned:
    delay = decision.delay if isinstance(decision, Retry) else 0.0
    return Returned(due.lease, delay, parked=isinstance(decision, Park), error=error)


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
