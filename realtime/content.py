"""What is committed of a document: the replica, and a cached encoding that many newcomers share."""

from __future__ import annotations

from collections.abc import Sequence

from realtime import crdt, protocol, wire
from realtime.crdt import Replica
from realtime.update import may_hold

_NOTHING = b"\x00"  # the state vector of an empty document
_TAIL = 64 * 1024  # bytes kept beside the cached state before it is made anew


class Content:
    """Holds a replica, which is its own from now. All methods raise EngineError if the engine fails."""

    def __init__(self, replica: Replica) -> None:
        self.version = 0  # counts changes
        self._replica = replica
        parts = replica.encoded()
        self._state: bytes | None = parts[0] if parts else None  # whole together with `_tail`
        self._tail: list[bytes] = list(parts[1:])  # came after it
        self._tail_bytes = sum(map(len, self._tail))
        self._totals: tuple[int, int, int] | None = None  # with the version that they are of

    def size(self) -> int:
        """About how many bytes everything takes; never less than `state` has."""
        return len(self._cached()) + self._tail_bytes

    def parts(self) -> list[bytes]:
        """Everything, as updates."""
        return [self._cached(), *self._tail]

    def state_vector(self) -> bytes:
        """What is here."""
        return self._replica.state_vector()

    def totals(self) -> tuple[int, int]:
        """How many clocks there are, and how many of them are deleted.

        Both only grow. Whoever has everything that was here at some totals lacks something if and
        only if the totals are others now, on whatever node, as soon as that has all they have.
        """
        if self._totals is None or self._totals[0] != self.version:
            deleted = sum(end - start for _, start, end in self._replica.deleted())
            self._totals = (self.version, sum(self._replica.clocks().values()), deleted)
        return self._totals[1:]

    def state(self) -> bytes:
        """Everything, as one update."""
        if self._tail:
            self._state = None
        return self._cached()

    def since(self, state_vector: bytes) -> list[bytes]:
        """The frames that give everything to who has a state vector; the last is a step2.

        What came after the cached state goes first: a client is in sync when it has read the step2,
        and until then keeps what leans on it.
        """
        if state_vector != _NOTHING:
            return [protocol.step2(self._replica.diff(state_vector))]
        state = self._cached()
        if not self._tail:
            return [protocol.step2(state)]
        self._tail = [crdt.merge(self._tail)]
        return [protocol.update(self._tail[0]), protocol.step2(state)]

    def may_hold(self, client: int, clock: int) -> bool | None:
        """Whether others may be in what stands under an id; None: nothing is there."""
        clocks = self._replica.clocks()
        if clock >= clocks.get(client, 0):
            return None
        rest = self._replica.diff(wire.state_vector(clocks | {client: clock}))
        return may_hold(rest, client, clock)

    def apply(self, updates: Sequence[bytes]) -> bytes:
        """Take updates in; returns them as one."""
        merged = updates[0] if len(updates) == 1 else crdt.merge(updates)
        self._replica.apply(merged)
        self.version += 1
        if self._state is not None:
            self._tail.append(merged)
            self._tail_bytes += len(merged)
            if self._tail_bytes > max(_TAIL, len(self._state) // 4):
                self._state, self._tail = None, []
        return merged

    def redact(self, update: bytes) -> None:
        """Take in an update that deletes; afterwards no encoding is kept that holds what it deleted."""
        self._replica.apply(update)
        self.version += 1
        self._state, self._tail, self._tail_bytes = None, [], 0

    def _cached(self) -> bytes:
        if self._state is None:
            self._state = self._replica.state()
            self._tail, self._tail_bytes = [], 0
        return self._state
