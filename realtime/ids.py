"""Sets of Yjs ids (client, clock), kept as runs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from realtime.wire import Range


class IdSet:
    """Grows only. Runs of one client are disjoint, not touching, ascending."""

    __slots__ = ("_runs",)

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._runs: dict[int, tuple[list[int], list[int]]] = {}
        for span in ranges:
            self.add(span)

    def add(self, span: Range) -> None:
        """Add a run."""
        client, start, end = span
        starts, ends = self._runs.setdefault(client, ([], []))
        first = bisect_left(ends, start)  # runs that end before `start` stay apart
        last = bisect_right(starts, end)
        if first < last:
            start = min(start, starts[first])
            end = max(end, ends[last - 1])
        starts[first:last] = [start]
        ends[first:last] = [end]

    def missing(self, span: Range) -> list[Range]:
        """The parts of a run that are not in the set."""
        client, start, end = span
        runs = self._runs.get(client)
        if runs is None:
            return [span]
        starts, ends = runs
        gaps: list[Range] = []
        i = bisect_right(ends, start)
        while start < end and i < len(starts) and starts[i] < end:
            if start < starts[i]:
                gaps.append((client, start, starts[i]))
            start = ends[i]
            i += 1
        if start < end:
            gaps.append((client, start, end))
        return gaps

    def common(self, span: Range) -> list[Range]:
        """The parts of a run that are in the set, ascending."""
        client, start, end = span
        starts, ends = self._runs.get(client, ([], []))
        parts: list[Range] = []
        for i in range(bisect_right(ends, start), len(starts)):
            if starts[i] >= end:
                break
            parts.append((client, max(start, starts[i]), min(end, ends[i])))
        return parts

    def runs(self) -> Iterator[Range]:
        """All runs, by client and ascending."""
        for client in sorted(self._runs):
            for start, end in zip(*self._runs[client], strict=True):
                yield client, start, end
