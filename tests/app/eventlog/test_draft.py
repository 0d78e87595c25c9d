"""What will be stored as one row: each value in the column that is its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.eventlog.draft import COLUMNS, Draft, draft
from app.eventlog.leaf import SALT_SIZE, leaf
from domain.ports import Context, NewEvent, RecordedEvent

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def an_event(**changes: Any) -> NewEvent:
    values: dict[str, Any] = {
        "stream": uuid4(),
        "type": "thing.happened",
        "payload": b'{"a":1}',
        "version": 3,
        "schema_version": 2,
        "attachment": b"bytes",
        "process": uuid4(),
        "tags": ("one", "two"),
    }
    return NewEvent(**values | changes)


def a_context() -> Context:
    return Context(uuid4(), uuid4(), uuid4(), uuid4(), uuid4())


def named(row: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(COLUMNS, row, strict=True))


def test_each_value_stands_under_its_name() -> None:
    event, context = an_event(), a_context()
    id, salt = uuid4(), bytes(SALT_SIZE)
    hash, row = Draft(event, context, id, salt).place(41, 7, AT)
    values = named(row)
    assert (values["position"], values["stream_version"], values["recorded_at"]) == (41, 7, AT)
    assert (values["event_id"], values["leaf_hash"], values["salt"]) == (id, hash, salt)
    for name in ("stream", "type", "schema_version", "process", "tags", "payload", "attachment"):
        assert values[name] == getattr(event, name), name
    for name in ("actor", "on_behalf_of", "command_id", "correlation_id", "causation_id"):
        assert values[name] == getattr(context, name), name


def test_the_leaf_is_that_of_the_event_as_it_will_be_read() -> None:
    event, context, made = an_event(), a_context(), uuid4()
    hash, _ = Draft(event, context, made, b"s" * SALT_SIZE).place(41, 7, AT)
    recorded = RecordedEvent(
        position=41,
        event_id=made,
        stream=event.stream,
        version=7,
        type=event.type,
        schema_version=event.schema_version,
        recorded_at=AT,
        actor=context.actor,
        on_behalf_of=context.on_behalf_of,
        command_id=context.command_id,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        process=event.process,
        tags=event.tags,
        payload=event.payload,
        attachment=event.attachment,
    )
    assert leaf(recorded, b"s" * SALT_SIZE) == hash


@pytest.mark.parametrize(("attachment", "size"), [(None, 7), (b"", 7), (b"12345", 12)])
def test_the_size_is_that_of_payload_and_attachment(attachment: bytes | None, size: int) -> None:
    assert draft(an_event(attachment=attachment), Context()).size == size


def test_every_draft_has_an_id_and_a_salt_that_nobody_can_guess() -> None:
    event, context = an_event(), Context()
    drafts = [draft(event, context) for _ in range(100)]
    salts = {named(one.place(1, 1, AT)[1])["salt"] for one in drafts}
    assert len(salts) == len({one.event_id for one in drafts}) == 100
    assert {len(salt) for salt in salts if isinstance(salt, bytes)} == {SALT_SIZE}
    for one in drafts:
        salt = named(one.place(1, 1, AT)[1])["salt"]
        assert isinstance(salt, bytes)
        assert UUID(str(one.event_id)).bytes[-6:] not in salt, "the id tells nothing of the salt"
