"""New events are brought to the subscriptions that want them and whose owners may see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from app.background import background
from app.database.postgres import Pool
from app.subscriptions import feeding
from app.subscriptions.feeding import Feeder
from app.subscriptions.store import Subscriptions
from app.subscriptions.subscription import CREDENTIAL_ENDED
from app.system import System
from domain.ports import EventLog
from tests.app.subscriptions.hooks import sender
from tests.builders import a_person, a_process

_SUBSCRIBE = """
INSERT INTO subscriptions (id, owner, kind, name, start, cursor, filter, credential)
VALUES ($1, $2, 'pull', 'Some', 'beginning', $3, $4, $5)
"""
_OPEN = """
SELECT position, replayed, state, attempts FROM deliveries WHERE subscription = $1 ORDER BY position
"""


@pytest.fixture
def system(pool: Pool, log: EventLog) -> System:
    return sender(pool, log)


@pytest.fixture
def feeder(system: System, database: str) -> Feeder:
    return Feeder(system, database)


async def subscribe(
    system: System, owner: UUID, *, after: int = 0, filter: Sequence[Any] = (), credential: UUID | None = None
) -> UUID:
    id = uuid4()
    await system.pool.execute(_SUBSCRIBE, id, owner, after, json.dumps(list(filter)), credential)
    return id


async def fed(system: System, id: UUID) -> list[int]:
    """The positions that it has to deliver."""
    return [row["position"] for row in await system.pool.fetch(_OPEN, id)]


async def cursor(system: System, id: UUID) -> int:
    found: int = await system.pool.fetchval("SELECT cursor FROM subscriptions WHERE id = $1", id)
    return found


async def feed_all(system: System, feeder: Feeder) -> int:
    """Feed until nothing is left; how many rounds that took."""
    rounds, head = 1, await system.log.head()
    while await feeder.feed(head):
        rounds += 1
    return rounds


async def test_each_gets_what_it_wants_and_its_owner_may_see_and_one_that_is_broken_holds_up_no_other(
    system: System, feeder: Feeder
) -> None:
    ana, bruno = await a_person(system), await a_person(system)
    start = await system.log.head()
    for owner in (ana, bruno, ana):
        await a_process(system, owner)
    head = await system.log.head()
    types = {event.position: event.type for event in await system.log.read(after=start)}
    hers = [event.position for event in await system.log.read(after=start) if event.actor == ana]
    everything, later, paused = [await subscribe(system, ana, after=at) for at in (start, head - 1, start)]
    wanted = [{"suffix": {"type": ".started"}}]
    some, his = (
        await subscribe(system, ana, after=start, filter=wanted),
        await subscribe(system, bruno, after=start),
    )
    await system.pool.execute("UPDATE subscriptions SET state = 'paused' WHERE id = $1", paused)
    broken = await subscribe(system, ana, filter=[{"sql": "1"}])
    with capture_logs() as told:
        assert await feed_all(system, feeder) == 1
    assert [(line["event"], line["subscription"]) for line in told] == [("subscription_not_fed", str(broken))]
    assert await fed(system, everything) == hers
    assert await fed(system, later) == [head]
    assert await fed(system, some) == [at for at in hers if types[at] == "process.started"]
    assert await fed(system, his) == sorted(set(types) - set(hers))
    assert await fed(system, paused) == []
    assert [await cursor(system, id) for id in (everything, later, some, his, paused)] == [head] * 4 + [start]


async def test_nothing_is_left_out_or_brought_twice_over_many_rounds(
    system: System, feeder: Feeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await a_person(system)
    start = await system.log.head()
    for _ in range(3):
        await a_process(system, ana)
    head = await system.log.head()
    monkeypatch.setattr(feeding, "CHUNK", 2)
    monkeypatch.setattr(feeding, "ROWS", 3)
    ids = [await subscribe(system, ana, after=start + n) for n in range(3)]
    assert await feed_all(system, feeder) > 2
    assert [await fed(system, id) for id in ids] == [list(range(start + n + 1, head + 1)) for n in range(3)]
    assert await feeder.feed(head) is False


async def test_who_has_much_open_gets_no_more(
    system: System, feeder: Feeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await a_person(system)
    await a_process(system, ana)
    monkeypatch.setattr(feeding, "OPEN", 2)
    monkeypatch.setattr(feeding, "HELD", 4)
    full, parked, held = [await subscribe(system, ana) for _ in range(3)]
    for id, states in ((full, ["pending"] * 2), (parked, ["parked"] * 3), (held, ["parked"] * 4)):
        for at, state in enumerate(states):
            await system.pool.execute(
                "INSERT INTO deliveries (subscription, position, stream, state) VALUES ($1, $2, $1, $3)",
                id, 1000 + at, state,
            )  # fmt: skip
    await feed_all(system, feeder)
    assert [await cursor(system, id) for id in (full, parked, held)] == [0, await system.log.head(), 0]


async def test_what_was_moved_meanwhile_is_left_alone(system: System, feeder: Feeder) -> None:
    ana = await a_person(system)
    await a_process(system, ana)
    head = await system.log.head()
    moved, same = await subscribe(system, ana), await subscribe(system, ana)
    round = feeding._Round(system, head)
    rows = await system.pool.fetch(feeding._HUNGRY, head, feeding.OPEN, feeding.HELD)
    portions = [await round.portion(row, row["cursor"]) for row in rows]
    await Subscriptions(system.pool).seek(ana, moved, 0)  # where it stood
    await feeder._store(portions)
    assert (await cursor(system, moved), await fed(system, moved)) == (0, [])
    assert (await cursor(system, same), await fed(system, same)) == (head, list(range(1, head + 1)))
    await system.pool.execute("DELETE FROM deliveries")  # delivered, and then comes another node's round
    await feeder._store(portions)
    assert await fed(system, same) == []


async def test_a_replay_brings_a_range_again_and_takes_up_what_was_parked(
    system: System, feeder: Feeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await a_person(system)
    for _ in range(2):
        await a_process(system, ana)
    head = await system.log.head()
    id = await subscribe(system, ana, after=head)
    for at, state in ((2, "parked"), (3, "pending")):
        await system.pool.execute(
            """INSERT INTO deliveries (subscription, position, stream, state, attempts)
            VALUES ($1, $2, $1, $3, 9)""",
            id, at, state,
        )  # fmt: skip
    await Subscriptions(system.pool).replay(ana, id, 2, head - 1)
    monkeypatch.setattr(feeding, "CHUNK", 2)
    assert await feed_all(system, feeder) >= 2
    found = [tuple(row) for row in await system.pool.fetch(_OPEN, id)]
    again = [(at, True, "pending", 0) for at in range(2, head)]
    again[1] = (3, False, "pending", 9)  # it is on its way anyway
    assert found == again
    await Subscriptions(system.pool).replay(ana, id, 1, 1)  # the one before is over


async def test_one_node_leads_and_ends_what_has_no_credential_any_more(
    system: System, feeder: Feeder, database: str
) -> None:
    ana = await a_person(system)
    token, _ = await system.sign_in.create_token(ana, name="x", scopes=["read"], expires=None)
    good, ended = (
        await subscribe(system, ana, credential=token),
        await subscribe(system, ana, credential=uuid4()),
    )

    async def until_fed(head: int) -> None:
        async with asyncio.timeout(60):
            while await cursor(system, good) != head:  # noqa: ASYNC110  the database tells nobody
                await asyncio.sleep(0.01)

    async with background(feeder.run()):
        await until_fed(await system.log.head())
        assert feeder.leading
        other = Feeder(system, database)
        async with background(other.run()):
            await a_process(system, ana)
            await until_fed(await system.log.head())
            assert not other.leading
    row = await system.pool.fetchrow("SELECT state, last_error FROM subscriptions WHERE id = $1", ended)
    assert tuple(row or ()) == ("disabled", CREDENTIAL_ENDED)
    assert await fed(system, ended) == []
