"""An event made ready to be stored, all but its place. Made outside the log's lock, where time is cheap."""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

from app.eventlog.identifiers import NOISE, uuid7
from app.eventlog.leaf import SALT_SIZE, Leaf
from domain.ports import Context, NewEvent

COLUMNS = (
    "position",
    "stream_version",
    "recorded_at",
    "leaf_hash",
    "event_id",
    "stream",
    "type",
    "schema_version",
    "actor",
    "on_behalf_of",
    "command_id",
    "correlation_id",
    "causation_id",
    "process",
    "tags",
    "payload",
    "attachment",
    "salt",
)


class Draft:
    """What will be stored as one row: see COLUMNS. The first four come with the place."""

    __slots__ = ("_leaf", "_row", "event", "event_id")

    def __init__(self, event: NewEvent, context: Context, event_id: UUID, salt: bytes) -> None:
        self.event = event
        self.event_id = event_id
        self._leaf = Leaf(event_id, event, context, salt)
        self._row = (
            event_id,
            event.stream,
            event.type,
            event.schema_version,
            context.actor,
            context.on_behalf_of,
            context.command_id,
            context.correlation_id,
            context.causation_id,
            event.process,
            event.tags,
            event.payload,
            event.attachment,
            salt,
        )

    @property
    def size(self) -> int:
        """Bytes of payload and attachment."""
        return len(self.event.payload) + len(self.event.attachment or b"")

    def place(self, position: int, version: int, recorded_at: datetime) -> tuple[bytes, tuple[object, ...]]:
        """The leaf hash and the whole row, at a position and stream version."""
        leaf = self._leaf.hash(position, version, recorded_at)
        return leaf, (position, version, recorded_at, leaf, *self._row)


def draft(event: NewEvent, context: Context) -> Draft:
    """An event with an id and a salt of its own."""
    noise = os.urandom(NOISE + SALT_SIZE)
    return Draft(event, context, uuid7(noise[:NOISE]), noise[NOISE:])
