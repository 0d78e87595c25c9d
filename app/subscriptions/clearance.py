"""Which of the deliveries that were taken may go out: those whose events their owner may see now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from app.events.access import EventAccess
from app.subscriptions.outbox import Due, Handful
from app.subscriptions.store import Subscriptions
from app.subscriptions.webhook import Webhook
from app.system import System
from domain.errors import Unavailable
from domain.ports import RecordedEvent

log = structlog.get_logger(__name__)

BYTES = 8 * 1024 * 1024  # of events that are read together, beyond which no further one is kept
SEEN = 0.3  # seconds for which an answer about somebody's access is used again
_READERS = 1_000


@dataclass(frozen=True, slots=True)
class Cleared:
    """Of one webhook: what may be sent, with its events by position; what its owner may not see; what
    was too much at once; and what nobody could tell of."""

    webhook: Webhook
    events: Mapping[int, RecordedEvent]
    visible: Sequence[Due] = ()
    hidden: Sequence[Due] = ()
    surplus: Sequence[Due] = ()
    unclear: Sequence[Due] = ()


class Clearance:
    """For all owners."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._access: dict[UUID, tuple[EventAccess, float]] = {}

    async def of(self, handfuls: Sequence[Handful]) -> list[Cleared]:
        """What of each may go out; all their events are read together. Raises Unavailable."""
        kept = _fitting(handfuls)
        positions = {due.position for handful in handfuls for due in handful.due if due.lease in kept}
        events = await Subscriptions(self._system.pool).events(sorted(positions))
        return [await self._of_one(handful, events, kept) for handful in handfuls]

    async def _of_one(
        self, handful: Handful, events: Mapping[int, RecordedEvent], kept: set[UUID]
    ) -> Cleared:
        access = self._access_of(handful.webhook.owner)
        due = [one for one in handful.due if one.lease in kept]
        surplus = [one for one in handful.due if one.lease not in kept]
        known = [one for one in due if one.position in events]
        try:
            may = await asyncio.gather(*(access.may_see(events[one.position]) for one in known))
        except Unavailable:
            raise
        except Exception:  # one owner's must not keep back everybody's
            log.exception("webhook_not_cleared", subscription=str(handful.webhook.id))
            return Cleared(handful.webhook, events, surplus=surplus, unclear=due)
        visible = [one for one, seen in zip(known, may, strict=True) if seen]
        leases = {one.lease for one in visible}
        hidden = [one for one in due if one.lease not in leases]
        return Cleared(handful.webhook, events, visible, hidden, surplus)

    def _access_of(self, owner: UUID) -> EventAccess:
        now = time.monotonic()
        known = self._access.get(owner)
        if known is None or now - known[1] > SEEN:
            if len(self._access) >= _READERS:
                self._access.clear()
            known = self._access[owner] = (EventAccess(self._system, owner), now)
        return known[0]


def _fitting(handfuls: Sequence[Handful]) -> set[UUID]:
    """The leases of what is kept: the first of each webhook always, and more as long as all is small."""
    kept: set[UUID] = set()
    left = BYTES
    for handful in handfuls:
        for place, due in enumerate(handful.due):
            left -= due.size
            if place and left < 0:
                break
            kept.add(due.lease)
    return kept
