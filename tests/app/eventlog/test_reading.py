"""The statements that read events: what is asked for is in the arguments, each at its place."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.database.postgres import Pool
from app.eventlog.postgres import PostgresEventLog
from app.eventlog.reading import COLUMNS, event, select
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
