"""What failed is tried less and less often: by key, doubling the pause up to a bound."""

from __future__ import annotations

from uuid import UUID

_FIRST, _LONGEST = 1.0, 60.0  # seconds


class Backoff:
    """When each of many things may be tried again; times are monotonic seconds."""

    def __init__(self, first: float = _FIRST, longest: float = _LONGEST) -> None:
        self._first, self._longest = first, longest
        self._until: dict[UUID, tuple[float, float]] = {}  # when, and the pause before

    def __len__(self) -> int:
        """How many failed at their last try."""
        return len(self._until)

    def may_try(self, key: UUID, now: float) -> bool:
        """Whether its pause is over, if it failed."""
        return key not in self._until or now >= self._until[key][0]

    def failed(self, key: UUID, now: float) -> float:
        """Note a failure; returns the pause that begins now, in seconds.

        A failure long after the last one is a first one.
        """
        until, pause = self._until.get(key, (float("-inf"), 0.0))
        pause = self._first if now - until > self._longest else min(pause * 2, self._longest)
        self._until[key] = (now + pause, pause)
        return pause

    def worked(self, key: UUID) -> None:
        """All is well again."""
        self._until.pop(key, None)
