"""What nodes tell each other about one document, over the bus. All of it may be lost, doubled or late.

    0 news       after, last, n x (client, person), update
    1 presence   body of an awareness message: states that this node stamped
    2 roll call  empty: tell me who is with you

Numbers are lib0's varuints, a person is 16 bytes, update and body go to the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from realtime.wire import Malformed, read_varuint, varuint

_NEWS, _PRESENCE, _ROLL_CALL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class News:
    """A node committed an update, under journal rows up to `last`; its previous one here was `after`.

    `claims` tells whose the client ids are that were new to the document. `update` may be empty:
    then it is to be read from the store.
    """

    after: int
    last: int
    claims: tuple[tuple[int, UUID], ...]
    update: bytes


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is connected to a node, or was: entries of an awareness message, with their count before them."""

    body: bytes


@dataclass(frozen=True, slots=True)
class RollCall:
    """A node wants to know who is connected to the others."""


Message = News | Presence | RollCall


def encode(message: Message) -> bytes:
    """The bytes for the bus."""
    if isinstance(message, Presence):
        return varuint(_PRESENCE) + message.body
    if isinstance(message, RollCall):
        return varuint(_ROLL_CALL)
    head = [varuint(number) for number in (_NEWS, message.after, message.last, len(message.claims))]
    claims = [varuint(client) + person.bytes for client, person in message.claims]
    return b"".join([*head, *claims, message.update])


def parse(data: bytes) -> Message:
    """The reverse of `encode`; raises Malformed."""
    kind, at = read_varuint(data, 0)
    if kind == _PRESENCE:
        return Presence(data[at:])
    if kind == _ROLL_CALL:
        return RollCall()
    if kind != _NEWS:
        raise Malformed("unknown message")
    after, at = read_varuint(data, at)
    last, at = read_varuint(data, at)
    count, at = read_varuint(data, at)
    claims: list[tuple[int, UUID]] = []
    for _ in range(count):
        client, at = read_varuint(data, at)
        if at + 16 > len(data):
            raise Malformed("ends early")
        claims.append((client, UUID(bytes=data[at : at + 16])))
        at += 16
    return News(after, last, tuple(claims), data[at:])
