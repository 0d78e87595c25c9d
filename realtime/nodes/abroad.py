"""What a room knows of the other nodes: how much of what each committed is here, and what must wait.

Journal rows of one node are committed in the order of their ids. So the last id that is here, with
nothing missed before it, says what is here of a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from realtime.nodes.relay import News
from realtime.update import Update
from realtime.wire import Range


class Abroad:
    """Of one document. `last`: the last row that this node committed."""

    def __init__(self) -> None:
        self.last = 0
        self._here: dict[UUID, int] = {}  # rows of a node up to this one
        self._told: dict[UUID, int] = {}  # the last row of a node that was heard of

    def here(self) -> dict[UUID, int]:
        """Up to which row everything of each node is here."""
        return dict(self._here)

    def hear(self, node: UUID, news: News) -> bool:
        """Another node tells of a commit; returns whether something is missing between."""
        self._told[node] = max(news.last, self._told.get(node, 0))
        known = self._here.get(node, 0)
        if news.last <= known:
            return False
        if news.after > known or not news.update:
            return True
        self._here[node] = news.last
        return False

    def lacks(self, rows: Mapping[UUID, int]) -> bool:
        """Whether the store holds rows of other nodes that are not here, by the last id of each."""
        behind = False
        for node, last in rows.items():
            self._told[node] = max(last, self._told.get(node, 0))
            behind |= last > self._here.get(node, 0)
        return behind

    def told(self) -> dict[UUID, int]:
        """What was heard of by now: a reading of the store that begins now will hold it."""
        return dict(self._told)

    def caught_up(self, *rows: Mapping[UUID, int]) -> None:
        """Everything is here up to these rows."""
        for each in rows:
            for node, last in each.items():
                self._here[node] = max(last, self._here.get(node, 0))


def touches(update: Update, on_their_way: Iterable[Range]) -> bool:
    """Whether an update holds, or leans on, something that is accepted here but not committed yet.

    Such a thing is known to the gate and not to the replica. (A client that moves to another node
    sends again what the first one may be committing.)
    """
    first: dict[int, int] = {}
    for client, start, _ in on_their_way:
        first[client] = min(start, first.get(client, start))
    if not first:
        return False
    never = 1 << 62
    return (
        any(end > first.get(client, never) for client, _, end in update.inserts)
        or any(end > first.get(client, never) for client, _, end in update.deletes)
        or any(clock >= first.get(client, never) for _, _, client, clock in update.links)
    )
