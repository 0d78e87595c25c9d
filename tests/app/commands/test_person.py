"""Becoming known, and one's own profile."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.commands import person as persons
from app.system import System
from domain.errors import Forbidden, Invalid, NotFound
from tests.builders import a_person, by


async def test_registering_answers_the_person_and_a_position_that_includes_them(system: System) -> None:
    done = await persons.register(system, by(None), email="ilze@example.org", name="Ilze", language="lv")
    [event] = await system.log.read()
    assert (event.stream, event.position) == (done.id, done.position)
    again = await persons.register(system, by(None), email="ILZE@example.org", name="X", language="it")
    assert again == done


async def test_people_change_their_own_profile_and_the_log_holds_nothing_of_it(system: System) -> None:
    ilze = await a_person(system)
    head = await system.log.head()
    done = await persons.update(system, by(ilze), name="Ilze Ozola", language="en")
    assert (done.id, done.position) == (ilze, head)
    profile = await system.people.get(ilze)
    assert (profile.name, profile.language) == ("Ilze Ozola", "en")
    assert await system.log.head() == head


async def test_unfit_updates_are_refused(system: System) -> None:
    with pytest.raises(Forbidden):
        await persons.update(system, by(None), name="Nobody")
    with pytest.raises(NotFound):
        await persons.update(system, by(uuid4()), name="Nobody")
    with pytest.raises(Invalid):
        await persons.update(system, by(await a_person(system)), language="")
