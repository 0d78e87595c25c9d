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
    time = _time(moment, field)
    if time > datetime.now(UTC):
        raise Invalid("that time is yet to come", code="moment_future", field=field)
    return await system.log.position_at(time)


def _time(moment: str, field: str) -> datetime:
    try:
        if not _TIME.fullmatch(moment):
            raise ValueError(moment)
        # microseconds are what the log knows
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", moment.upper())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            "a moment is a log position or an RFC 3339 time", code="moment_invalid", field=field
        ) from None
