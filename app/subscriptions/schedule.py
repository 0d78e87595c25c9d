"""When a webhook is tried again: a pure function of how often it was tried and what was answered.

The delays are those that Standard Webhooks proposes. Only 2xx is success; a redirect is not followed
and is a failure; 410 means that the receiver is gone for good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MINUTE, _HOUR = 60.0, 3600.0
DELAYS = (
    0.0,
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)  # seconds before each attempt, counted from the end of the one before it
JITTER = 0.2  # at most this part is added, so that what failed together does not come back together
LONGEST_WISH = 24 * _HOUR  # of a Retry-After
_GONE = 410
_BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or None and the class of the error. `retry_after` in seconds."""

    status: int | None
    retry_after: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """Delivered."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `delay` seconds; `slow_down`: leave the receiver alone altogether for so long."""

    delay: float
    slow_down: float = 0.0


@dataclass(frozen=True, slots=True)
class Park:
    """Tried often enough: set aside, and tell the owner."""


@dataclass(frozen=True, slots=True)
class Disable:
    """The receiver does not want any more, ever."""


Decision = Ack | Retry | Park | Disable


def decide(attempt: int, answer: Answer, chance: float, delays: Sequence[float] = DELAYS) -> Decision:
    """What to do after an attempt (the first is 1); `chance` is a random number in [0, 1).

    `delays`: seconds before each attempt, of which there are as many. Retry-After makes one longer, never
    shorter: it must not use up all attempts within minutes.
    """
    if answer.error is None and answer.status is not None and 200 <= answer.status < 300:
        return Ack()
    if answer.status == _GONE:
        return Disable()
    if attempt >= len(delays):
        return Park()
    wish = min(answer.retry_after or 0.0, LONGEST_WISH)
    delay = max(delays[max(attempt, 1)], wish) * (1 + JITTER * chance)
    if answer.status in _BUSY:
        return Retry(delay, slow_down=max(wish, delays[1]))
    return Retry(delay)


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3), a number or a date; None if it has none."""
    if header is None or len(header) > 100:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
