"""A forward edit that gives a document the content of an earlier moment.

What stood then and still stands is left alone, so carets in it stay where they are; what came
since is deleted; what went since is written again behind its own tombstone, as new items of a new
client. Afterwards the same things stand in the same order as then, formatting and attributes
included, which is all that a reader of a Yjs document sees.
"""

from __future__ import annotations

from realtime.history.attribution import CONTENT, NOW, value_at
from realtime.history.chronicle import Branch, Chronicle
from realtime.history.structs import ALIVE, DELETED, GC, STRING, TYPE, Content, Id, Item, encode
from realtime.update import EMPTY
from realtime.wire import Range


def restoration(chronicle: Chronicle, moment: int, client: int) -> bytes:
    """The update, under a client id that the document does not know; EMPTY if nothing differs."""
    work = _Restoration(moment, client)
    work.sequence(chronicle.root(CONTENT))
    if not work.written and not work.deleted:
        return EMPTY
    if not work.written:  # so that the client id stands for this edit in any case
        work.written.append(Item(client, 0, 1, DELETED, None, None, None, CONTENT))
    return encode(client, work.written, _joined_runs(work.deleted))


class _Restoration:
    def __init__(self, moment: int, client: int) -> None:
        self.written: list[Item] = []
        self.deleted: list[Range] = []
        self._moment = moment
        self._client = client
        self._clock = 0

    def _stood(self, item: Item) -> bool:
        return item.born <= self._moment < item.died and item.kind not in (DELETED, GC)

    # --- what is there now

    def sequence(self, branch: Branch) -> None:
        """Give a shared type that stands now, and stood then, its sequence back."""
        lost: list[Item] = []
        behind: Id | None = None
        for item in branch:
            stands, stood = _stands(item), self._stood(item)
            if stands and stood:
                self._write_all(lost, behind, item.id)
                lost = []
                if item.kind == TYPE:
                    self.sequence(item.branch)
                    self._keys(item.branch)
            elif stands:
                self._delete(item)
            elif stood:
                lost.append(item)
            behind = item.last_id
        self._write_all(lost, behind, None)

    def _keys(self, branch: Branch) -> None:
        for last in list(branch.last.values()):
            now, then = value_at(last, NOW), value_at(last, self._moment)
            if now is then:
                continue
            if now is not None:
                if then is not None and now.kind == then.kind != TYPE and now.content == then.content:
                    continue
                self._delete(now)
            if then is not None:
                self._write(then, last.last_id, None)

    def _delete(self, item: Item) -> None:
        """Delete an item with all that stands in it."""
        if item.died == ALIVE and item.kind not in (DELETED, GC):
            self.deleted.append((item.client, item.clock, item.clock + item.size))
        if item.kind == TYPE:
            for inner in item.branch:
                self._delete(inner)
            for last in item.branch.last.values():
                if (value := value_at(last, NOW)) is not None:
                    self._delete(value)

    # --- what was there then

    def _write_all(self, items: list[Item], behind: Id | None, before: Id | None) -> None:
        """Write again what stood side by side, between two neighbours."""
        for item in items:
            behind = self._write(item, behind, before)

    def _write(
        self,
        item: Item,
        behind: Id | None,
        before: Id | None,
        parent: Id | None = None,
        key: str | None = None,
    ) -> Id:
        """Write one item again, with what stood in it; returns the last id it got."""
        last = self.written[-1] if self.written else None
        content = item.content
        if last is not None and _appends(last, item, behind, before):
            last.content = _joined(last.content, content)
            last.size += item.size
            self._clock += item.size
            return last.last_id
        twin = Item(
            self._client, self._clock, item.size, item.kind, content, behind, before, parent, item.key
        )
        self.written.append(twin)
        self._clock += item.size
        if item.kind == TYPE:
            self._fill(item.branch, twin.id)
        return twin.last_id

    def _fill(self, branch: Branch, parent: Id) -> None:
        """Write again what stood in something that is gone."""
        behind: Id | None = None
        for item in branch:
            if self._stood(item):
                behind = self._write(item, behind, None, parent)
        for last in branch.last.values():
            if (value := value_at(last, self._moment)) is not None:
                self._write(value, None, None, parent)


def _stands(item: Item) -> bool:
    return item.died == ALIVE and item.kind not in (DELETED, GC)


def _appends(last: Item, item: Item, behind: Id | None, before: Id | None) -> bool:
    return item.kind == STRING == last.kind and behind == last.last_id and before == last.right_origin


def _joined_runs(spans: list[Range]) -> list[Range]:
    joined: list[Range] = []
    for client, start, end in sorted(spans):
        if joined and joined[-1][0] == client and joined[-1][2] >= start:
            joined[-1] = (client, joined[-1][1], max(end, joined[-1][2]))
        else:
            joined.append((client, start, end))
    return joined


def _joined(one: Content, other: Content) -> str:
    assert isinstance(one, str)
    assert isinstance(other, str)
    return one + other
