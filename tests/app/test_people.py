"""Profiles: one person per e-mail, nothing of them in the log."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from app.database.postgres import Pool
from app.people import COLOURS, People
from app.system import System
from domain.errors import Invalid, NotFound, Unavailable
from domain.ports import Context
from tests.memory_log import MemoryLog


async def test_registering_appends_an_event_that_says_nothing_but_the_id(system: System) -> None:
    profile = await system.people.register(
        None, email="Ilze@Example.org", name=" Ilze  Ozola ", language="lv"
    )
    assert (profile.email, profile.name, profile.language) == ("ilze@example.org", "Ilze Ozola", "lv")
    [event] = await system.log.read()
    assert (event.type, event.stream, event.actor) == ("person.registered", profile.person, profile.person)
    assert event.payload == b"{}"


async def test_an_email_is_found_again_whatever_its_case_and_the_profile_is_left_as_it_is(
    system: System,
) -> None:
    first = await system.people.register(None, email="ilze@example.org", name="Ilze", language="lv")
    again = await system.people.register(None, email=" ILZE@example.ORG", name="Someone", language="it")
    assert again == first
    assert await system.people.by_email("Ilze@Example.Org") == first
    assert await system.log.head() == 1


async def test_sign_ins_at_once_make_one_person(system: System) -> None:
    profiles = await asyncio.gather(
        *(
            system.people.register(None, email="ilze@example.org", name="Ilze", language="lv")
            for _ in range(8)
        )
    )
    assert len({profile.person for profile in profiles}) == 1
    assert await system.log.head() == 1
    assert await system.pool.fetchval("SELECT count(*) FROM persons") == 1


async def test_a_repeated_registration_answers_the_same(system: System) -> None:
    context = Context()
    first = await system.people.register(context, email="ilze@example.org", name="Ilze", language="lv")
    again = await system.people.register(context, email="ilze@example.org", name="Ilze", language="lv")
    assert again == first


async def test_the_id_does_not_lead_back_to_the_email(system: System) -> None:
    first = await system.people.register(None, email="ilze@example.org", name="Ilze", language="lv")
    await system.pool.execute("DELETE FROM persons")
    second = await system.people.register(None, email="ilze@example.org", name="Ilze", language="lv")
    assert first.person != second.person


UNFIT = [
    ("email", "", "email_invalid"),
    ("email", "no-at", "email_invalid"),
    ("email", "two@@ats.org", "email_invalid"),
    ("email", "a b@example.org", "email_invalid"),
    ("email", "a\x00@example.org", "bad_characters"),
    ("email", "a@" + "b" * 300, "email_invalid"),
    ("email", "\ud800@example.org", "bad_characters"),
    ("name", " \u200b ", "name_missing"),
    ("name", "x" * 101, "too_long"),
    ("name", "Il\x1bze", "bad_characters"),
    ("name", "\u202eezlI", "bad_characters"),
    ("language", "english please", "language_unknown"),
]


async def test_unfit_profiles_are_refused_and_nothing_is_kept(system: System) -> None:
    for field, value, code in UNFIT:
        fields = {"email": "ilze@example.org", "name": "Ilze", "language": "lv"} | {field: value}
        with pytest.raises(Invalid) as refusal:
            await system.people.register(None, **fields)
        assert (refusal.value.code, refusal.value.field) == (code, field)
    assert await system.log.head() == 0


async def test_names_come_in_one_answer_without_the_unknown(system: System) -> None:
    ilze = await system.people.register(None, email="ilze@example.org", name="Ilze", language="lv")
    marco = await system.people.register(None, email="marco@example.org", name="Marco", language="it")
    asked = [ilze.person, uuid4(), marco.person, ilze.person]
    assert await system.people.names(asked) == {ilze.person: ilze, marco.person: marco}
    assert await system.people.names([]) == {}


async def test_unknown_people_are_not_found(system: System) -> None:
    with pytest.raises(NotFound):
        await system.people.get(uuid4())
    with pytest.raises(NotFound):
        await system.people.update(uuid4(), name="Nobody")
    assert await system.people.by_email("nobody@example.org") is None
    assert await system.people.by_email("not\x00an address") is None


async def test_update_changes_what_is_given(system: System) -> None:
    ilze = await system.people.register(None, email="ilze@example.org", name="Ilze", language="lv")
    renamed = await system.people.update(ilze.person, name="Ilze Ozola")
    assert (renamed.name, renamed.language, renamed.colour) == ("Ilze Ozola", "lv", ilze.colour)
    assert (await system.people.update(ilze.person, language="en")).language == "en"
    assert (await system.people.get(ilze.person)).name == "Ilze Ozola"
    with pytest.raises(Invalid):
        await system.people.update(ilze.person, language="?")


async def test_a_database_that_is_away_is_unavailable(pool: Pool) -> None:
    people = People(pool, MemoryLog(pool))
    await pool.close()
    for call in (
        people.by_email("ilze@example.org"),
        people.names([uuid4()]),
        people.update(uuid4(), name="Ilze"),
        people.register(None, email="ilze@example.org", name="Ilze", language="lv"),
    ):
        with pytest.raises(Unavailable):
            await call


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_are_readable_on_white(colour: str) -> None:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5
