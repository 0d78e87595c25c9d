"""As of any moment the log tells what was there: aggregates, views and documents, over the API."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.documents.postgres import PostgresDocumentStore
from app.documents.states import DocumentStates
from app.past import Past
from app.server import application
from app.settings import Settings
from app.system import System
from app.wiring import system as wired
from domain.ports import EventFilter
from realtime.history.history import History
from tests.acceptance.scenario import READ, Moment, Scenario, rows
from tests.app.api.conftest import Somebody

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

MOMENTS = 200


@pytest.fixture
async def system(database: str, tmp_path: Path) -> AsyncIterator[System]:
    """Everything, started. States are kept close by, so that most replays begin at one."""
    live = {"seal_idle": 3600, "seal_after": 3600, "orphan_after": 3600}  # it is told when
    settings = Settings.model_validate({"data_dir": tmp_path, "secret_key": "a key for tests", "live": live})
    async with wired(settings, database) as running:
        states = DocumentStates(running.pool, every=5)
        yield replace(
            running,
            past=Past(running.pool, running.log, every=8),
            history=History(PostgresDocumentStore(running.pool, running.log), states),
        )


@pytest.fixture
async def client(system: System) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(system))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


async def sign_up(client: httpx.AsyncClient, name: str) -> tuple[UUID, str]:
    answer = await client.post("/auth/demo", json={"email": f"{uuid4().hex}@example.org", "name": name})
    client.cookies.clear()
    return UUID(answer.json()["person"]), answer.json()["token"]


async def test_at_200_random_positions_and_times_everything_is_what_it_was(
    system: System, client: httpx.AsyncClient
) -> None:
    signed_up = [await sign_up(client, name) for name in ("Ana", "Bruno", "Chen")]
    people, (_, token) = [person for person, _ in signed_up], signed_up[0]
    client.headers["Authorization"] = f"Bearer {token}"
    story = Scenario(system, Somebody(client, people[0], token), seed=21)
    await story.play(people, MOMENTS)
    asked = list(story.moments.values())
    chance = random.Random(4)
    for number, moment in enumerate(chance.sample(asked, len(asked))):
        at = str(moment.position) if number % 2 else moment.time
        stream = chance.choice(sorted(moment.aggregates))
        await check(client, moment, at, story.process, stream)
        async with system.past.views.at(UUID(story.process), moment.position, *READ) as then:
            assert await rows(then, UUID(story.process)) == moment.rows
    assert len({moment.rows for moment in asked}) > MOMENTS // 2, "there was something to tell apart"
    assert len({tuple(moment.texts.values()) for moment in asked}) > MOMENTS // 3
    await check_rights(client, story, chance)
    kinds = await system.pool.fetch(
        "SELECT split_part(kind, '.', 1) AS kind, count(*) FROM past_states GROUP BY 1"
    )
    kept = {row["kind"]: row["count"] for row in kinds}
    assert min(kept[kind] for kind in ("aggregate", "view", "document")) > 5, "most began at a kept state"


async def check(client: httpx.AsyncClient, moment: Moment, at: str, process: str, stream: UUID) -> None:
    """What the API tells of a moment, given as a position or a time, against what was recorded then."""
    tree = await get(client, f"/api/v1/processes/{process}/tree", at=at)
    assert tree == moment.tree
    state = await get(client, "/api/v1/audit/state", stream=str(stream), at=at)
    assert (state["version"], state["digest"]) == moment.aggregates[stream]
    for document, text in moment.texts.items():
        content = await get(client, f"/api/v1/documents/{document}/content", at=at, format="json")
        assert content["text"] == text


async def check_rights(client: httpx.AsyncClient, story: Scenario, chance: random.Random) -> None:
    """Whoever did something held the right that it took, as the log tells it."""
    events = await story.system.log.read(where=EventFilter(process=UUID(story.process)), limit=1000)
    taken = 0
    for event in chance.sample(list(events), 60):
        under = (await get(client, f"/api/v1/audit/events/{event.position}"))["under"]
        if under is not None:
            assert under["needed"] in under["held"], event.type
            taken += 1
    assert taken > 50


async def get(client: httpx.AsyncClient, path: str, **query: str) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()
