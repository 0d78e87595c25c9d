"""What the Merkle tree proves about one event: the exact bytes under its leaf.

    leaf       = SHA-256(0x00 ‖ header ‖ commitment)
    commitment = SHA-256(salt ‖ payload), with 32 random bytes of salt

The header is UTF-8 text, each line ended by one newline (U+000A):

     1  interlink-event/1          the version of this layout
     2  position                   decimal, from 1; the leaf index plus one
     3  event id                   ids as lower-case UUID text
     4  stream
     5  stream version             decimal, from 1
     6  type
     7  schema version             decimal, from 1
     8  recorded at                RFC 3339, UTC, microseconds: 2026-01-31T09:30:00.000000Z
     9  actor                      an empty line where there is none, here and below
    10  on behalf of
    11  command id
    12  correlation id
    13  causation id
    14  process
    15… tags                       one line each, in their order; no line where there are none

No field can hold a newline, so two different events never share a header. An attachment is
proven through the payload, which names its SHA-256. The salt lets a payload be erased without
leaving something that could be guessed from its hash.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from app.eventlog.merkle import leaf_hash
from domain.ports import RecordedEvent

LAYOUT = "interlink-event/1"
SALT_SIZE = 32


def header(event: RecordedEvent) -> bytes:
    """The exact bytes that stand for everything about an event but its payload."""
    lines = (
        f"{LAYOUT}\n{event.position}\n{event.event_id}\n{event.stream}\n{event.version}\n"
        f"{event.type}\n{event.schema_version}\n{_rfc3339(event.recorded_at)}\n"
        f"{event.actor or ''}\n{event.on_behalf_of or ''}\n{event.command_id}\n"
        f"{event.correlation_id or ''}\n{event.causation_id or ''}\n{event.process or ''}\n"
    )
    for tag in event.tags:
        lines += f"{tag}\n"
    return lines.encode()


def commitment(salt: bytes, payload: bytes) -> bytes:
    """What binds an event to its payload without telling it, 32 bytes."""
    return sha256(salt + payload).digest()


def leaf(event: RecordedEvent, salt: bytes) -> bytes:
    """The event's leaf hash, 32 bytes."""
    return leaf_hash(header(event) + commitment(salt, event.payload))


@lru_cache(maxsize=64)
def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
