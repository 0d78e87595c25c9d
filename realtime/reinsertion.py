"""Where others' edits wrote a person's deleted text again, word for word.

Undoing a deletion, splitting a paragraph, bringing a version back: in a Yjs document each deletes text
under one client id and inserts the same text under another. The rule: a run of at least RUN UTF-16 units
that others inserted is the person's if the person's text read so, side by side, before it was deleted,
no later than the run was inserted. Shorter runs cannot be told from what anybody writes, and text of
the person's that was never deleted is quoted by others in their own right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from realtime.history.chronicle import Branch, Chronicle
from realtime.history.structs import ALIVE, STRING, TYPE, Item, decode
from realtime.ids import IdSet
from realtime.wire import Malformed

RUN = 16  # UTF-16 units
_LOOK = 4 * RUN  # items looked at on either side of a deleted one for what stood beside it
_UNIT = 2  # bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """An update that was delivered at a moment; `own`: by the person."""

    moment: int
    own: bool
    update: bytes


def reinserted(deliveries: Sequence[Delivery]) -> IdSet:
    """The ids under which others wrote the person's deleted text again; deliveries in their order.

    What can't be read is passed over.
    """
    chronicle = Chronicle()
    own: set[int] = set()
    inserts: list[tuple[int, list[Item]]] = []
    for delivery in deliveries:
        try:
            items = _strings(delivery.update)
            chronicle.feed(delivery.moment, None, delivery.update)
        except Malformed:
            continue
        if delivery.own:
            own.add(delivery.moment)
        else:
            inserts.append((delivery.moment, items))
    lost = _lost(chronicle, own) if own else {}
    found = IdSet()
    if lost:
        for moment, items in inserts:
            for item in items:
                _find(item, moment, lost, found)
    return found


def _strings(update: bytes) -> list[Item]:
    return [item for item in decode(update)[0] if item.kind == STRING and item.size >= RUN]


def _find(item: Item, moment: int, lost: dict[bytes, int], found: IdSet) -> None:
    text = _encoded(item)
    for at in range(item.size - RUN + 1):
        if lost.get(text[at * _UNIT : (at + RUN) * _UNIT], ALIVE) <= moment:
            found.add((item.client, item.clock + at, item.clock + at + RUN))


def _lost(chronicle: Chronicle, own: set[int]) -> dict[bytes, int]:
    """What the person's deleted text read like, in all runs of RUN units, and when each was first deleted."""
    lost: dict[bytes, int] = {}
    for branch in _branches(chronicle):
        for item in branch:
            if item.kind == STRING and item.born in own and item.died != ALIVE:
                for run in _runs(_beside(item, own)):
                    lost[run] = min(lost.get(run, ALIVE), item.died)
    return lost


def _beside(item: Item, own: set[int]) -> bytes:
    """A deleted item with what of the person's stood right beside it, up to RUN - 1 units each side."""
    reach = (RUN - 1) * _UNIT
    before = after = b""
    for standing in _standing(item, own, back=True):
        before = _encoded(standing) + before
        if len(before) >= reach:
            before = before[-reach:]
            break
    for standing in _standing(item, own, back=False):
        after += _encoded(standing)
        if len(after) >= reach:
            after = after[:reach]
            break
    return before + _encoded(item) + after


def _standing(item: Item, own: set[int], *, back: bool) -> Iterator[Item]:
    """What stood next to an item until it was deleted, as long as it is the person's text."""
    moment = item.died
    other = item.left if back else item.right
    for _ in range(_LOOK):
        if other is None:
            return
        if other.born <= moment <= other.died:
            if other.kind != STRING or other.born not in own:
                return
            yield other
        other = other.left if back else other.right


def _runs(text: bytes) -> Iterable[bytes]:
    return (text[at : at + RUN * _UNIT] for at in range(0, len(text) - RUN * _UNIT + 1, _UNIT))


def _encoded(item: Item) -> bytes:
    assert isinstance(item.content, str)
    return item.content.encode("utf-16-le", "surrogatepass")


def _branches(chronicle: Chronicle) -> Iterator[Branch]:
    """Every shared type there ever was."""
    waiting = list(chronicle.roots())
    while waiting:
        branch = waiting.pop()
        yield branch
        for item in (*branch, *_values(branch)):
            if item.kind == TYPE and item.branch is not None:
                waiting.append(item.branch)


def _values(branch: Branch) -> Iterator[Item]:
    for last in branch.last.values():
        item: Item | None = last
        while item is not None:
            yield item
            item = item.left
