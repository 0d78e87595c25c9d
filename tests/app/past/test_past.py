"""The past is what was: replayed states are those recorded live, at any position, as often as asked."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate

from app.database.postgres import Pool
from app.past import Past
from app.past.kept import Kept, KeptStates, Of
from app.past.states import digest, plain
from app.past.views import digest as digest_of_views
from app.views import Views
from domain.errors import NotFound
from domain.plan import Plan
from domain.ports import EventLog
from projections import access, activity, plan
from projections.catalogue import VIEWS
from projections.ports import Connection
from tests.projections.coproduction import Coproduction

MOMENTS = 100  # tests/acceptance/test_as_of.py has more, with documents and over the API
EVERY = 4  # so that most replays begin at a kept state


def _aggregates(story: Coproduction) -> list[Aggregate]:
    return [*story.processes, *story.plans.values(), *story.assets, *story.documents]


async def _rows(c: Connection, process: UUID) -> str:
    tree = await plan.tree(c, process, disabled=True)
    grants = await access.grants(c, process)
    told = await activity.of_process(c, process, limit=500)
    return repr((tree, grants, told.items))


async def _kept(pool: Pool, kind: str) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM past_states WHERE kind LIKE $1", f"{kind}.%")
    return found


async def test_aggregates_at_random_positions_are_what_they_were(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=11)
    live: dict[int, dict[UUID, tuple[int, str]]] = {}
    while len(live) < MOMENTS:
        await story.step()
        live[await log.head()] = {a.id: (a.version, digest(plain(a))) for a in _aggregates(story)}
    past = Past(pool, log, every=EVERY).aggregates
    chosen = random.Random(5)
    asked = [(position, chosen.choice(sorted(found))) for position, found in live.items() if found]
    chosen.shuffle(asked)
    for _ in range(2):  # the second time from other kept states
        for position, stream in asked:
            found = await past.at(stream, position)
            assert (found.version, digest(found.state)) == live[position][stream]
            assert found.position <= position
    assert len(asked) >= MOMENTS - 5
    assert await _kept(pool, "aggregate") >= 8


async def test_views_at_random_positions_are_what_they_were(pool: Pool, log: EventLog, database: str) -> None:
    views = Views(pool, log, database)
    await views.start()
    story = Coproduction(log, seed=12)
    chosen = random.Random(6)
    live: dict[int, tuple[UUID, str]] = {}
    while len(live) < MOMENTS:
        await story.step()
        await views.wait_all(await log.head())
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
    assert await _kept(pool, "view") > 10


async def test_replayed_twice_the_rows_of_every_view_are_the_same(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=13)
    await story.work(150)
    process, head = story.processes[0].id, await log.head()
    found: dict[int, set[str]] = {}
    for every in (10**9, 3, 3, 7):  # nothing kept; from kept states; again; from others
        for position in range(head // 5, head, head // 5):
            async with Past(pool, log, every=every).views.at(process, position, *VIEWS) as c:
                found.setdefault(position, set()).add(await digest_of_views(c, *VIEWS))
    assert [len(digests) for digests in found.values()] == [1] * len(found)
    assert len(set.union(*found.values())) > 3, "these moments differ"


async def test_what_was_not_yet_is_not_found(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=1)
    first = await story.start()
    before = await log.head()
    second = await story.start()
    past = Past(pool, log).aggregates
    assert (await past.at(first.id, before)).version == first.version
    for stream, position in ((second.id, before), (first.id, 0), (uuid4(), before)):
        with pytest.raises(NotFound):
            await past.at(stream, position)
        with pytest.raises(NotFound):
            await past.ends(stream, position)


async def test_a_read_costs_as_much_at_the_end_of_a_long_history_as_at_its_beginning(
    pool: Pool, log: EventLog
) -> None:
    story = Coproduction(log, seed=2)
    process = (await story.start()).id
    plan_ = story.plans[process]
    node = story.id()
    plan_.add(node=node, kind="phase", title="A", parent=None)
    for at in range(900):
        plan_.rename(node, f"Title {at}")
    await story.append(process, plan_)
    reading = _Counting(log)
    past = Past(pool, reading, every=50).aggregates
    head = await log.head()
    assert (await past.at(plan_.id, head)).version == plan_.version
    whole = reading.events
    assert whole > 900
    for position in range(head, head - 800, -97):
        reading.events = 0
        found = await past.at(plan_.id, position)
        assert isinstance(found.aggregate, Plan)
        assert found.aggregate.nodes[node].title == f"Title {position - head + 899}"
        assert reading.events <= 52


async def test_what_the_log_is_rid_of_is_not_kept(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=3)
    process = (await story.start()).id
    plan_ = story.plans[process]
    node = story.id()
    plan_.add(node=node, kind="phase", title="Secret", parent=None)
    await story.append(process, plan_)
    secret = await log.head()
    for at in range(30):
        plan_.rename(node, f"Title {at}")
    await story.append(process, plan_)
    head = await log.head()
    past = Past(pool, log, every=1)
    await past.aggregates.at(plan_.id, head)
    async with past.views.at(process, head, activity.VIEW):
        pass
    generation = await pool.fetchval("SELECT generation FROM past_generation")
    await _rewrite(pool, secret)
    positions = [row[0] for row in await pool.fetch("SELECT position FROM past_states")]
    assert positions, "what was there before is still good"
    assert max(positions) < secret
    replayed = await past.aggregates.at(plan_.id, secret)
    assert isinstance(replayed.aggregate, Plan)
    assert replayed.aggregate.nodes[node].title == "Erased"
    assert await pool.fetchval("SELECT generation FROM past_generation") > generation


async def test_a_state_made_before_a_rewrite_is_not_kept_after_it(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=3)
    process = (await story.start()).id
    plan_ = story.plans[process]
    plan_.add(node=story.id(), kind="phase", title="Secret", parent=None)
    await story.append(process, plan_)
    kept, of = KeptStates(pool), Of(plan_.id, "aggregate.plan", "code")
    generation = await kept.generation()
    await _rewrite(pool, await log.head())
    await kept.keep(of, Kept(await log.head(), 2, b"Secret"), generation)
    assert await kept.nearest(of, 10) is None
    await kept.keep(of, Kept(await log.head(), 2, b"Erased"), await kept.generation())
    found = await kept.nearest(of, 10)
    assert found is not None
    assert found.state == b"Erased"
    assert await kept.nearest(Of(plan_.id, "aggregate.plan", "other code"), 10) is None


async def _rewrite(pool: Pool, position: int) -> None:
    """Put another title in place of the one at a position, as an erasure does."""
    erasure = uuid4()
    payload = await pool.fetchval("SELECT payload FROM events WHERE position = $1", position)
    facts = (erasure, position, payload.replace(b"Secret", b"Erased"), b"s" * 32)
    await pool.execute(
        "INSERT INTO event_rewrites (erasure, position, payload, salt) VALUES ($1, $2, $3, $4)", *facts
    )
    assert await pool.fetchval("SELECT rewrite_events($1)", erasure) == 1


class _Counting:
    """An event log that counts the events that were read."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.events = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def read_stream(self, *args: Any, **options: Any) -> Any:
        found = await self._log.read_stream(*args, **options)
        self.events += len(found)
        return found
