"""What is known of a person is one JSON document, whatever stands in it or can't be read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commands import asset
from app.database.postgres import connect_pool
from app.documents.postgres import PostgresDocumentStore
from app.documents.states import DocumentStates
from app.privacy import my_data as module
from app.privacy.my_data import my_data
from app.system import System
from domain.errors import Unavailable
from realtime.history.history import History
from tests.builders import a_person, a_plan, a_process, by

_WROTE = "INSERT INTO document_clients (document_id, client_id, person_id) VALUES ($1, 7, $2)"


async def known_of(system: System, person: UUID) -> dict[str, Any]:
    """The document, parsed; each name stands in it once."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    pieces = [piece async for piece in my_data(system, person)]
    found: dict[str, Any] = json.loads(b"".join(pieces), object_pairs_hook=once)
    return found


async def a_document(system: System, person: UUID) -> UUID:
    """A document that this person made."""
    plan = await a_plan(system, person, await a_process(system, person))
    made = await asset.create(system, by(person), node=plan.task, kind="document", title="Notes")
    assert made.document is not None
    return made.document


async def test_events_come_whole_in_order_over_many_pages(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, other = await a_person(system, "Žanete"), await a_person(system)
    for title in ("Parks", 'A "park"', "Upe"):
        await a_process(system, person, title)
        await a_process(system, other)
    await system.views.wait_all(await system.log.head())
    whole = await known_of(system, person)
    monkeypatch.setattr(module, "_PAGE", 2)
    assert await known_of(system, person) == whole
    positions = [int(event["sequence"]) for event in whole["events"]]
    assert positions == sorted(positions)
    started = [event["data"]["title"] for event in whole["events"] if event["type"] == "process.started"]
    assert started == ["Parks", 'A "park"', "Upe"]
    assert [row["name"] for row in whole["profile"]] == ["Žanete"]


async def test_secrets_and_what_is_of_others_stay_out(system: System) -> None:
    person, other = await a_person(system), await a_person(system)
    for each in (person, other):
        await system.sign_in.open_session(each)
        await system.sign_in.create_token(each, name=f"of {each}", scopes=["read"], expires=None)
    found = await known_of(system, person)
    assert [row["name"] for row in found["tokens"]] == [f"of {person}"]
    assert len(found["sessions"]) == 1
    assert "secret" not in json.dumps(found)
    of_nobody = await known_of(system, uuid4())
    assert set(of_nobody) == {*module._OWN, "texts", "events"}
    assert not any(of_nobody.values())


async def test_a_document_that_can_not_be_read_is_named_but_not_for_a_database_that_is_away(
    system: System, database: str
) -> None:
    person = await a_person(system)
    empty, missing = await a_document(system, person), uuid4()
    for document in (empty, missing):
        await system.pool.execute(_WROTE, document, person)
    found = await known_of(system, person)
    assert found["texts"] == [{"document": str(missing), "unreadable": "NotFound"}]
    assert found["events"]
    closed = await connect_pool(database)
    await closed.close()
    history = History(PostgresDocumentStore(closed, system.log), DocumentStates(closed, every=3))
    with pytest.raises(Unavailable):
        await known_of(replace(system, history=history), person)


@given(st.lists(st.tuples(st.text(min_size=1), st.booleans())))
def test_stretches_are_all_that_is_mine_and_as_long_as_can_be(parts: list[tuple[str, bool]]) -> None:
    stretches = list(module._joined(parts))
    assert "".join(stretches) == "".join(text for text, mine in parts if mine)
    begun = sum(mine and (at == 0 or not parts[at - 1][1]) for at, (_, mine) in enumerate(parts))
    assert len(stretches) == begun
