"""How long payloads are kept, as an operator writes it: `access.recorded=P1Y,document.version_named=P90D`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from domain.catalogue import EVENTS

_PERIOD = re.compile(r"P([1-9][0-9]{0,4})([DWMY])", re.ASCII)
_DAYS = {"D": 1, "W": 7, "M": 30, "Y": 365}
_LONGEST = 100 * 365  # days


def periods(text: str) -> Mapping[str, timedelta]:
    """How long payloads of which type are kept; a month is 30 days, a year 365. Raises ValueError.

    Only types of which the domain says what may take the place of an old payload are taken.
    """
    found: dict[str, timedelta] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        type, _, period = part.partition("=")
        if type not in expiring():
            raise ValueError(f"no payload of type {type!r} expires, only of {', '.join(expiring())}")
        match = _PERIOD.fullmatch(period)
        days = int(match[1]) * _DAYS[match[2]] if match else 0
        if not 0 < days <= _LONGEST:
            raise ValueError(f"{type} is kept for a period of ISO 8601 up to 100 years, such as P90D or P1Y")
        if type in found:
            raise ValueError(f"{type} has one period")
        found[type] = timedelta(days=days)
    return found


def expiring() -> list[str]:
    """The types whose payloads may expire."""
    return sorted(entry.name for entry in EVENTS if entry.expired_fields)
