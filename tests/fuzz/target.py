"""A room that is fed mutated frames in process, with a neighbour in it who must not notice."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from realtime import crdt, protocol, wire
from realtime.crdt import Replica
from realtime.effects import Disconnect, Effect, Journal, Rebuild, Send
from realtime.hocuspocus import protocol as hocuspocus
from realtime.hocuspocus.protocol import Addressed
from realtime.limits import Limits
from realtime.member import Member
from realtime.metrics import Metrics
from realtime.protocol import Awareness, Close, Edit, QueryAwareness, Refusal, Step1
from realtime.room import Room
from tests.fuzz.frames import H, h_seeds, mutated, y_seeds
from tests.realtime.peers import admission

LIMITS = Limits(frame=1 * 2**20)
ALLOWED = {Close.MALFORMED, Close.FORGED, Close.TOO_LARGE}
BATCH = 1_000  # frames to one room
AT = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGES = (Edit, Step1, Awareness, QueryAwareness)


class Target:
    """One batch of frames of a protocol; the same for the same seed and number."""

    def __init__(self, speaks: str, seed: int, number: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self._parse: Any = hocuspocus.parse if speaks == H else protocol.parse
        self._seeds = h_seeds() if speaks == H else y_seeds()
        self._chance = random.Random(f"{speaks} {seed} {number}")
        self._document = uuid4()
        self._room = Room(self._document, Replica(), {}, limits=LIMITS, metrics=Metrics())
        self._neighbour = Member.of(admission(self._document))
        self._heard = Replica()
        self._rows = 0
        self._now = 0.0
        self._room.join(self._neighbour, 0.0)
        self._enter()

    def frames(self) -> list[bytes]:
        """The batch. One in ten stays as it is, so that there is something to damage."""
        chance = self._chance
        drawn = (chance.choice(self._seeds) for _ in range(BATCH))
        return [frame if chance.random() < 0.1 else mutated(frame, chance) for frame in drawn]

    def throw(self, frame: bytes) -> None:
        """Let the room have a frame; raises AssertionError if it does what it must not."""
        self._now += 0.01
        message = self._parse(frame, LIMITS.frame)
        if isinstance(message, Refusal):
            assert message.code in (Close.MALFORMED, Close.TOO_LARGE), message
            self.outcomes[f"closed {int(message.code)}"] += 1
            return
        body = message.body if isinstance(message, Addressed) else message
        if not isinstance(body, MESSAGES):
            self.outcomes["no message to a room"] += 1
            return
        self.outcomes[type(body).__name__] += 1
        self._perform(self._room.receive(self._member, body, self._now, AT))
        if not self._rows % 50:
            self._perform(self._room.tick(self._now))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            assert not isinstance(effect, Rebuild), "an accepted update broke the replica"
            if isinstance(effect, Journal):
                self._rows += 1
                self._perform(self._room.committed([self._rows]))
            elif isinstance(effect, Disconnect):
                assert effect.member is not self._neighbour, "a neighbour was put out"
                assert effect.code in ALLOWED, effect
                if effect.member is self._member:  # else it is gone already
                    self.outcomes[f"put out {int(effect.code)}"] += 1
                    self._perform(self._room.leave(self._member, self._now))
                    self._enter()
            elif isinstance(effect, Send) and self._neighbour in effect.to:
                frame = effect.frame
                if frame[:2] == b"\x00\x02":
                    self._heard.apply(wire.read_bytes(frame, 2)[0])

    def _enter(self) -> None:
        self._neighbour.heard = self._now
        self._member = Member.of(admission(self._document))
        self._room.join(self._member, self._now)

    def finish(self) -> None:
        """The neighbour has what the room has, and a newcomer gets the same."""
        newcomer = Replica()
        for frame in self._room.content.since(b"\x00"):
            newcomer.apply(wire.read_bytes(frame, 2)[0])
        state = self._room.content.state()
        assert (
            newcomer.clocks()
            == self._heard.clocks()
            == wire.read_state_vector(self._room.content.state_vector())
        )
        crdt.check(state)
        assert self._neighbour in self._room.members
