"""Event ids: UUID version 7 (RFC 9562 section 5.7), so that an index on them grows at one end."""

from __future__ import annotations

import os
import time
from uuid import UUID

from asyncpg.pgproto import pgproto


def uuid7(count: int = 1) -> list[UUID]:
    """`count` new ids: 48 bits of Unix milliseconds, 74 random bits."""
    stamp = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    noise = os.urandom(10 * count)
    return [_uuid7(stamp, noise[at : at + 10]) for at in range(0, 10 * count, 10)]


def _uuid7(stamp: bytes, noise: bytes) -> UUID:
    version, variant = 0x70 | noise[0] & 0x0F, 0x80 | noise[2] & 0x3F
    return pgproto.UUID(stamp + bytes((version, noise[1], variant)) + noise[3:])
