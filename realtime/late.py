"""A replica that is built from its bytes when it is first needed.

A newcomer wants a document's bytes, and these are stored: giving them out needs no engine. So a
document with a long past opens as fast as it can be read; the engine comes in with the first edit,
or with the first who has part of it already.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from realtime import crdt
from realtime.crdt import Replica
from realtime.ports import Stored
from realtime.replay import SLICE, Replay
from realtime.wire import Range, read_state_vector, state_vector

_WORTH_IT = 64 * 1024  # bytes of state that an engine takes about a millisecond to take in


class LateReplica(Replica):
    """Holds `state` and then `tail`, which together have `clocks`."""

    def __init__(self, state: bytes, tail: bytes | None, clocks: Mapping[int, int]) -> None:
        super().__init__()
        self._parts: tuple[bytes, ...] = (state,) if tail is None else (state, tail)
        self._clocks = dict(clocks)

    def encoded(self) -> Sequence[bytes]:
        """Updates that together are everything, if they are at hand."""
        return self._parts

    def apply(self, update: bytes) -> None:
        """Apply an update whose dependencies are here; raises EngineError."""
        self._build()
        super().apply(update)

    def state_vector(self) -> bytes:
        """How many clocks of each client are here, encoded."""
        return state_vector(self._clocks) if self._parts else super().state_vector()

    def state(self) -> bytes:
        """Everything, as one update; raises EngineError."""
        self._build()
        return super().state()

    def diff(self, state_vector: bytes) -> bytes:
        """What someone with this state vector lacks; raises EngineError."""
        self._build()
        return super().diff(state_vector)

    def deleted(self) -> list[Range]:
        """The runs of ids that are deleted; raises EngineError."""
        self._build()
        return super().deleted()

    def _build(self) -> None:
        parts, self._parts = self._parts, ()
        for part in parts:
            super().apply(part)


class _Collected:
    """Takes what a Replay applies, in the order in which it can be applied."""

    def __init__(self, clocks: dict[int, int]) -> None:
        self.updates: list[bytes] = []
        self._clocks = clocks

    def clocks(self) -> dict[int, int]:
        return self._clocks

    def apply(self, update: bytes) -> None:
        self.updates.append(update)


async def late_replica(stored: Stored) -> LateReplica | None:
    """The replica of what is stored, not built yet; None if that is not worth it, or not possible.

    Raises Malformed or EngineError if something stored can't be read.
    """
    if stored.snapshot is None or len(stored.snapshot) < _WORTH_IT:
        return None
    clocks = read_state_vector(stored.vector or crdt.vector_of(stored.snapshot))
    collected = _Collected(clocks)
    work = Replay(collected)
    breath = time.monotonic() + SLICE
    for update in (*stored.bursts, *(row.update for row in stored.rows)):
        work.feed(update)
        if time.monotonic() > breath:
            await asyncio.sleep(0)
            breath = time.monotonic() + SLICE
    if not work.finish():
        return None
    tail = crdt.merge(collected.updates) if collected.updates else None
    return LateReplica(stored.snapshot, tail, clocks)
