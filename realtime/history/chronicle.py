"""Everything that ever stood in a document, in its order, with when and by whom it came and went.

Yjs keeps deleted items as tombstones in the order of the text. This builds that order from the
deliveries of a document (sealed bursts, unsealed rows) in plain Python, and stamps each run of ids
with the delivery that inserted it and the one that first deleted it. Any moment's content, a
difference and an attribution are then filters over one sequence. The order of two items never
depends on what else is there or on the order of arrival (YATA), so neither does the chronicle.
Source: Nicolaescu et al. 2016, "Near Real-Time Peer-to-Peer Shared Editing on Extensible Data
Types"; yjs 13.6 `src/structs/Item.js`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from uuid import UUID

from realtime.history.deliveries import Log
from realtime.history.items import Items, tail
from realtime.history.structs import ALIVE, GC, TYPE, Id, Item, continues, decode
from realtime.wire import Range

UNSEALED = 1 << 62
"""Moments from here on are not in the log yet. Below: log positions."""


def in_log(moment: int) -> int | None:
    """The log position of a moment; None if it is not in the log yet."""
    return moment if moment < UNSEALED else None


class Branch:
    """A shared type: a sequence, and values under keys of which the last one counts.

    `item` is the item that holds it; None for a root.
    """

    __slots__ = ("item", "last", "start")

    def __init__(self, item: Item | None = None) -> None:
        self.item = item
        self.start: Item | None = None
        self.last: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        item = self.start
        while item is not None:
            yield item
            item = item.right


class Chronicle:
    """The items of one document. `people` tells who stands behind a moment."""

    def __init__(self) -> None:
        self.people: dict[int, UUID | None] = {}
        self._log = Log()
        self._roots: dict[str, Branch] = {}
        self._items = Items()
        self._waiting: dict[int, deque[Item]] = {}  # items that lean on what did not come yet, by clock
        self._waiting_deletes: list[tuple[Range, int]] = []

    def root(self, name: str) -> Branch:
        """The shared type of this name."""
        return self._roots.setdefault(name, Branch())

    def roots(self) -> Iterator[Branch]:
        """All shared types that are named."""
        return iter(self._roots.values())

    @property
    def moments(self) -> list[int]:
        """The log positions at which the log was whole."""
        return self._log.moments

    @property
    def whole(self) -> bool:
        """Whether everything fed found what it leans on."""
        return not self._waiting and not self._waiting_deletes

    def clock(self, client: int) -> int:
        """How many clocks of a client are here."""
        return self._items.clock(client)

    @property
    def size(self) -> int:
        """How many items there are."""
        return self._items.size

    # --- taking in

    def feed(self, moment: int, person: UUID | None, update: bytes) -> None:
        """Take in what a person delivered at a moment; raises Malformed.

        What was delivered before keeps its stamp, unless this moment is the earlier one.
        """
        items, deletes = decode(update)
        self.people[moment] = person
        if moment < UNSEALED:
            self._log.note(moment, items, deletes)
        for item in items:
            item.born = moment
            self._arrive(item)
        self._integrate_waiting()
        pending, self._waiting_deletes = self._waiting_deletes, []
        for span, died in pending:
            self._delete(span, died)
        for span in deletes:
            self._delete(span, moment)

    def _arrive(self, item: Item) -> None:
        if (
            item.client not in self._waiting
            and item.clock <= self._items.clock(item.client)
            and self._ready(item)
        ):
            self._take(item)
        else:
            self._wait(item)

    def _wait(self, item: Item) -> None:
        queue = self._waiting.setdefault(item.client, deque())
        queue.append(item)
        if len(queue) > 1 and queue[-2].clock > item.clock:
            self._waiting[item.client] = deque(sorted(queue, key=lambda each: each.clock))

    def _take(self, item: Item) -> None:
        """Integrate what of an item is new."""
        known, end = self._items.clock(item.client), item.clock + item.size
        if item.clock < known:
            self._born((item.client, item.clock, min(known, end)), item.born)
        if known < end:
            self._integrate(item if item.clock == known else tail(item, known - item.clock))

    def _integrate_waiting(self) -> None:
        moved = bool(self._waiting)
        while moved:
            moved = False
            for client in list(self._waiting):
                queue = self._waiting[client]
                while queue and queue[0].clock <= self._items.clock(client) and self._ready(queue[0]):
                    self._take(queue.popleft())
                    moved = True
                if not queue:
                    del self._waiting[client]

    def _ready(self, item: Item) -> bool:
        return self._knows(item.origin) and self._knows(item.right_origin) and self._knows(item.parent)

    def _knows(self, id: Id | str | None) -> bool:
        if not isinstance(id, tuple):
            return True
        return id[1] < self._items.clock(id[0])

    # --- order

    def _integrate(self, item: Item) -> None:
        left = self._items.ending_at(item.origin) if item.origin is not None else None
        right = self._items.starting_at(item.right_origin) if item.right_origin is not None else None
        branch = self._branch(item, left, right)
        item.parent = branch
        if branch is None:  # it stands in something of which only the ids are left
            item.kind, item.content = GC, None
            self._items.add(item)
            return
        if item.kind == TYPE:
            item.branch = Branch(item)
        left = self._neighbour(item, branch, left, right)
        if left is not None and self._lengthen(left, item):
            return
        self._link(item, branch, left)
        self._items.add(item)

    def _branch(self, item: Item, left: Item | None, right: Item | None) -> Branch | None:
        """Where an item stands; None if that is gone."""
        if item.kind == GC:
            return None
        for beside in (left, right):
            if beside is not None and beside.kind == GC:
                return None
        beside = left or right
        if beside is not None:
            item.key = beside.key
            found: Branch | None = beside.parent
            return found
        if isinstance(item.parent, str):
            return self.root(item.parent)
        holds: Branch | None = self._items.find(item.parent).branch
        return holds

    def _neighbour(self, item: Item, branch: Branch, left: Item | None, right: Item | None) -> Item | None:
        """The item right behind which this one stands, among those inserted at the same place."""
        other = left.right if left is not None else _first(branch, item.key)
        if other is right:
            return left
        conflicting: set[Item] = set()
        before: set[Item] = set()
        while other is not None and other is not right:
            before.add(other)
            conflicting.add(other)
            if item.origin == other.origin:
                if other.client < item.client:
                    left = other
                    conflicting.clear()
                elif item.right_origin == other.right_origin:
                    break
            elif other.origin is not None and (leaned_on := self._items.find(other.origin)) in before:
                if leaned_on not in conflicting:
                    left = other
                    conflicting.clear()
            else:
                break
            other = other.right
        return left

    def _lengthen(self, left: Item, item: Item) -> bool:
        """Make an item part of the one that it was typed behind, at the same moment."""
        if (
            left.client != item.client
            or left.clock + left.size != item.clock
            or left.born != item.born
            or left.died != ALIVE
            or not continues(left, item)
        ):
            return False
        left.content += item.content  # type: ignore[operator]  # both are strings
        left.size += item.size
        return True

    @staticmethod
    def _link(item: Item, branch: Branch, left: Item | None) -> None:
        item.left = left
        item.right = left.right if left is not None else _first(branch, item.key)
        if left is not None:
            left.right = item
        elif item.key is None:
            branch.start = item
        if item.right is not None:
            item.right.left = item
        elif item.key is not None:
            branch.last[item.key] = item

    # --- stamps

    def _born(self, span: Range, moment: int) -> None:
        if any(item.born > moment for item in self._items.within(span)):
            for item in self._items.pieces(span):  # told from the journal before, and now by the log
                item.born = min(item.born, moment)

    def _delete(self, span: Range, moment: int) -> None:
        client, start, end = span
        known = self._items.clock(client)
        if end > known:
            self._waiting_deletes.append(((client, max(start, known), end), moment))
            end = known
        if start >= end:
            return
        for item in self._items.pieces((client, start, end)):
            if item.died > moment and not (
                item.died >= UNSEALED and item.died != ALIVE and moment >= UNSEALED
            ):
                item.died = moment


def _first(branch: Branch, key: str | None) -> Item | None:
    if key is None:
        return branch.start
    item = branch.last.get(key)
    while item is not None and item.left is not None:
        item = item.left
    return item
