"""An aggregate at a position is what it was there, from whatever state a replay began."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate

from app.database.postgres import Pool
from app.past import Past, states
from app.past.states import digest, plain
from domain.errors import NotFound
from domain.plan import Plan
from domain.ports import Context, EventLog, NewEvent
from domain.registry import UnknownEventType
from tests.projections.coproduction import Coproduction

MOMENTS = 100  # tests/acceptance/test_as_of.py has more, with documents and over the API
EVERY = 4  # so that most replays begin at a kept state


def _aggregates(story: Coproduction) -> list[Aggregate]:
    return [*story.processes, *story.plans.values(), *story.assets, *story.documents]


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
    assert await _kept(pool) >= 8


async def _kept(pool: Pool) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM past_states WHERE kind LIKE 'aggregate.%'")
    return found


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


async def test_the_ends_of_a_stream_up_to_a_position(pool: Pool, log: EventLog) -> None:
    story = Coproduction(log, seed=4)
    process = await story.start()
    begun = process.version  # what began it stands at the beginning of the log, its plan behind it
    process.describe(title="B")
    process.describe(title="C")
    await story.append(process.id, process)
    past, head = Past(pool, log).aggregates, await log.head()
    expected = {1: 1, begun: begun, head - 2: begun, head - 1: head - 1, head: head, 10**6: head}
    for position, last in expected.items():
        first, found = await past.ends(process.id, position)
        assert (first.type, first.version, found.position) == ("process.started", 1, last), position


async def test_a_stream_of_an_unknown_kind_has_no_state(pool: Pool, log: EventLog) -> None:
    stream = uuid4()
    last = (await log.append([NewEvent(stream, "a.b", b"{}")], Context())).last
    with pytest.raises(UnknownEventType):
        await Past(pool, log).aggregates.at(stream, last)


async def test_what_cannot_be_kept_is_replayed_each_time(
    pool: Pool, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(aggregate: Aggregate) -> bytes:
        raise states.NotKept

    monkeypatch.setattr(states, "encode", refuse)
    story = Coproduction(log, seed=5)
    process = await story.start()
    for _ in range(2):
        found = await Past(pool, log, every=1).aggregates.at(process.id, await log.head())
        assert found.state == plain(process)
    assert (found.stream, found.type, found.version) == (process.id, "process", process.version)
    assert found.recorded_at == (await log.read(after=found.position - 1, limit=1))[0].recorded_at
    assert await _kept(pool) == 0


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
