"""Presence: who is in a document and where, never stored.

A client may only speak for ids that its own connection announced first. Stock clients relay
everybody's presence back to the server, so what they say about others is passed over, not punished.
Outgoing states carry the server's own idea of who is who (`user`). Source: y-protocols 1.0
`awareness.js`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from realtime import protocol
from realtime.limits import Limits
from realtime.member import Member
from realtime.protocol import Close, Refusal
from realtime.wire import Malformed, read_bytes, read_varuint, sized, varuint

_NULL = b"null"
_MAX_CLOCK = 2**32
_REMEMBERED = 300.0  # seconds; how long a departed client's clock is kept
_DEPARTED = 10  # times the ids that may be here, of those that come and go without a connection


def read_entries(body: bytes) -> list[tuple[int, int, bytes]]:
    """(client, clock, JSON text of the state) for each entry; raises Malformed."""
    count, at = read_varuint(body, 0)
    entries: list[tuple[int, int, bytes]] = []
    for _ in range(count):
        client, at = read_varuint(body, at)
        clock, at = read_varuint(body, at)
        state, at = read_bytes(body, at)
        entries.append((client, clock, state))
    if at != len(body):
        raise Malformed("bytes left over")
    return entries


def stamp(state: bytes, member: Member) -> bytes:
    """A client's state with `user` replaced by who the server knows it to be; raises Malformed."""
    try:
        value = json.loads(state, parse_constant=_no_constant)
        if not isinstance(value, dict):
            raise Malformed("presence is an object")
        value["user"] = {"name": member.name, "color": member.colour, "id": str(member.person)}
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise Malformed("presence is not JSON") from None


