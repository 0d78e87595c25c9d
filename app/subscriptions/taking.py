"""Deliveries with their events, for whoever delivers: only what the owner may see at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.events.access import EventAccess
from app.subscriptions.queue import Leased, Queue
from app.subscriptions.store import Subscriptions
from app.system import System
from domain.ports import RecordedEvent

BYTES = 8 * 1024 * 1024  # of payloads and attachments, beyond which no further event is taken
_ROUNDS = 50  # of leasing, when all that was leased is not to be seen any more


@dataclass(frozen=True, slots=True)
class Taken:
    """A lease, and the event that it is about."""

    lease: Leased
    event: RecordedEvent


async def take(system: System, owner: UUID, subscription: UUID, *, max: int, seconds: float) -> list[Taken]:
    """Lease up to `max` deliveries, ascending by position; what may no longer be seen is skipped.

    Empty: nothing is due, or nothing may be had. What is leased stays so for `seconds`. Raises
    Unavailable.
    """
    queue = Queue(system.pool, system.news)
    for _ in range(_ROUNDS):
        leases = await queue.lease(subscription, max=max, seconds=seconds)
        if not leases:
            return []
        taken, hidden = await _see(system, owner, leases)
        await queue.ack(subscription, [lease.ack_id for lease in hidden])
        if taken:
            fitting = _bounded(taken)
            await queue.release(subscription, [one.lease.ack_id for one in taken[fitting:]])
            return taken[:fitting]
    return []


async def _see(system: System, owner: UUID, leases: Sequence[Leased]) -> tuple[list[Taken], list[Leased]]:
    events = await Subscriptions(system.pool).events([lease.position for lease in leases])
    access = EventAccess(system, owner)
    taken: list[Taken] = []
    hidden: list[Leased] = []
    for lease in leases:
        event = events.get(lease.position)
        if event is not None and await access.may_see(event):
            taken.append(Taken(lease, event))
        else:
            hidden.append(lease)
    return taken, hidden


def _bounded(taken: Sequence[Taken]) -> int:
    """How many of them are handed out together: the first always, more as long as they are small."""
    size = 0
    for count, one in enumerate(taken):
        size += len(one.event.payload) + len(one.event.attachment or b"")
        if count and size > BYTES:
            return count
    return len(taken)
