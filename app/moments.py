"""Moments as people and programs write them: a log position, or a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from app.system import System
from domain.errors import Invalid

_POSITION = re.compile(r"[0-9]{1,18}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


async def position_of(system: System, moment: str, field: str) -> int:
    """The log position that a moment means: a position up to the head, or an RFC 3339 time that was.

    A time means the last event recorded up to then. Raises Invalid (`moment_invalid`, `moment_future`).
    """
    if _POSITION.fullmatch(moment):
        position = int(moment)
        if position > await system.log.head():
            raise Invalid("the log is not that long", code="moment_future", field=field)
        return position
    time = instant(moment, field, "a moment is a log position or an RFC 3339 time")
    if time > datetime.now(UTC):
        raise Invalid("that time is yet to come", code="moment_future", field=field)
    return await system.log.position_at(time)


def instant(text: str, field: str, needed: str = "an RFC 3339 time is needed") -> datetime:
    """An RFC 3339 time, in UTC; raises Invalid (`moment_invalid`) with what is needed."""
    try:
        if not _TIME.fullmatch(text):
            raise ValueError(text)
        # microseconds are what the log knows
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(needed, code="moment_invalid", field=field) from None
