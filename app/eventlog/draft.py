"""An event made ready to be stored, all but its place. Made outside the log's lock, where time is cheap."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.eventlog.identifiers import uuid7
from app.eventlog.leaf import SALT_SIZE, Leaf
from domain.ports import Context, NewEvent

COLUMNS = {
    "stream_version": "int",
    "leaf_hash": "bytea",
    "event_id": "uuid",
    "stream": "uuid",
    "type": "text",
    "schema_version": "int",
    "actor": "uuid",
    "on_behalf_of": "uuid",
    "command_id": "uuid",
    "correlation_id": "uuid",
    "causation_id": "uuid",
    "process": "uuid",
    "tags": "text",  # one on each line
    "payload": "bytea",
    "attachment": "bytea",
    "salt": "bytea",
}
"""What a row is made of, besides position and time, and the types they travel in."""


class Draft:
    """What will be stored as one row: see COLUMNS. The first two come with the place."""

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
            "\n".join(event.tags),
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
        return leaf, (version, leaf, *self._row)


def drafts(events: Sequence[NewEvent], context: Context) -> list[Draft]:
    """Events with ids and salts of their own."""
    noise = os.urandom(SALT_SIZE * len(events))
    return [
        Draft(event, context, event_id, noise[index * SALT_SIZE : (index + 1) * SALT_SIZE])
        for index, (event, event_id) in enumerate(zip(events, uuid7(len(events)), strict=True))
    ]
