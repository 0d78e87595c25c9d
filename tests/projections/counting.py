"""A tiny view that shows any event applied twice, never, or out of order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.ports import Context, EventLog, NewEvent, RecordedEvent
from domain.registry import dump
from projections.ports import Change, Connection, Statement, View

DDL = """
CREATE TABLE view_counting (stream uuid PRIMARY KEY, count bigint NOT NULL, last bigint NOT NULL);
"""
COUNT = Statement(
    "view_counting",
    "INSERT INTO view_counting AS v (stream, count, last) VALUES ($1, 1, $2) "
    "ON CONFLICT (stream) DO UPDATE SET count = v.count + 1, last = excluded.last",
)


def count(event: RecordedEvent, payload: Mapping[str, Any]) -> list[Change]:
    return [Change(COUNT, (event.stream, event.position))]


COUNTING = View("counting", DDL, ("view_counting",), frozenset({"asset.renamed"}), count)
LISTING = View(
    "listing",
    "CREATE TABLE view_listing (position bigint PRIMARY KEY, title text NOT NULL);",
    ("view_listing",),
    frozenset({"asset.renamed"}),
    lambda event, payload: [Change(LIST, (event.position, payload["title"]))],
)
LIST = Statement("view_listing", "INSERT INTO view_listing (position, title) VALUES ($1, $2)")


def refusing(position: int, view: View = COUNTING) -> View:
    """The view, unable to go past a position."""

    def apply(event: RecordedEvent, payload: Mapping[str, Any]) -> list[Change]:
        if event.position == position:
            raise KeyError("a secret title")
        return view.apply(event, payload)

    return replace(view, apply=apply)


async def renamed(log: EventLog, times: int, *, stream: Any, title: Any = "Title") -> int:
    """Append so many events that the view counts, and as many that it does not; returns the head."""
    counted = NewEvent(stream, "asset.renamed", dump({"title": title}))
    other = NewEvent(stream, "asset.disabled", dump({}))
    appended = await log.append([counted, other] * times, Context())
    return appended.last


async def counted(c: Connection) -> int:
    """How many events the view has counted."""
    return int(await c.fetchval("SELECT coalesce(sum(count), 0) FROM view_counting"))


async def position(c: Connection, view: str = "counting") -> int:
    """Where the view stands by its own account."""
    return int(await c.fetchval("SELECT position FROM views WHERE name = $1", view))
