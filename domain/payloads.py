"""Payloads that were kept long enough: what they held of people is taken out, and the log tells of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.person import RECORD


class Payloads(Aggregate):
    """Some payloads of one type that expired together."""

    class Expired(Aggregate.Created):
        """They hold no more of people than their type's `EXPIRED` fields say.

        `of` is their type, `before` (UTC) the time up to which they were recorded, `rewritten` their
        number; `replaced` names them as in `person.erased`.
        """

        TOPIC = "payloads.expired"
        of: str
        before: datetime
        rewritten: int
        replaced: bytes

    def __init__(self, of: str, before: datetime, rewritten: int, replaced: bytes) -> None:
        self.of = of
        self.before = before
        self.rewritten = rewritten

    @classmethod
    def expire(cls, *, id: UUID, of: str, before: datetime, replaced: bytes) -> Payloads:
        """Say that these payloads of a type were replaced."""
        rewritten = len(replaced) // RECORD
        return cls._create(cls.Expired, id=id, of=of, before=before, rewritten=rewritten, replaced=replaced)
