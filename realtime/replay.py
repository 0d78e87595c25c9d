"""A replica from what the store holds, in causal order, without stalling other rooms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

from realtime import crdt
from realtime.crdt import Replica
from realtime.gate import Gate
from realtime.ports import Stored
from realtime.update import Update, walk

SLICE = 0.005  # seconds of work between two breaths
_TOGETHER = 64  # updates that wait for each other are tried together up to this many


class Target(Protocol):
    """What updates are fed to: a replica, or something like it."""

    def clocks(self) -> dict[int, int]:
        """How many clocks of each client are there. A Replay keeps count in it."""
        ...

    def apply(self, update: bytes) -> None:
        """Take an update whose dependencies are there."""
        ...


class Replay:
    """Feeds stored updates to a replica.

    Bursts that were sealed together may lean on each other: these are merged first.
    """

    def __init__(self, replica: Target) -> None:
        self.replica = replica
        self._gate = Gate(replica.clocks(), list)
        self._waiting: list[tuple[bytes, Update]] = []

    def feed(self, data: bytes) -> None:
        """Apply an update, or keep it until what it leans on came; raises Malformed, EngineError."""
        update = walk(data)
        if self._gate.complete(update):
            self._apply(data, update)
            if not self._waiting:
                return
        else:
            self._waiting.append((data, update))
        if len(self._waiting) <= _TOGETHER and self._gate.complete(together := self._together()):
            self._apply(crdt.merge([waiting for waiting, _ in self._waiting]), together)
            self._waiting.clear()

    def finish(self) -> bool:
        """Apply what is left; returns whether everything found what it leans on."""
        moved = True
        while moved and self._waiting:
            moved = False
            for item in list(self._waiting):
                if self._gate.complete(item[1]):
                    self._waiting.remove(item)
                    self._apply(*item)
                    moved = True
        if not self._waiting:
            return True
        together = self._together()
        whole = self._gate.complete(together)
        self._apply(crdt.merge([waiting for waiting, _ in self._waiting]), together)
        self._waiting.clear()
        return whole

    def _apply(self, data: bytes, update: Update) -> None:
        self.replica.apply(data)
        clocks = self._gate.clocks
        for client, _, end in update.inserts:
            clocks[client] = max(end, clocks.get(client, 0))

    def _together(self) -> Update:
        updates = [update for _, update in self._waiting]
        return Update(
            inserts=sorted(span for update in updates for span in update.inserts),
            deletes=[span for update in updates for span in update.deletes],
            links=[link for update in updates for link in update.links],
            inserted=0,
            structs_end=0,
        )


async def replay(
    snapshot: bytes | None, updates: Iterable[bytes], *, keep_deleted: bool = False
) -> tuple[Replica, bool]:
    """The replica of a state and the updates after it, and whether it is whole.

    Raises Malformed or EngineError if something stored can't be read.
    """
    replica = Replica(keep_deleted=keep_deleted)
    if snapshot:
        replica.apply(snapshot)
    work = Replay(replica)
    breath = time.monotonic() + SLICE
    for update in updates:
        work.feed(update)
        if time.monotonic() > breath:
            await asyncio.sleep(0)
            breath = time.monotonic() + SLICE
    return replica, work.finish()


async def committed_replica(stored: Stored) -> Replica:
    """The replica that holds everything committed of a document."""
    replica, _ = await replay(stored.snapshot, [*stored.bursts, *(row.update for row in stored.rows)])
    return replica
