"""Payloads that were kept as long as RETENTION says are emptied, once a day, and the log tells of it.

What of a payload goes is the domain's to say (`EXPIRED`, `PERSONAL`): header and leaf stay, so the log is as
provable as before, and whoever replays it finds values of the same kind. `retention` holds how far it got.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid5

import structlog
from eventsourcing.domain import AggregateEvent

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.privacy import rewriting
from app.privacy.rewriting import Blank
from app.privacy.sweeping import sweep
from app.system import System
from domain.catalogue import EVENTS
from domain.errors import Conflict
from domain.payloads import Payloads
from domain.ports import Context, EventFilter, RecordedEvent
from domain.registry import dump

log = structlog.get_logger(__name__)

DAY = 24 * 3600.0  # seconds
AT_ONCE = 500  # events in one rewrite
_NAMES = UUID("b7c2f0a4-3a0e-4f43-9d55-3f1f0d1f7c1a")  # command ids derive from it
_LOCK = "SELECT pg_try_advisory_lock(7035991, 14)"
_UNLOCK = "SELECT pg_advisory_unlock(7035991, 14)"
_THROUGH = "SELECT through FROM retention WHERE type = $1"
_REACHED = """
INSERT INTO retention (type, through) VALUES ($1, $2)
ON CONFLICT (type) DO UPDATE SET through = greatest(retention.through, excluded.through), at = now()
"""
_VIEWED = "SELECT to_regclass('view_document_versions') IS NOT NULL"
_UNVIEW = "UPDATE view_document_versions SET reason = '' WHERE position = ANY ($1::bigint[])"


@dataclass(frozen=True, slots=True)
class Expired:
    """How many payloads of a type are older than `before` (UTC) and hold something that goes."""

    type: str
    before: datetime
    payloads: int


async def retain(system: System, periods: Mapping[str, timedelta], *, dry_run: bool = False) -> list[Expired]:
    """Empty what was kept for its period; `dry_run` only counts. One answer for each type.

    Raises Conflict if another process is at it, Unavailable. Stopped anywhere it goes on there next time.
    """
    found: list[Expired] = []
    with unavailable_when_away():
        async with system.pool.acquire() as connection:
            if not await connection.fetchval(_LOCK):
                raise Conflict("another process is emptying payloads", code="retention_running")
            try:
                for type, period in sorted(periods.items()):
                    before = datetime.now(UTC) - period
                    found.append(Expired(type, before, await _retain(system, type, before, dry_run)))
            finally:
                if not connection.is_closed():
                    await connection.execute(_UNLOCK)
    if not dry_run and any(each.payloads for each in found):
        await sweep(system.pool)
    return found


async def retain_daily(system: System, periods: Mapping[str, timedelta]) -> None:
    """Do it for ever, once a day, and at the start; nothing expires without a period."""
    while periods:
        try:
            for expired in await retain(system, periods):
                if expired.payloads:
                    log.info("payloads_expired", type=expired.type, payloads=expired.payloads)
        except Conflict:
            log.debug("another node empties payloads")
        except Exception as error:
            log.warning("retention_waits", error=type(error).__name__)
        await asyncio.sleep(DAY)


async def _retain(system: System, type: str, before: datetime, dry_run: bool) -> int:
    """How many payloads of one type were emptied, or would be."""
    last = await system.log.position_at(before)
    after: int = await system.pool.fetchval(_THROUGH, type) or 0
    if not dry_run:
        await system.views.wait_all(last)  # what they read later is empty already
    count = 0
    while after < last:
        where = EventFilter(types=(type,))
        page = await system.log.read(after=after, before=last + 1, where=where, limit=AT_ONCE)
        blanks = [blank for event in page if (blank := _blank(event)) is not None]
        count += len(blanks)
        after = page[-1].position if len(page) == AT_ONCE else last
        if not dry_run:
            await _empty(system, type, before, blanks, after)
    return count


def _blank(event: RecordedEvent) -> Blank | None:
    """What is to take the place of a payload; None if it holds nothing that goes."""
    entry = EVENTS[event.type]
    payload: dict[str, Any] = json.loads(event.payload)
    values = {name: value for name, value in entry.expired_fields.items() if name in payload}
    blank = payload | values
    return None if blank == payload else (event.position, dump(blank), event.attachment)


async def _empty(system: System, type: str, before: datetime, blanks: Sequence[Blank], through: int) -> None:
    """Empty these payloads of a type, and note that it is done through a position."""
    if not blanks:
        await _note(system.pool, type, through)
        return
    command = uuid5(_NAMES, f"{type} {through}")
    await rewriting.begin(system.pool, command)
    await rewriting.stage(system.pool, command, blanks)
    replaced = await rewriting.replaced(system.pool, command)
    payloads = Payloads.expire(id=command, of=type, before=before, replaced=replaced)
    [event] = payloads.collect_events()

    async def alongside(connection: Any) -> None:
        if await connection.fetchval(_VIEWED):
            await connection.execute(_UNVIEW, [position for position, _, _ in blanks])
        await rewriting.put_in_place(connection, command, replaced)
        await connection.execute(_REACHED, type, through)

    context = Context(actor=None, command_id=command)
    await system.log.append([EVENTS.encode(cast(AggregateEvent, event))], context, alongside=alongside)


async def _note(pool: Pool, type: str, through: int) -> None:
    with unavailable_when_away():
        await pool.execute(_REACHED, type, through)
