"""What read models are made of, and what they need from outside.

A view is a pure function from an event to changes of the view's own tables. A change is a constant
SQL statement with values; the runner carries it out.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from domain.errors import Invalid
from domain.ports import RecordedEvent

T = TypeVar("T")
Args = tuple[Any, ...]

PAGE_LIMIT = 500
LAST_POSITION = 2**63 - 1
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Connection(Protocol):
    """Where queries run: what asyncpg's pools and connections have in common."""

    async def execute(self, query: str, *args: Any) -> str:
        """Run one statement, or several without arguments."""
        ...

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """All rows; each gives its columns by name and by attribute index."""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row or None."""
        ...

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        ...


class Session(Connection, Protocol):
    """One connection of one's own, able to hold a transaction."""

    async def executemany(self, command: str, args: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of the argument rows, in order."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """Commit at the end of the block, or roll back if it raises."""
        ...


@dataclass(frozen=True, eq=False)
class Statement:
    """SQL that touches, in one table, only the rows that its first `key` arguments name.

    So statements on different tables or keys commute, and the runner may collect equal ones; all
    statements of a table have keys of one length. `merge` makes one argument row of two of the same
    key, with the effect of both in this order, or None where that is not possible.
    """

    table: str
    sql: str
    key: int = 1
    merge: Callable[[Args, Args], Args | None] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One statement with its values."""

    statement: Statement
    args: Args


Apply = Callable[[RecordedEvent, Mapping[str, Any]], list[Change]]
"""An event and its payload (plain JSON values, current schema version) to changes. Pure; any
exception means that the view cannot go past this event."""


@dataclass(frozen=True, eq=False)
class View:
    """A read model. Its tables are a cache: dropped and built anew whenever `version` changes.

    Raise `revision` when `apply` means something else without any change of the DDL.
    """

    name: str
    ddl: str
    tables: tuple[str, ...]
    types: frozenset[str]
    apply: Apply
    revision: int = 1

    @property
    def version(self) -> str:
        """Changes with the tables or the revision: 16 hex digits."""
        text = f"{self.revision}\n{self.ddl}\n{sorted(self.types)}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def process_of(event: RecordedEvent) -> UUID:
    """The process an event belongs to; raises ValueError if it names none."""
    if event.process is None:
        raise ValueError(f"{event.type} at position {event.position} names no process")
    return event.process


def later(first: Args, second: Args) -> Args:
    """A merge for statements that write all they say: the later one stands."""
    return second


def overlay(first: Args, second: Args) -> Args:
    """A merge for statements in which None means "as it was"."""
    return tuple(old if new is None else new for old, new in zip(first, second, strict=True))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, and the opaque cursor of what follows them (None: nothing does)."""

    items: list[T]
    next: str | None


def cursor(scope: str, position: int) -> str:
    """An opaque cursor: where in the list called `scope` a page ended."""
    return base64.urlsafe_b64encode(f"{scope}.{position}".encode()).decode().rstrip("=")


def read_cursor(scope: str, text: str | None) -> int:
    """The position in a cursor, or one after every position for None.

    Raises Invalid (`cursor_invalid`) for anything that `cursor` did not make for this list.
    """
    if text is None:
        return LAST_POSITION
    try:
        if not _CURSOR.fullmatch(text):
            raise ValueError(text)
        found, position = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(".")
        value = int(position)
        if found != scope or not 0 < value < LAST_POSITION or cursor(scope, value) != text:
            raise ValueError(text)
    except ValueError:
        raise Invalid("this cursor is none of this list's", code="cursor_invalid", field="cursor") from None
    return value


def check_limit(limit: int) -> None:
    """Raise Invalid unless a page of this size is allowed."""
    if not 1 <= limit <= PAGE_LIMIT:
        raise Invalid(f"a page holds 1 to {PAGE_LIMIT} items", code="limit_invalid", field="limit")


def page(scope: str, items: list[T], limit: int, position: Callable[[T], int]) -> Page[T]:
    """A page of the first `limit` of `items`, which were fetched with one more to look ahead."""
    if len(items) <= limit:
        return Page(items, None)
    kept = items[:limit]
    return Page(kept, cursor(scope, position(kept[-1])))
