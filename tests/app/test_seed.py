"""The demo is planted once, in three languages, with its text where people will read it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.seed import SCRIPTS, demo_people, seed
from app.settings import load
from app.system import System
from app.wiring import system as wired
from projections import documents, processes
from realtime import crdt


@pytest.fixture
async def system(database: str, tmp_path: Path) -> AsyncIterator[System]:
    settings = load({"DATA_DIR": str(tmp_path), "SECRET_KEY": "for tests alone"})
    async with wired(settings, database) as running:
        yield running


async def test_planting_twice_changes_nothing(system: System) -> None:
    assert await seed(system) == 3
    head = await system.log.head()
    assert await seed(system) == 0
    await system.hub.stop()
    edits = [event for event in await system.log.read(after=head) if event.type != "document.edited"]
    assert edits == []


async def test_every_pilot_speaks_its_own_language_and_has_text(system: System) -> None:
    await seed(system)
    for path in SCRIPTS.glob("*.json"):
        script = json.loads(path.read_text())
        profile = await system.people.by_email(script["people"][0]["email"])
        assert profile is not None
        assert profile.language == script["language"]
        [process] = (await processes.mine(system.pool, profile.person)).items
        assert (process.title, process.language) == (script["title"], script["language"])
        written = await documents.of_process(system.pool, process.id)
        assert written
        for document in written:
            text = crdt.text_of(await system.hub.read(document.id), "richtext")
            assert len(text.splitlines()) >= 2, document.title


def test_the_sign_in_page_offers_everyone_of_the_demo() -> None:
    people = list(demo_people())
    assert {person["language"] for person in people} == {"lv", "it", "es"}
    assert len({person["email"] for person in people}) == len(people) == 6
