"""A person: an opaque id. Name, e-mail and picture live outside the log, where they can be erased."""

from __future__ import annotations

from uuid import UUID

from eventsourcing.domain import Aggregate


class Person(Aggregate):
    """Somebody who takes part. Nothing here says who."""

    class Registered(Aggregate.Created):
        """The person is known to this installation from now on."""

        TOPIC = "person.registered"

    def __init__(self) -> None:
        """Nothing to hold."""

    @classmethod
    def register(cls, id: UUID) -> Person:
        """Somebody new."""
        return cls._create(cls.Registered, id=id)
