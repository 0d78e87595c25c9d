"""A person: an opaque id. Name, e-mail and picture live outside the log, where they can be erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.errors import Invalid

Basis = Literal[
    "no_longer_needed",
    "consent_withdrawn",
    "objection",
    "unlawful_processing",
    "legal_obligation",
    "child",
]
"""The grounds for erasure of GDPR article 17(1), (a) to (f) in this order."""
BASES: tuple[Basis, ...] = get_args(Basis)

Fate = Literal["redact", "keep"]
"""What becomes of the text that an erased person wrote: it goes, or stays as a former participant's."""
FATES: tuple[Fate, ...] = get_args(Fate)


class Person(Aggregate):
    """Somebody who takes part. Nothing here says who."""

    class Registered(Aggregate.Created):
        """The person is known to this installation from now on."""

        TOPIC = "person.registered"

    class Erased(Aggregate.Event):
        """What was known of the person is gone.

        `documents` are those in which text of theirs was redacted, `rewritten` counts the events whose
        payload was replaced, and `replaced` names them: for each, in order, its position (8 bytes, big
        endian), the commitment to the payload before, and the one to the payload now (32 bytes each).
        """

        TOPIC = "person.erased"
        basis: Basis
        text: Fate
        documents: tuple[UUID, ...]
        rewritten: int
        replaced: bytes

    def __init__(self) -> None:
        """Nothing to hold."""

    @classmethod
    def register(cls, id: UUID) -> Person:
        """Somebody new."""
        return cls._create(cls.Registered, id=id)

    def erase(self, *, basis: str, text: str, documents: Sequence[UUID], replaced: bytes) -> None:
        """Say that the person is erased, on which ground; raises Invalid."""
        if basis not in BASES:
            raise Invalid(f"a ground is one of {', '.join(BASES)}", code="basis_unknown", field="basis")
        if text not in FATES:
            raise Invalid(f"text is one of {', '.join(FATES)}", code="fate_unknown", field="text")
        self.trigger_event(
            self.Erased,
            basis=basis,
            text=text,
            documents=tuple(documents),
            rewritten=len(replaced) // RECORD,
            replaced=replaced,
        )


RECORD = 8 + 32 + 32  # bytes of one record in Person.Erased.replaced
