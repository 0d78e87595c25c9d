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
from uuid import UUID

from app.eventlog.merkle import leaf_hash
from domain.ports import Context, NewEvent, RecordedEvent

LAYOUT = "interlink-event/1"
SALT_SIZE = 32
LINES = 14  # of a header, besides one for each tag


class Leaf:
    """The leaf of an event whose position, version and time are not known yet.

    All but those three is put together beforehand, so that little is left to do where it matters:
    under the log's lock. `event` and `context` may both be one RecordedEvent.
    """

    __slots__ = ("_after", "_before", "_between", "commitment")

    def __init__(
        self, event_id: UUID, event: NewEvent | RecordedEvent, context: Context | RecordedEvent, salt: bytes
    ) -> None:
        self._before = f"{event_id}\n{event.stream}\n"
        self._between = f"{event.type}\n{event.schema_version}\n"
        self._after = (
            f"{context.actor or ''}\n{context.on_behalf_of or ''}\n{context.command_id}\n"
            f"{context.correlation_id or ''}\n{context.causation_id or ''}\n{event.process or ''}\n"
        )
        for tag in event.tags:
            self._after += f"{tag}\n"
        self.commitment = commitment(salt, event.payload)

    def header(self, position: int, version: int, recorded_at: datetime) -> bytes:
        """The exact bytes that stand for everything about the event but its payload."""
        return (
            f"{LAYOUT}\n{position}\n{self._before}{version}\n"
            f"{self._between}{_rfc3339(recorded_at)}\n{self._after}"
        ).encode()

    def hash(self, position: int, version: int, recorded_at: datetime) -> bytes:
        """The leaf hash, 32 bytes."""
        return leaf_hash(self.header(position, version, recorded_at) + self.commitment)


def header(event: RecordedEvent) -> bytes:
    """The header of an event in the log."""
    return Leaf(event.event_id, event, event, b"").header(event.position, event.version, event.recorded_at)


def leaf(event: RecordedEvent, salt: bytes) -> bytes:
    """The leaf hash of an event in the log, 32 bytes."""
    found = Leaf(event.event_id, event, event, salt)
    return found.hash(event.position, event.version, event.recorded_at)


def commitment(salt: bytes, payload: bytes) -> bytes:
    """What binds an event to its payload without telling it, 32 bytes."""
    return sha256(salt + payload).digest()


@lru_cache(maxsize=64)
def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
