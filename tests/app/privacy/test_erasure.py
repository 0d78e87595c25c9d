"""A person is forgotten once, whatever happens on the way; others lose nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from app.audit.records import LogRecord, read_records
from app.privacy import erasure as erasing
from app.privacy.erasure import carry_out_due, erase
from app.privacy.erasure_list import listed
from app.privacy.requests import ErasureRequests
from app.system import System
from domain.catalogue import EVENTS
from domain.errors import Conflict, Invalid, NotFound
from domain.person import RECORD, Person
from domain.ports import EventFilter
from tests.app.api.conftest import Somebody

REASON = "because Zebedee-Marker said so"


async def a_named_version(somebody: Somebody) -> UUID:
    """A document with a version that this person named, giving a reason."""
    task = (await somebody.a_task(await somebody.a_process()))[-1]
    document = (await somebody.a_document(task))["document"]
    await somebody.post(f"/api/v1/documents/{document}/versions", {"name": "First", "reason": REASON})
    return UUID(document)


async def gone(system: System, person: UUID) -> list[Person.Erased]:
    """The erasures of this person that the log tells of."""
    found = await system.log.read(where=EventFilter(types=("person.erased",), stream=person))
    return [event for each in found if isinstance(event := EVENTS.decode(each), Person.Erased)]


async def test_profile_and_sign_ins_go_and_the_log_tells(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    await erase(system, ana.person, basis="objection", text="redact", by=None)
    assert set(await system.people.names([ana.person, bruno.person])) == {bruno.person}
    await ana.get("/api/v1/me", status=401)
    assert (await bruno.get("/api/v1/me"))["name"] == "Bruno"
    [erased] = await gone(system, ana.person)
    assert (erased.basis, erased.text) == ("objection", "redact")


@pytest.mark.parametrize("text", ["redact", "keep"])
async def test_words_in_events_and_views_go_if_so_wished(system: System, ana: Somebody, text: str) -> None:
    document = await a_named_version(ana)
    await system.views.wait_all(await system.log.head())
    await erase(system, ana.person, basis="objection", text=text, by=None)
    [event] = await system.log.read(where=EventFilter(types=("document.version_named",), stream=document))
    viewed = await system.pool.fetchval("SELECT reason FROM view_document_versions")
    kept = REASON if text == "keep" else ""
    assert (EVENTS.payload(event)["reason"], viewed) == (kept, kept)


async def test_each_replaced_payload_is_named_with_what_was_and_what_is(
    system: System, ana: Somebody
) -> None:
    await a_named_version(ana)
    before = {record.event.position: record async for record in records(system)}
    await erase(system, ana.person, basis="objection", text="redact", by=None)
    [erased] = await gone(system, ana.person)
    named = {
        int.from_bytes(erased.replaced[at : at + 8], "big"): erased.replaced[at + 8 : at + RECORD]
        for at in range(0, len(erased.replaced), RECORD)
    }
    assert erased.rewritten == len(named) >= 1
    async for record in records(system):
        position = record.event.position
        assert record.is_sound()
        assert record.rewritten == (position in named)
        if record.rewritten:
            assert named[position] == before[position].commitment + record.own_commitment


async def records(system: System) -> AsyncIterator[LogRecord]:
    async for page in read_records(system.pool, through=await system.log.head()):
        for record in page:
            yield record


async def test_a_second_erasure_finds_it_done(system: System, ana: Somebody) -> None:
    for _ in range(2):
        await erase(system, ana.person, basis="objection", text="redact", by=None)
    assert len(await gone(system, ana.person)) == 1
    assert [line.person for line in listed(system.settings.data_dir)] == [ana.person]


@pytest.mark.parametrize(
    "step",
    [
        "erasure_list.add",
        "_end_sign_ins",
        "_stage",
        "rewriting.replaced",
        "words.forget",
        "rewriting.put_in_place",
        "delete_owned",
        "_is_late",
    ],
)
async def test_what_stopped_anywhere_is_finished_later(
    system: System, ana: Somebody, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    document = await a_named_version(ana)

    async def stop(*_: object) -> None:
        raise KilledError

    def stop_at_once(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as here:
        here.setattr(f"app.privacy.erasure.{step}", stop_at_once if step == "erasure_list.add" else stop)
        with pytest.raises(KilledError):
            await erase(system, ana.person, basis="objection", text="redact", by=None)
    await carry_out_due(system)
    assert await ErasureRequests(system.pool).pending(ana.person) is None
    assert await system.people.names([ana.person]) == {}
    assert len(await gone(system, ana.person)) == 1
    [event] = await system.log.read(where=EventFilter(types=("document.version_named",), stream=document))
    assert EVENTS.payload(event)["reason"] == ""
    assert len(listed(system.settings.data_dir)) == 1


class KilledError(Exception):
    """Stands for the end of the process."""


async def test_only_one_erases_a_person_at_a_time(system: System, ana: Somebody) -> None:
    async with erasing._alone(system, ana.person):
        with pytest.raises(Conflict):
            await erase(system, ana.person, basis="objection", text="redact", by=None)
    await carry_out_due(system)
    assert len(await gone(system, ana.person)) == 1


async def test_who_is_not_known_is_not_erased(system: System, ana: Somebody) -> None:
    with pytest.raises(NotFound):
        await erase(system, uuid4(), basis="objection", text="redact", by=None)
    with pytest.raises(Invalid):
        await erase(system, ana.person, basis="because", text="redact", by=None)
    with pytest.raises(Invalid):
        await erase(system, ana.person, basis="objection", text="burn", by=None)
    assert set(await system.people.names([ana.person])) == {ana.person}


async def test_everybody_signed_in_may_read_that_somebody_was_erased(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    await erase(system, ana.person, basis="objection", text="redact", by=None)
    found = await bruno.get("/api/v1/events", type="person.erased")
    assert str(ana.person) in str(found)


async def test_what_was_set_aside_as_unreadable_is_emptied_and_holds_nothing_up(
    system: System, ana: Somebody
) -> None:
    document = await a_named_version(ana)
    row = await system.pool.fetchval(
        """
        INSERT INTO document_updates
            (document_id, person_id, session, received_at, inserted, deleted, origin, sequence, update)
        VALUES ($1, $2, $3, now(), 0, 0, $3, 1, $4) RETURNING id
        """,
        document,
        ana.person,
        uuid4(),
        b"unreadable marker",
    )
    await system.pool.execute(
        "INSERT INTO document_set_aside (document_id, row_id, reason) VALUES ($1, $2, 'x')", document, row
    )
    await erase(system, ana.person, basis="objection", text="redact", by=None)
    assert await ErasureRequests(system.pool).pending(ana.person) is None
    left = await system.pool.fetch("SELECT update FROM document_updates")
    assert not [row for row in left if b"marker" in row["update"]]
