"""Moments of the log as people choose them in forms: a place, or a date and time in UTC."""

from __future__ import annotations

from datetime import datetime

from app.moments import position_of
from app.pages.page import Page
from domain.errors import Invalid


async def place(page: Page, moment: str, field: str, *, code: str = "place_unknown") -> int:
    """The log position that a position or RFC 3339 time means; raises Invalid with a code for forms."""
    try:
        return await position_of(page.system, moment, field)
    except Invalid as refusal:
        raise Invalid(str(refusal), code=code, field=field) from None


def position(text: str) -> int | None:
    """A log position in decimal digits; None if this is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def as_rfc3339(local: str) -> str:
    """What a `datetime-local` field sends, taken as UTC."""
    return f"{local}:00Z" if len(local) == len("2026-01-31T12:00") else f"{local}Z"


def local_time(at: datetime) -> str:
    """A moment (UTC) as a `datetime-local` field shows it, to the minute."""
    return at.strftime("%Y-%m-%dT%H:%M")
