"""Who wrote what, and what changed between two moments: filters over a chronicle.

`compare` gives a document's content with everything that stood there at either of two moments;
`compare(chronicle, m, m, …)` is the content at one. Text comes in runs of one origin.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from realtime.history.chronicle import Branch, Chronicle
from realtime.history.structs import DELETED, FORMAT, GC, STRING, TYPE, XML_TEXT, Item, units
from realtime.history.values import format_of, type_of, value_of

CONTENT = "content"
NOW = (1 << 63) - 1  # a moment after everything

Change = Literal["inserted", "deleted", "formatted", "changed"]


@dataclass(slots=True)
class Run:
    """Text of one origin. `written` is the moment of its insertion.

    `change`: inserted, deleted, or formatted (other `marks` than before); `changed` is the moment of that.
    """

    text: str
    marks: dict[str, Any]
    written: int
    change: Change | None = None
    changed: int | None = None


@dataclass(slots=True)
class Node:
    """A block, or another thing that is no text. `change`: inserted, deleted, or changed (other `attrs`)."""

    type: str
    attrs: dict[str, Any]
    written: int
    change: Change | None = None
    changed: int | None = None
    content: list[Node | Run] = field(default_factory=list)


Piece = Node | Run


def compare(chronicle: Chronicle, before: int, after: int, format: str) -> list[Piece]:
    """What stood in a document at one moment or at another, later one, in order."""
    view = _View(before, after)
    root = chronicle.root(CONTENT)
    return list(view.runs(root, view.all) if format == "text" else view.nodes(root, view.all))


@dataclass(frozen=True, slots=True)
class _Shown:
    """Whether something stands there before and after, and when what it is in was deleted."""

    was: bool
    is_: bool
    gone: int


class _View:
    """One comparison."""

    def __init__(self, before: int, after: int) -> None:
        self.before = before
        self.after = after
        self.all = _Shown(True, True, NOW + 1)

    def _shown(self, item: Item, parent: _Shown) -> _Shown | None:
        """Whether an item stands there; None: at neither moment."""
        if item.kind in (DELETED, GC):
            return None
        was = parent.was and item.born <= self.before < item.died
        is_ = parent.is_ and item.born <= self.after < item.died
        return _Shown(was, is_, min(item.died, parent.gone)) if was or is_ else None

    def nodes(self, branch: Branch, parent: _Shown) -> Iterator[Piece]:
        """The children of a fragment or an element."""
        for item in branch:
            if item.kind != TYPE or (shown := self._shown(item, parent)) is None:
                continue
            ref, name = type_of(item)
            if ref == XML_TEXT:
                yield from self.runs(item.branch, shown)
            else:
                yield self._node(item, name, shown)

    def _node(self, item: Item, name: str, shown: _Shown) -> Node:
        attrs, told, at = self._attributes(item.branch, shown)
        node = Node(name, attrs, item.born, content=list(self.nodes(item.branch, shown)))
        if not shown.was:
            node.change, node.changed = "inserted", item.born
        elif not shown.is_:
            node.change, node.changed = "deleted", shown.gone
        elif told:
            node.change, node.changed = "changed", at
        return node

    def _attributes(self, branch: Branch, shown: _Shown) -> tuple[dict[str, Any], bool, int]:
        """The attributes of an element, whether they were others before, and since when they are these."""
        attrs: dict[str, Any] = {}
        changed, at = False, 0
        for key, last in branch.last.items():
            now = value_at(last, self.after if shown.is_ else self.before)
            if now is not None:
                attrs[key] = value_of(now)
            if shown.was and shown.is_:
                then = value_at(last, self.before)
                if then is not now and (then is None or now is None or value_of(then) != value_of(now)):
                    changed = True
                    at = max(at, now.born if now is not None else then.died if then is not None else 0)
        return attrs, changed, at

    def runs(self, branch: Branch, parent: _Shown) -> Iterator[Run]:
        """The text of a shared text, neighbours of one kind as one."""
        last: Run | None = None
        for run in self._runs(branch, parent):
            if last is not None and _alike(last, run):
                last.text += run.text
            else:
                if last is not None:
                    yield last
                last = run
        if last is not None:
            yield last

    def _runs(self, branch: Branch, parent: _Shown) -> Iterator[Run]:
        marks_before: dict[str, Any] = {}
        marks_after: dict[str, Any] = {}
        set_at: dict[str, int] = {}
        for item in branch:
            if item.kind not in (STRING, FORMAT) or (shown := self._shown(item, parent)) is None:
                continue
            if item.kind == FORMAT:
                name, value = format_of(item)
                if shown.was:
                    _mark(marks_before, name, value)
                if shown.is_:
                    _mark(marks_after, name, value)
                if shown.was != shown.is_:
                    set_at[name] = item.born if shown.is_ else shown.gone
                continue
            assert isinstance(item.content, str)
            run = Run(item.content, dict(marks_after if shown.is_ else marks_before), item.born)
            if not shown.was:
                run.change, run.changed = "inserted", item.born
            elif not shown.is_:
                run.change, run.changed = "deleted", shown.gone
            elif marks_before != marks_after:
                run.change, run.changed = "formatted", _formatted_at(marks_before, marks_after, set_at)
            yield run


def value_at(last: Item, moment: int) -> Item | None:
    """What stood under a key at a moment, given what stands there last; None: nothing."""
    item: Item | None = last
    while item is not None and item.born > moment:
        item = item.left
    return None if item is None or item.died <= moment or item.kind in (DELETED, GC) else item


def _mark(marks: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        marks.pop(name, None)
    else:
        marks[name] = value


def _formatted_at(before: dict[str, Any], after: dict[str, Any], set_at: dict[str, int]) -> int | None:
    differing = {*before, *after}
    return max(
        (at for name, at in set_at.items() if name in differing and before.get(name) != after.get(name)),
        default=None,
    )


def _alike(one: Run, other: Run) -> bool:
    return (
        one.written == other.written
        and one.change == other.change
        and one.changed == other.changed
        and one.marks == other.marks
    )


# --- the readable text


def readable(content: Sequence[Piece], format: str) -> Iterator[tuple[str, Run | None]]:
    """The text in reading order, with the run of each part; None: a break between blocks or lines.

    The same text as `crdt.text_of` gives: blocks of rich text stand on lines of their own.
    """
    if format == "text":
        yield from ((run.text, run) for run in content if isinstance(run, Run))
        return
    first = True
    for line in _lines(content):
        if not first:
            yield "\n", None
        first = False
        yield from line


_Line = list[tuple[str, Run | None]]


def _lines(content: Iterable[Piece]) -> Iterator[_Line]:
    line: _Line = []
    for piece in content:
        if isinstance(piece, Run):
            line.append((piece.text, piece))
        elif piece.type == "hardBreak":
            line.append(("\n", None))
        else:
            if line:
                yield line
                line = []
            yield from list(_lines(piece.content)) or [[]]
    if line:
        yield line


@dataclass(frozen=True, slots=True)
class Authored:
    """Who wrote the units [start, end) of a readable text; `moment` is that of the newest of them."""

    start: int
    end: int
    person: UUID | None
    moment: int


class Authors:
    """Who wrote which part of one moment's readable text, offsets in UTF-16 units; made once, asked often."""

    def __init__(self, chronicle: Chronicle, moment: int, format: str) -> None:
        self._ranges: list[Authored] = []
        self._ends: list[int] = []
        at = 0
        for text, run in readable(compare(chronicle, moment, moment, format), format):
            end = at + units(text)
            if run is not None and end > at:
                self._add(Authored(at, end, chronicle.people[run.written], run.written))
            at = end
        self.length = at

    def _add(self, new: Authored) -> None:
        last = self._ranges[-1] if self._ranges else None
        if last is not None and last.end == new.start and last.person == new.person:
            new = Authored(last.start, new.end, new.person, max(last.moment, new.moment))
            self._ranges[-1], self._ends[-1] = new, new.end
        else:
            self._ranges.append(new)
            self._ends.append(new.end)

    def of(self, start: int, end: int) -> list[Authored]:
        """Who wrote the units [start, end); breaks between blocks are nobody's."""
        found: list[Authored] = []
        for i in range(bisect_right(self._ends, start), len(self._ranges)):
            each = self._ranges[i]
            if each.start >= end:
                break
            found.append(Authored(max(each.start, start), min(each.end, end), each.person, each.moment))
        return found
