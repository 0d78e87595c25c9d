"""What the log says of payloads that were kept long enough."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.catalogue import EVENTS, REWRITING
from domain.payloads import Payloads
from domain.person import RECORD
from tests.domain.replay import replayed

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_it_names_what_was_replaced_and_counts_it(count: int) -> None:
    id, replaced = uuid4(), b"r" * RECORD * count
    expired = Payloads.expire(id=id, of="access.recorded", before=BEFORE, replaced=replaced)
    (event,) = expired.pending_events
    assert isinstance(event, Payloads.Expired)
    assert (expired.id, expired.of, expired.before, expired.rewritten) == (
        id,
        "access.recorded",
        BEFORE,
        count,
    )
    new = EVENTS.encode(event)
    assert new.attachment == replaced
    assert replayed(expired) == expired


def test_the_list_itself_is_not_held_in_memory() -> None:
    expired = Payloads.expire(id=uuid4(), of="access.recorded", before=BEFORE, replaced=b"r" * RECORD)
    assert "replaced" not in vars(expired)


def test_it_is_of_those_types_that_may_replace_payloads() -> None:
    """Verification believes no other event that says so."""
    assert set(REWRITING) == {Payloads.Expired.TOPIC, "person.erased"}
