"""Event ids: UUID version 7 (RFC 9562 section 5.7), so that an index on them grows at one end."""

from __future__ import annotations

import time
from uuid import UUID

from asyncpg.pgproto import pgproto

NOISE = 10
"""Random bytes that one id needs."""


def uuid7(noise: bytes) -> UUID:
    """A new id: 48 bits of Unix milliseconds, 74 of the 80 random bits given."""
    stamp = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    version, variant = 0x70 | noise[0] & 0x0F, 0x80 | noise[2] & 0x3F
    return pgproto.UUID(stamp + bytes((version, noise[1], variant)) + noise[3:])
