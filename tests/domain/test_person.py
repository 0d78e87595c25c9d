"""A person is an id; an erasure says on which ground, and which payloads it replaced."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.catalogue import EVENTS
from domain.errors import Invalid
from domain.person import BASES, FATES, RECORD, Person
from tests.domain.replay import replayed


def test_nothing_says_who_a_person_is() -> None:
    person = Person.register(uuid4())
    (event,) = person.pending_events
    assert isinstance(event, Person.Registered)
    new = EVENTS.encode(event)
    assert (new.stream, new.payload, new.tags, new.attachment) == (person.id, b"{}", (), None)
    assert replayed(person) == person


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("text", FATES)
def test_an_erasure_tells_ground_documents_and_payloads(basis: str, text: str) -> None:
    person, documents = Person.register(uuid4()), [uuid4(), uuid4()]
    replaced = b"r" * RECORD * 3
    person.erase(basis=basis, text=text, documents=documents, replaced=replaced)
    _, erased = person.pending_events
    assert isinstance(erased, Person.Erased)
    assert (erased.basis, erased.text, erased.documents) == (basis, text, tuple(documents))
    assert (erased.rewritten, erased.replaced) == (3, replaced)
    assert EVENTS.encode(erased).attachment == replaced
    assert replayed(person) == person


def test_a_person_may_have_left_nothing() -> None:
    person = Person.register(uuid4())
    person.erase(basis="objection", text="keep", documents=[], replaced=b"")
    erased = person.pending_events[-1]
    assert isinstance(erased, Person.Erased)
    assert (erased.documents, erased.rewritten) == ((), 0)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"basis": ""}, "basis_unknown"),
        ({"basis": "because"}, "basis_unknown"),
        ({"basis": "OBJECTION"}, "basis_unknown"),
        ({"text": ""}, "fate_unknown"),
        ({"text": "burn"}, "fate_unknown"),
    ],
)
def test_other_grounds_and_fates_are_refused(wrong: dict[str, str], code: str) -> None:
    person = Person.register(uuid4())
    facts = {"basis": "objection", "text": "keep", **wrong}
    with pytest.raises(Invalid) as refusal:
        person.erase(documents=[], replaced=b"", **facts)
    assert (refusal.value.code, refusal.value.field) == (code, next(iter(wrong)))
    assert len(person.pending_events) == 1, "nothing was done"