def _stamped_for(state: bytes) -> UUID | None:
    """Whose a state is that another node stamped; raises Malformed."""
    if state == _NULL:
        return None
    try:
        return UUID(json.loads(state)["user"]["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed("not stamped") from None


def _body(entries: Sequence[bytes]) -> bytes:
    return varuint(len(entries)) + b"".join(entries)


def _no_constant(name: str) -> None:
    raise ValueError(name)


@dataclass(slots=True)
class _Presence:
    """One client id. `clock` is the client's own; others are told `clock + lead`, at least `told`."""

    owner: Member | None  # None: on another node, or between two requests
    person: UUID | None
    clock: int
    state: bytes  # stamped JSON text, or null
    seen: float
    lead: int = 0
    told: int = 0  # the highest clock given out
    sent: float = float("-inf")
    local: bool = True  # this node speaks for it to the others

    @property
    def here(self) -> bool:
        return self.state != _NULL

    def encoded(self, client: int) -> bytes:
        self.told = max(self.told, self.clock + self.lead)
        return varuint(client) + varuint(self.told) + sized(self.state)


@dataclass(slots=True)
class Flush:
    """A frame for everybody but `but` (whose own state it is); `own`: what other nodes are to know of it."""

    frame: bytes
    but: Member | None = None
    own: bytes = b""


@dataclass(slots=True)
class AwarenessStates:
    """The presence of one document."""

    limits: Limits
    authors: Mapping[int, UUID]
    _known: dict[int, _Presence] = field(default_factory=dict)
    _dirty: set[int] = field(default_factory=set)
    _flushed: float = float("-inf")

    @property
    def due(self) -> float:
        """When `flush` has something to say; infinity if nothing."""
        return self._flushed + self.limits.awareness_interval if self._dirty else float("inf")

    def receive(self, member: Member, body: bytes, now: float) -> Refusal | None:
        """Take what a connection says about itself; a refusal ends it."""
        try:
            for client, clock, state in read_entries(body):
                if client in member.clients or self._may_announce(member, client, clock):
                    refusal = self._take(member, client, clock, state, now)
                    if refusal:
                        return refusal
        except Malformed as error:
            return Refusal(Close.MALFORMED, str(error))
        return None

    def _may_announce(self, member: Member, client: int, clock: int) -> bool:
        if self.authors.get(client, member.person) != member.person:
            return False
        known = self._known.get(client)
        if known is None:
            return True
        if known.person not in (None, member.person):
            return False
        # the same person again: a reconnect announces itself first, a relay from another tab does not
        return not member.clients or (not known.here and clock > known.told)

    def _take(self, member: Member, client: int, clock: int, state: bytes, now: float) -> Refusal | None:
        if len(state) > self.limits.awareness_state:
            return Refusal(Close.TOO_LARGE, "presence too large")
        if clock >= _MAX_CLOCK:
            return Refusal(Close.MALFORMED, "impossible clock")
        known = self._known.get(client)
        stamped = _NULL if state == _NULL else stamp(state, member)
        if known is None:
            if stamped == _NULL:
                return None
            if len(member.clients) >= self.limits.awareness_clients:
                return Refusal(Close.TOO_LARGE, "too many clients on one connection")
            if member.lingers and self._are_many(member.person):
                return None
            known = self._known[client] = _Presence(member, member.person, clock, stamped, now)
        elif known.owner is member and known.here:
            if clock < known.clock or (clock == known.clock and stamped != _NULL):
                return None
            self._put(known, clock, stamped, now)
        else:
            if known.owner is not None:
                known.owner.clients.discard(client)
            known.owner, known.person = member, member.person
            if not known.here:  # others saw it leave: they must see a newer clock
                known.lead = max(0, known.told + 1 - clock)
            self._put(known, clock, stamped, now)
        known.local = True
        member.clients.add(client)
        self._dirty.add(client)
        return None

    def _are_many(self, person: UUID) -> bool:
        """Whether a person has as much presence without a connection as they may have."""
        loose = [known for known in self._known.values() if known.owner is None and known.person == person]
        most = self.limits.awareness_clients
        return len(loose) >= most * _DEPARTED or sum(known.here for known in loose) >= most

    @staticmethod
    def _put(known: _Presence, clock: int, state: bytes, now: float) -> None:
        if state == _NULL:
            known.lead = max(known.lead, known.told + 1 - clock)
        known.clock, known.state, known.seen = clock, state, now

    def remote(self, body: bytes, now: float) -> None:
        """Take presence that another node stamped and published; raises Malformed."""
        for client, clock, state in read_entries(body):
            known = self._known.get(client)
            if known is None:
                self._known[client] = known = _Presence(None, _stamped_for(state), clock, state, now)
                known.local = False
            elif known.owner is not None and known.here:
                self._contested(client, known, clock, state, now)
                continue
            elif clock > known.told or (clock == known.told and state == _NULL):
                known.owner, known.clock, known.lead, known.state, known.seen = None, clock, 0, state, now
                known.person = _stamped_for(state) or known.person
                known.local = False
            else:
                continue
            self._dirty.add(client)

    def _contested(self, client: int, known: _Presence, clock: int, state: bytes, now: float) -> None:
        """Another node speaks for who is connected here: it came from there, or has gone there."""
        told = max(known.told, known.clock + known.lead)
        if state == _NULL:
            if clock >= told:  # the other nodes must see a newer clock
                known.lead = clock + 1 - known.clock
                self._dirty.add(client)
        elif clock > told and _stamped_for(state) == known.person:
            if known.owner is not None:
                known.owner.clients.discard(client)
            known.owner, known.clock, known.lead, known.state, known.seen = None, clock, 0, state, now
            known.local = False
            self._dirty.add(client)

    def leave(self, member: Member) -> None:
        """The connection is gone, and its presence with it, unless that lingers."""
        for client in member.clients:
            known = self._known.get(client)
            if known is not None and known.owner is member and known.here:
                if member.lingers:
                    known.owner = None  # whichever node it comes back to speaks for it then
                else:
                    self._gone(client, known)
        member.clients.clear()

    def _gone(self, client: int, known: _Presence) -> None:
        known.state = _NULL
        known.lead = known.told + 1 - known.clock
        self._dirty.add(client)

    def expire(self, now: float) -> None:
        """Drop who has not been heard of for too long, and forget who left long ago."""
        for client, known in list(self._known.items()):
            if known.here and now - known.seen > self.limits.awareness_expiry:
                self._gone(client, known)
            elif not known.here and now - known.seen > _REMEMBERED:
                del self._known[client]
                self._dirty.discard(client)
                if known.owner is not None:
                    known.owner.clients.discard(client)

    def flush(self, now: float) -> list[Flush]:
        """What changed since the last flush, as one frame (plus one for each that came back)."""
        if now < self.due:
            return []
        pause = 1 / self.limits.awareness_per_second
        common: list[bytes] = []
        own: list[bytes] = []
        single: list[Flush] = []
        for client in list(self._dirty):
            known = self._known[client]
            if known.here and now - known.sent < pause:
                continue
            self._dirty.discard(client)
            known.sent = now
            encoded = known.encoded(client)
            if known.lead and known.owner is not None:
                # a clock ahead of the client's own would overwrite its own state
                single.append(Flush(protocol.awareness([encoded]), known.owner, _body([encoded])))
                continue
            common.append(encoded)
            if known.local:
                own.append(encoded)
        if common or single:
            self._flushed = now
        if not common:
            return single
        return [Flush(protocol.awareness(common), own=_body(own) if own else b""), *single]

    def own(self) -> bytes:
        """Who is connected to this node, for the others; empty if nobody."""
        entries = [
            known.encoded(client) for client, known in self._known.items() if known.here and known.local
        ]
        return _body(entries) if entries else b""

    def everybody(self, member: Member) -> bytes | None:
        """The frame that tells a newcomer who is here; None if nobody."""
        entries = [
            known.encoded(client)
            for client, known in self._known.items()
            if known.here and known.owner is not member
        ]
        return protocol.awareness(entries) if entries else None
