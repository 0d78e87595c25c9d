"""When a document's log was whole: held everything that what it held leans on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from realtime.history.structs import Id, Item
from realtime.ids import IdSet
from realtime.wire import Range


class Log:
    """`moments` are the log positions, ascending, at which the log was whole.

    In between, part of a group of bursts that lean on each other is missing. A log may begin at a whole
    moment: with so many clocks of each client.
    """

    def __init__(self, clocks: Mapping[int, int] | None = None) -> None:
        self.moments: list[int] = []
        self._logged = IdSet((client, 0, clock) for client, clock in (clocks or {}).items())
        self._unmet: list[Range] = []  # what the log leans on and does not hold

    def note(self, moment: int, items: Sequence[Item], deletes: Sequence[Range]) -> bool:
        """Note what the log holds now; returns whether it is whole."""
        logged = self._logged
        for item in items:
            logged.add((item.client, item.clock, item.clock + item.size))
        unmet, self._unmet = [*self._unmet, *deletes], []
        after: Id | None = None
        for item in items:
            if item.clock and item.id != after:
                unmet.append((item.client, 0, item.clock))
            after = (item.client, item.clock + item.size)
            for id in (item.origin, item.right_origin, item.parent):
                if isinstance(id, tuple) and id[0] != item.client:
                    unmet.append((id[0], id[1], id[1] + 1))
        for span in unmet:
            self._unmet += logged.missing(span)
        if not self._unmet:
            self.moments.append(moment)
        return not self._unmet
