"""The statements that read events: what is asked for is in the arguments, each at its place."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from app.eventlog.reading import COLUMNS, NEWEST, RESULT_OF, event, select
from app.eventlog.transaction import KNOWN_COMMANDS, LOOK, PREPARE_SESSION, RULED_OUT_BY_TYPE
from domain.ports import Context, EventFilter, NewEvent

HOSTILE = st.one_of(
    st.text(max_size=10), st.sampled_from(["'; DROP TABLE events --", "{0}", "$1", "{}", "x.*", ".*", "%s"])
)
IDS = st.none() | st.uuids()
FILTERS = st.builds(
    EventFilter,
    types=st.lists(HOSTILE, max_size=4).map(tuple),
    stream=IDS,
    process=IDS,
    actor=IDS,
    tags=st.lists(HOSTILE, max_size=3).map(tuple),
)


def harmless(where: EventFilter) -> EventFilter:
    """A filter of the same shape."""
    types = tuple("x.*" if name.endswith(".*") else "x" for name in where.types)
    stream, process, actor = (id and UUID(int=0) for id in (where.stream, where.process, where.actor))
    return EventFilter(types, stream, process, actor, ("x",) * len(where.tags))


@given(FILTERS, st.none() | st.integers(0), st.booleans())
def test_every_argument_has_its_place_and_nothing_asked_for_is_in_the_statement(
    where: EventFilter, before: int | None, backwards: bool
) -> None:
    statement, arguments = select(4, before, 10, where, backwards)
    places = [int(place) for place in re.findall(r"\$(\d+)", statement)]
    assert places == list(range(1, len(arguments) + 1))
    assert (arguments[0], arguments[-1]) == (4, 10)
    assert statement == select(4, before, 10, harmless(where), backwards)[0]


def test_a_filter_that_asks_for_nothing_costs_nothing() -> None:
    statement, arguments = select(0, None, 5, EventFilter(), False)
    assert statement.rpartition("FROM events")[2] == " WHERE position > $1 ORDER BY position ASC LIMIT $2"
    assert arguments == [0, 5]


async def test_a_prefix_ends_at_its_point_whatever_the_language_of_the_database(
    log: PostgresEventLog, pool: Pool
) -> None:
    types = ["a", "a.b", "a.b.c", "a.~", "a/", "ab", "A.b", "a-b"]
    await log.append([NewEvent(uuid4(), type, b"{}", tags=("one", "two")) for type in types], Context())
    for wanted, found in (
        (("a.*",), {"a.b", "a.b.c", "a.~"}),
        (("a.b", "ab"), {"a.b", "ab"}),
        (("a.b.*", "a/"), {"a.b.c", "a/"}),
        (("A.*",), {"A.b"}),
        (("a.b'; DROP TABLE events --",), set()),
        (("%",), set()),
    ):
        assert {one.type for one in await log.read(where=EventFilter(types=wanted))} == found, wanted
    row = await pool.fetchrow(f"{COLUMNS}, salt, leaf_hash FROM events WHERE position = 2")
    assert row is not None
    assert [event(row)] == list(await log.read(after=1, limit=1)), "what more there is to a row is left out"
    assert event(row).tags == ("one", "two")


LOOKED_UP = {
    "newest of types": (NEWEST, "ARRAY['person.erased', 'plan.never']"),
    "result of a command": (RESULT_OF, f"'{UUID(int=1)}'"),
    "known commands": (KNOWN_COMMANDS, f"ARRAY['{UUID(int=1)}']::uuid[]"),
    "versions and commands": (
        LOOK,
        f"ARRAY['{UUID(int=1)}']::uuid[], ARRAY['{UUID(int=1)}']::uuid[], ARRAY[0]",
    ),
    "ruled out by type": (RULED_OUT_BY_TYPE, "ARRAY['person.erased'], 5"),
}


@pytest.fixture
async def long_log(log: PostgresEventLog, pool: Pool) -> Pool:
    """Few types, few commands, few streams: the planner thinks that each is met soon wherever one reads."""
    streams = [uuid4() for _ in range(10)]
    for _ in range(10):
        events = [NewEvent(stream, type, b"{}") for type in ("a.b", "a.c") for stream in streams * 25]
        await log.append(events, Context(command_id=uuid4()))
    await pool.execute("ANALYZE events")
    return pool


@pytest.mark.parametrize("what", LOOKED_UP)
async def test_what_is_not_there_is_not_looked_for_in_the_whole_log(long_log: Pool, what: str) -> None:
    statement, arguments = LOOKED_UP[what]
    async with long_log.acquire() as connection:
        await connection.execute(PREPARE_SESSION)
        await connection.execute(f"PREPARE looked_up AS {statement}")
        explained = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE looked_up({arguments})"
        )
        await connection.reset()
        await connection.execute("DEALLOCATE looked_up")
    plan: dict[str, Any] = json.loads(explained)[0]["Plan"]
    pages = await long_log.fetchval("SELECT pg_relation_size('events') / 8192")
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 20 < pages / 5, plan
