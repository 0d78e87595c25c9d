"""Keeps the views up to date on PostgreSQL, and tells how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from app.database.postgres import Pool
from app.view_leader import STATUS, Leader, connect
from domain.errors import NotFound, Unavailable
from domain.ports import EventLog
from projections.catalogue import VIEWS
from projections.ports import View
from projections.rebuild import Progress, Rebuild
from projections.runner import BATCH, prepare

PATIENCE = 10.0  # seconds that a view is waited for


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """How a view stands against the log.

    `lag_seconds` is the age of the oldest event that it has yet to apply. `error` says in a few
    words why it does not move on; None while it does. `failed_position` and `failed_type` name the
    event that it could not apply. `leading` tells whether this node runs the views.
    """

    name: str
    version: str
    position: int
    head: int
    lag_events: int
    lag_seconds: float
    updated_at: datetime
    leading: bool
    error: str | None
    failed_position: int | None
    failed_type: str | None


class Views:
    """The views of one node: run here if this node leads, watched if another does."""

    def __init__(
        self,
        pool: Pool,
        log: EventLog,
        url: str,
        *,
        views: Sequence[View] = VIEWS,
        batch: int = BATCH,
        poll: float = 1.0,
        patience: float = 300.0,
    ) -> None:
        """`poll` is how often (seconds) a node tries to lead and reads positions if it hears nothing;
        `patience` the longest pause before a failed view is tried again.
        """
        self._pool = pool
        self._log = log
        self._url = url
        self._views = {view.name: view for view in views}
        self._poll = poll
        self._known = dict.fromkeys(self._views, 0)
        self._waiting: dict[str, set[tuple[int, asyncio.Future[None]]]] = {
            name: set() for name in self._views
        }
        self._leader = Leader(
            url,
            log,
            views,
            moved=self._learn,
            refresh=self._refresh,
            batch=batch,
            poll=poll,
            patience=patience,
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make missing tables, then keep the views up to date in the background."""
        async with connect(self._url) as session:
            await prepare(session, self._views.values())
        await self._refresh()
        self._task = asyncio.create_task(self._leader.run(), name="views")

    async def stop(self) -> None:
        """Stop running and watching; positions stand where they are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def wait(self, view: str, position: int, timeout: float | None = None) -> None:
        """Until the view holds everything up to a position; raises Unavailable after `timeout` seconds."""
        self._find(view)
        if self._known[view] >= position:
            return
        try:
            async with asyncio.timeout(PATIENCE if timeout is None else timeout):
                while self._known[view] < position:
                    await self._next_move(view, position)
        except TimeoutError:
            raise Unavailable(f"the view {view} has not reached position {position} yet") from None

    async def wait_all(self, position: int, timeout: float | None = None) -> None:
        """The same for every view."""
        now = asyncio.get_running_loop().time
        deadline = now() + (PATIENCE if timeout is None else timeout)
        for name in self._views:
            await self.wait(name, position, deadline - now())

    async def status(self) -> list[ViewStatus]:
        """How each view stands; raises OSError or asyncpg errors if the database is away."""
        rows = {row["name"]: row for row in await self._pool.fetch(STATUS, list(self._views))}
        head = await self._log.head()
        return [
            await self._status(view, rows[name], head) for name, view in self._views.items() if name in rows
        ]

    async def rebuild(self, name: str, progress: Progress | None = None) -> int:
        """Build a view anew beside the live one and switch; returns its position.

        Works with the server running here, elsewhere, or not at all. Raises NotFound for an unknown
        name, and what `Rebuild.run` raises.
        """
        view = self._find(name)
        async with connect(self._url) as session:
            await prepare(session, [view])
        async with connect(self._url) as session:
            position = await Rebuild(session, self._log, view, progress).run()
        self._learn(name, position)
        return position

    def _find(self, name: str) -> View:
        try:
            return self._views[name]
        except KeyError:
            raise NotFound(f"there is no view {name!r}, only {', '.join(self._views)}") from None

    async def _status(self, view: View, row: Any, head: int) -> ViewStatus:
        position, failed = row["position"], row["failed_error"]
        behind = await self._log.read(after=position, limit=1) if position < head else ()
        seconds = (datetime.now(UTC) - behind[0].recorded_at).total_seconds() if behind else 0.0
        error = None
        if row["version"] != view.version:
            error = "built by another version, to be rebuilt"
        elif failed is not None:
            error = f"{failed} at position {row['failed_position']} ({row['failed_type']})"
        return ViewStatus(
            name=view.name,
            version=row["version"],
            position=position,
            head=head,
            lag_events=max(0, head - position),
            lag_seconds=max(0.0, seconds),
            updated_at=row["updated_at"],
            leading=self._leader.leading,
            error=error,
            failed_position=row["failed_position"],
            failed_type=row["failed_type"],
        )

    # What this node knows

    async def _next_move(self, view: str, position: int) -> None:
        """Return when the view is told to be there, or after one poll of the table."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[view].add((position, told))
        try:
            await asyncio.wait([told], timeout=self._poll if self._task else 0.05)
        finally:
            self._waiting[view].discard((position, told))
        if not told.done():
            with suppress(*_AWAY):
                await self._refresh()

    def _learn(self, name: str, position: int) -> None:
        if position > self._known.get(name, position):
            self._know(name, position)

    async def _refresh(self) -> None:
        """Read positions; they may have gone back, if the database lost its last moments."""
        for row in await self._pool.fetch(STATUS, list(self._views)):
            self._know(row["name"], row["position"])

    def _know(self, name: str, position: int) -> None:
        self._known[name] = position
        for wanted, told in self._waiting[name]:
            if wanted <= position and not told.done():
                told.set_result(None)


_AWAY: tuple[type[Exception], ...] = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, Unavailable)
