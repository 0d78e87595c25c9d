"""Fractional order keys: a string between any two strings, so that moving one item touches one item.

Keys are compared byte by byte and hold base-62 digits. After D. Greenspan, "Implementing
Fractional Indexing" (Observable, 2020).
"""

from __future__ import annotations

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FIRST, _LAST = DIGITS[0], DIGITS[-1]


def between(low: str | None, high: str | None) -> str:
    """A key strictly between `low` and `high`; None stands for the open end.

    Raises ValueError if `low >= high` or a key ends in the lowest digit (nothing fits below it).
    """
    low = low or ""
    if high is not None and low >= high:
        raise ValueError(f"{low!r} does not come before {high!r}")
    if low.endswith(_FIRST) or (high is not None and high.endswith(_FIRST)):
        raise ValueError("an order key never ends in the lowest digit")
    if high is None:
        return _after(low)
    return _middle(low, high)


def _after(low: str) -> str:
    """The shortest key after `low`, so that appending at the end keeps keys short."""
    for index, digit in enumerate(low):
        if digit != _LAST:
            return low[:index] + DIGITS[DIGITS.index(digit) + 1]
    return low + DIGITS[len(DIGITS) // 2 if not low else 1]


def _middle(low: str, high: str) -> str:
    prefix = ""
    position = 0
    while True:
        floor = DIGITS.index(low[position]) if position < len(low) else 0
        ceiling = DIGITS.index(high[position]) if position < len(high) else len(DIGITS)
        if ceiling - floor > 1:
            return prefix + DIGITS[(floor + ceiling) // 2]
        prefix += DIGITS[floor]
        if ceiling > floor:
            high = ""
        position += 1
