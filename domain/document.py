"""A live document. Its text is a CRDT; what people do to it stands in the log in bursts.

Bursts are appended by the sealer, which knows nothing but bytes, without loading the document;
this aggregate therefore holds no text.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.errors import Invalid

Format = Literal["richtext", "text"]
FORMATS: tuple[Format, ...] = get_args(Format)


class Document(Aggregate):
    """What co-editors open. Its title and place are its asset's."""

    class Created(Aggregate.Created):
        """An empty document came to be."""

        TOPIC = "document.created"
        process: UUID
        asset: UUID
        format: Format
        language: str

    class Edited(Aggregate.Event):
        """One person's burst of editing, as one merged Yjs update (format v1).

        `inserted` and `deleted` count what the update adds and removes, in UTF-16 units and
        other CRDT items; `edits` counts the updates merged; `began` and `ended` are when the
        server received the first and the last of them. The person is the event's actor.
        """

        TOPIC = "document.edited"
        began: datetime
        ended: datetime
        edits: int
        inserted: int
        deleted: int
        update: bytes

    class VersionNamed(Aggregate.Event):
        """Somebody gave the content at a log position a name, and said why (or nothing)."""

        TOPIC = "document.version_named"
        TAGGED = ("version",)
        PERSONAL = ("reason",)
        version: UUID
        name: str
        reason: str
        through: int

    class Restored(Aggregate.Event):
        """Somebody brought back the content at a log position, which may be that of a named version.

        The edit that does so is a burst of theirs like any other, earlier in the log.
        """

        TOPIC = "document.restored"
        through: int
        version: UUID | None

    def __init__(self, process: UUID, asset: UUID, format: Format, language: str) -> None:
        self.process = process
        self.asset = asset
        self.format = format
        self.language = language

    @classmethod
    def create(cls, *, id: UUID, process: UUID, asset: UUID, format: Format, language: str) -> Document:
        """An empty document; raises Invalid."""
        if format not in FORMATS:
            raise Invalid(f"a format is one of {', '.join(FORMATS)}", code="format_unknown", field="format")
        return cls._create(
            cls.Created, id=id, process=process, asset=asset, format=format, language=text.language(language)
        )

    def name_version(self, *, version: UUID, name: str, reason: str, through: int) -> None:
        """Name the content at log position `through`; raises Invalid."""
        self.trigger_event(
            self.VersionNamed,
            version=version,
            name=text.name(name),
            reason=text.text(reason, "reason"),
            through=through,
        )

    def note_restored(self, *, through: int, version: UUID | None = None) -> None:
        """Say that the content at log position `through` was brought back."""
        self.trigger_event(self.Restored, through=through, version=version)
