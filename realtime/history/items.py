"""The items of a document by their ids, to be found, and split where something begins or ends within one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from realtime.history.structs import GC, Id, Item, cut
from realtime.wire import Range


class Items:
    """Each client's items, ascending by clock and without gaps. `size` counts them all."""

    def __init__(self) -> None:
        self.size = 0
        self._starts: dict[int, list[int]] = {}  # first clocks of a client's items, ascending
        self._items: dict[int, list[Item]] = {}

    def clock(self, client: int) -> int:
        """How many clocks of a client are here."""
        items = self._items.get(client)
        return items[-1].clock + items[-1].size if items else 0

    def find(self, id: Id) -> Item:
        """The item that holds an id, which must be here."""
        return self._items[id[0]][bisect_right(self._starts[id[0]], id[1]) - 1]

    def ending_at(self, id: Id) -> Item:
        """The item that ends with an id, split off if need be."""
        item = self.find(id)
        if id[1] < item.clock + item.size - 1:
            self._split(item, id[1] + 1)
        return item

    def starting_at(self, id: Id) -> Item:
        """The item that begins with an id, split off if need be."""
        item = self.find(id)
        return item if item.clock == id[1] else self._split(item, id[1])

    def _split(self, item: Item, clock: int) -> Item:
        """Make two items of one; returns the one that begins at `clock`."""
        right = tail(item, clock - item.clock)
        right.died = item.died
        item.content = cut(item.content, clock - item.clock)[0]
        item.size = clock - item.clock
        right.parent, right.key = item.parent, item.key
        right.left, right.right = item, item.right
        if item.right is not None:
            item.right.left = right
        elif item.key is not None and item.parent is not None:
            item.parent.last[item.key] = right
        item.right = right
        self.add(right)
        return right

    def add(self, item: Item) -> None:
        """Take in an item of which nothing is here."""
        starts = self._starts.setdefault(item.client, [])
        items = self._items.setdefault(item.client, [])
        at = bisect_right(starts, item.clock)
        starts.insert(at, item.clock)
        items.insert(at, item)
        self.size += 1

    def within(self, span: Range) -> Iterator[Item]:
        """The items that hold something of a run of ids, not split."""
        items = self._items[span[0]]
        at = bisect_right(self._starts[span[0]], span[1]) - 1
        while at < len(items) and items[at].clock < span[2]:
            yield items[at]
            at += 1

    def pieces(self, span: Range) -> Iterator[Item]:
        """The items of a run of ids, split at its ends; the run must be here."""
        client, start, end = span
        item = self.starting_at((client, start))
        while True:
            if item.clock + item.size > end:
                self._split(item, end)
            yield item
            start = item.clock + item.size
            if start >= end:
                return
            item = self.find((client, start))


def tail(item: Item, offset: int) -> Item:
    """What of an item comes after so many clocks, not linked to anything."""
    content = cut(item.content, offset)[1]
    last = (item.client, item.clock + offset - 1)
    rest = Item(
        item.client, item.clock + offset, item.size - offset, item.kind, content, last, item.right_origin
    )
    rest.born = item.born
    if item.kind == GC:
        rest.origin = None
    return rest
