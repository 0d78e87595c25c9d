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
