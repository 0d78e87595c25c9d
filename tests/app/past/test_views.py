"""The rows of views at a position are what they were there, in tables that nobody else sees."""

from __future__ import annotations

import random
from uuid import UUID

from app.database.postgres import Pool
from app.past import Past
from app.past.views import digest
from app.views import Views
from domain.ports import EventLog
from projections import access, activity, plan
from projections.catalogue import VIEWS
from projections.ports import Connection
from tests.projections.coproduction import Coproduction

MOMENTS = 100  # tests/acceptance/test_as_of.py has more, with documents and over the API
EVERY = 4  # so that most replays begin at a kept state


async def _rows(c: Connection, process: UUID) -> str:
    tree = await plan.tree(c, process, disabled=True)
    grants = await access.grants(c, process)
    told = await activity.of_process(c, process, limit=500)
    return repr((tree, grants, told.items))


async def test_views_at_random_positions_are_what_they_were(pool: Pool, log: EventLog, database: str) -> None:
    views = Views(pool, log, database)
    await views.start()
    story = Coproduction(log, seed=12)
    chosen = random.Random(6)
    live: dict[int, tuple[UUID, str]] = {}
    while len(live) < MOMENTS:
        await story.step()
        await views.wait_all(await log.head(), 60)
        process = chosen.choice(story.processes).id
        live[await log.head()] = (process, await _rows(pool, process))
    past = Past(pool, log, every=EVERY).views
    asked = list(live)
    chosen.shuffle(asked)
    for position in asked:
        process, rows = live[position]
        async with past.at(process, position, plan.VIEW, access.VIEW, activity.VIEW) as c:
            assert await _rows(c, process) == rows
    process, rows = live[max(live)]
    assert await _rows(pool, process) == rows, "the live tables are untouched"
    await views.stop()
    assert await _kept(pool) > 10


async def _kept(pool: Pool) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM past_states WHERE kind LIKE 'view.%'")
    return found


async def test_replayed_twice_the_rows_of_every_view_are_the_same(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=13)
    await story.work(150)
    process, head = story.processes[0].id, await log.head()
    found: dict[int, set[str]] = {}
    for every in (10**9, 3, 3, 7):  # nothing kept; from kept states; again; from others
        for position in range(head // 5, head, head // 5):
            async with Past(pool, log, every=every).views.at(process, position, *VIEWS) as c:
                found.setdefault(position, set()).add(await digest(c, *VIEWS))
    assert [len(digests) for digests in found.values()] == [1] * len(found)
    assert len(set.union(*found.values())) > 3, "these moments differ"
