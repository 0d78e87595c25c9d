"""The causal gate: which updates bring news, and whether everything they lean on is there.

It counts what is accepted but not committed yet as there. The engine's own queue for early
updates is never leaned on: it loses edits when many arrive out of order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from realtime.ids import IdSet
from realtime.update import EMPTY, Update
from realtime.wire import Range, delete_set, varuint


@dataclass(slots=True)
class News:
    """The part of an update that is not known yet.

    `inserts` are the runs that are new. `overlap`: some structs are known already. `deletes` are
    the runs newly deleted, `known_deletes` tells that there were others beside them.
    """

    inserts: list[Range]
    deletes: list[Range]
    overlap: bool
    known_deletes: bool

    @property
    def nothing(self) -> bool:
        """Whether all of it is known."""
        return not self.inserts and not self.deletes


class Gate:
    """What a document holds: `clocks` known per client, without gaps, and the ids deleted.

    `deleted` is asked for once, when the first update that deletes comes by.
    """

    def __init__(self, clocks: dict[int, int], deleted: Callable[[], list[Range]]) -> None:
        self.clocks = clocks
        self._load_deleted = deleted
        self._deleted: IdSet | None = None

    @property
    def deleted(self) -> IdSet:
        """The ids deleted so far."""
        if self._deleted is None:
            self._deleted = IdSet(self._load_deleted())
        return self._deleted

    def complete(self, update: Update) -> bool:
        """Whether everything that the update leans on is here or in itself, in an order that exists."""
        clocks = self.clocks
        inserts = update.inserts
        if len(inserts) == 1 and not update.links and not update.deletes:
            client, start, _ = inserts[0]
            return start <= clocks.get(client, 0)
        reach: dict[int, int] = {}
        for client, start, end in inserts:
            known = reach.get(client, clocks.get(client, 0))
            if start > known:
                return False
            reach[client] = max(known, end)
        if not self._in_order(update, reach):
            return False
        return all(end <= reach.get(client, clocks.get(client, 0)) for client, _, end in update.deletes)

    def _in_order(self, update: Update, reach: dict[int, int]) -> bool:
        clocks = self.clocks
        open_links = [
            link
            for link in update.links
            if link[3] >= clocks.get(link[2], 0) and link[1] >= clocks.get(link[0], 0)
        ]
        if not open_links:
            return True
        if any(position >= reach.get(other, 0) for _, _, other, position in open_links):
            return False
        return _resolvable(open_links, reach)

    def news(self, update: Update) -> News:
        """What of a complete update is new."""
        clocks = self.clocks
        inserts: list[Range] = []
        overlap = False
        for span in update.inserts:
            client, start, end = span
            known = clocks.get(client, 0)
            if start >= known:
                inserts.append(span)
            else:
                overlap = True
                if end > known:
                    inserts.append((client, known, end))
        deletes: list[Range] = []
        if update.deletes:
            for span in update.deletes:
                deletes += self.deleted.missing(span)
        return News(
            inserts, deletes, overlap, len(deletes) != len(update.deletes) or deletes != update.deletes
        )

    def admit(self, news: News) -> None:
        """Count news as there."""
        for client, _, end in news.inserts:
            self.clocks[client] = end
        for span in news.deletes:
            self.deleted.add(span)


def _resolvable(links: list[tuple[int, int, int, int]], reach: dict[int, int]) -> bool:
    """Whether items that lean on each other across clients can be integrated one after another."""
    waiting: dict[int, list[tuple[int, int, int, int]]] = {}
    for link in links:
        waiting.setdefault(link[0], []).append(link)
    done = dict(reach)  # how far each client gets
    for client, own in waiting.items():
        own.sort(key=lambda link: link[1], reverse=True)
        done[client] = own[-1][1]
    moved = True
    while moved and waiting:
        moved = False
        for client in list(waiting):
            own = waiting[client]
            while own and own[-1][3] < done.get(own[-1][2], 0):
                own.pop()
                done[client] = own[-1][1] if own else reach[client]
                moved = True
            if not own:
                del waiting[client]
    return not waiting


def trimmed(data: bytes, update: Update, news: News) -> bytes:
    """The update with only its new deletions (its structs must all be new or all be known)."""
    structs = data[: update.structs_end] if news.inserts else b"\x00"
    return structs + delete_set(news.deletes) if news.deletes else structs + varuint(0)


__all__ = ["EMPTY", "Gate", "News", "trimmed"]
