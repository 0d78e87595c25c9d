"""Real frames of both protocols, and what may become of them on the way."""

from __future__ import annotations

import random
from functools import cache

from realtime import protocol, wire
from realtime.hocuspocus import protocol as hocuspocus
from tests.realtime.samples import updates

Y, H = "y-websocket", "hocuspocus"
NAME = "d"


@cache
def y_seeds() -> list[bytes]:
    """What y-websocket clients send: every kind of message, every kind of content."""
    state_vector = wire.state_vector({1: 5, 2**31 - 2: 7})
    person = b'{"user":{"name":"Ilze"},"cursor":{"anchor":{"type":null,"tname":"content"}}}'
    presence = wire.varuint(77) + wire.varuint(1) + wire.sized(person)
    gone = wire.varuint(77) + wire.varuint(2) + wire.sized(b"null")
    captured = ("00000100", "0001020000", "0002160101aabbccdd0f00040107636f6e74656e7402686900", "03")
    return [
        *map(bytes.fromhex, captured),
        protocol.step1(state_vector),
        protocol.awareness([presence]),
        protocol.awareness([presence, gone]),
        protocol.denied("hello"),
        *(protocol.update(update) for update in updates(seed=3, count=40)),
        *(protocol.step2(update) for update in updates(seed=4, count=10)),
    ]


@cache
def h_seeds(name: str = NAME) -> list[bytes]:
    """What hocuspocus providers send: the same with an address, and messages of their own."""
    address = hocuspocus.address(name)
    token = wire.sized(b"tok")
    own = (
        bytes((protocol.AUTH, hocuspocus.TOKEN)) + token,
        bytes((protocol.AUTH, hocuspocus.TOKEN)) + token + wire.sized(b"4.8.0"),
        bytes((hocuspocus.STATELESS,)) + wire.sized(b"ping"),
        bytes((hocuspocus.BROADCAST,)) + wire.sized(b"all"),
        bytes((hocuspocus.CLOSE,)),
        bytes((hocuspocus.SYNC_STATUS, 1)),
    )
    return [
        hocuspocus.PING_FRAME,
        hocuspocus.PONG_FRAME,
        *(address + message for message in own),
        *(address + frame for frame in y_seeds()),
        hocuspocus.address(f"{name}\0session") + y_seeds()[0],
    ]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes with one to four of: flipped, cut, doubled, inserted, replaced by an extreme."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(result) + 1)
        match chance.randrange(5):
            case 0 if at < len(result):
                result[at] ^= 1 << chance.randrange(8)
            case 1:
                del result[at:]
            case 2:
                result[at:at] = result[: chance.randrange(1, 40)]
            case 3:
                result[at:at] = chance.randbytes(chance.randrange(1, 9))
            case _:
                result[at : at + 1] = chance.choice(EXTREMES)
    return bytes(result)


EXTREMES = [
    b"\xff" * 9 + b"\x01",
    b"\x00",
    b"\x80",
    b"\x7f" * 20,
    b"\xff\xff\xff\xff\x07",
    b"\xff" * 7 + b"\x0f",
]
