"""What every event log must do: the contract of domain.ports.EventLog."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from domain.errors import VersionConflict
from domain.ports import AppendCondition, Appended, Context, EventFilter, EventLog, NewEvent, RecordedEvent


def event(stream: UUID | None = None, **changes: Any) -> NewEvent:
    return replace(NewEvent(stream or uuid4(), "thing.happened", b'{"n":1}'), **changes)


def positions(events: Sequence[RecordedEvent]) -> list[int]:
    return [recorded.position for recorded in events]


async def take(log: EventLog, count: int, **options: Any) -> list[RecordedEvent]:
    """The first `count` events that a follower sees."""
    seen: list[RecordedEvent] = []
    async with asyncio.timeout(60):
        async for batch in log.follow(**options):
            assert batch
            seen.extend(batch)
            if len(seen) >= count:
                break
    return seen


async def test_an_empty_log_says_so(log: EventLog) -> None:
    assert await log.head() == 0
    assert list(await log.read()) == []
    assert list(await log.read_stream(uuid4())) == []
    assert await log.position_at(datetime.now(UTC)) == 0
    assert await log.wait(0) == 0
    assert await log.result_of(uuid4()) is None


async def test_an_event_comes_back_as_it_went_in(log: EventLog) -> None:
    given = event(
        type="thing.changed",
        payload='{"title":"Rīga ēst 🎈"}'.encode(),
        version=1,
        schema_version=3,
        attachment=bytes(range(256)),
        process=uuid4(),
        tags=("node:1", "tag with, \"quotes' and ā", "{}"),
    )
    context = Context(
        actor=uuid4(), on_behalf_of=uuid4(), correlation_id=uuid4(), causation_id=uuid4(), command_id=uuid4()
    )
    before = datetime.now(UTC)
    assert await log.append([given], context) == Appended(1, 1)
    (found,) = await log.read()
    assert before <= found.recorded_at <= datetime.now(UTC)
    assert found == RecordedEvent(
        position=1,
        event_id=found.event_id,
        stream=given.stream,
        version=1,
        type=given.type,
        schema_version=3,
        recorded_at=found.recorded_at,
        actor=context.actor,
        on_behalf_of=context.on_behalf_of,
        command_id=context.command_id,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        process=given.process,
        tags=given.tags,
        payload=given.payload,
        attachment=given.attachment,
    )
    assert list(await log.read_stream(given.stream)) == [found]


async def test_an_event_of_the_least_comes_back_too(log: EventLog) -> None:
    await log.append([event(payload=b"")], Context())
    (found,) = await log.read()
    assert (found.payload, found.attachment, found.tags, found.process, found.actor) == (
        b"",
        None,
        (),
        None,
        None,
    )


async def test_positions_have_no_gaps_and_versions_count_per_stream(log: EventLog) -> None:
    one, other = uuid4(), uuid4()
    assert await log.append([event(one, version=1), event(other, version=1)], Context()) == Appended(1, 2)
    appended = await log.append([event(one, version=2), event(other), event(one, version=3)], Context())
    assert appended == Appended(3, 5)
    assert positions(await log.read()) == [1, 2, 3, 4, 5]
    assert [e.version for e in await log.read_stream(one)] == [1, 2, 3]
    assert [e.version for e in await log.read_stream(other)] == [1, 2]
    assert await log.head() == 5


@pytest.mark.parametrize("version", [1, 2, 4, 9])
async def test_a_taken_or_skipped_version_is_refused_whole(log: EventLog, version: int) -> None:
    stream, bystander = uuid4(), uuid4()
    await log.append([event(stream), event(stream)], Context())
    with pytest.raises(VersionConflict):
        await log.append([event(bystander), event(stream, version=version)], Context())
    assert await log.head() == 2
    assert list(await log.read_stream(bystander)) == []
    assert await log.append([event(stream, version=3)], Context()) == Appended(3, 3)


async def test_a_new_stream_begins_at_one(log: EventLog) -> None:
    with pytest.raises(VersionConflict):
        await log.append([event(version=2)], Context())
    assert await log.append([event(version=1)], Context()) == Appended(1, 1)


async def test_versions_must_follow_within_one_append_too(log: EventLog) -> None:
    stream = uuid4()
    with pytest.raises(VersionConflict):
        await log.append([event(stream, version=1), event(stream, version=1)], Context())
    with pytest.raises(VersionConflict):
        await log.append([event(stream, version=1), event(stream, version=3)], Context())
    assert await log.head() == 0


async def test_a_repeated_command_stores_nothing_and_answers_the_same(log: EventLog) -> None:
    context, stream = Context(), uuid4()
    await log.append([event()], Context())
    first = await log.append([event(stream, version=1), event(stream, version=2)], context)
    await log.append([event()], Context())
    again = await log.append([event(stream, version=1), event(stream, version=2)], context)
    assert (first, again) == (Appended(2, 3), Appended(2, 3, repeated=True))
    assert await log.result_of(context.command_id) == again
    assert await log.head() == 4


async def test_a_refused_command_may_be_tried_again(log: EventLog) -> None:
    context, stream = Context(), uuid4()
    with pytest.raises(VersionConflict):
        await log.append([event(stream, version=5)], context)
    assert await log.append([event(stream, version=1)], context) == Appended(1, 1)


async def test_an_append_of_nothing_answers_with_the_head(log: EventLog) -> None:
    context = Context()
    assert await log.append([], context) == Appended(1, 0)
    await log.append([event()], Context())
    assert await log.append([], context) == Appended(2, 1)
    assert await log.append([event()], context) == Appended(2, 2)


CONDITIONS = [
    (AppendCondition(types=("thing.sold",)), False),
    (AppendCondition(types=("thing.made", "thing.sold")), False),
    (AppendCondition(types=("thing.lost",)), True),
    (AppendCondition(tags=("thing:7",)), False),
    (AppendCondition(tags=("thing:7", "buyer:1")), False),
    (AppendCondition(tags=("thing:7", "buyer:2")), True),
    (AppendCondition(types=("thing.made",), tags=("buyer:1",)), True),
    (AppendCondition(types=("thing.sold",), tags=("thing:7",)), False),
    (AppendCondition(types=("thing.sold",), after=2), True),
    (AppendCondition(tags=("thing:7",), after=2), True),
    (AppendCondition(tags=("thing:7",), after=1), False),
    (AppendCondition(), False),
    (AppendCondition(after=1), False),
    (AppendCondition(after=2), True),
    (AppendCondition(after=99), True),
]


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
async def test_a_condition_looks_at_types_tags_and_position(
    log: EventLog, condition: AppendCondition, holds: bool
) -> None:
    made = event(type="thing.made", tags=("thing:7",))
    sold = event(type="thing.sold", tags=("thing:7", "buyer:1"))
    await log.append([made, sold], Context())
    if holds:
        assert await log.append([event()], Context(), condition=condition) == Appended(3, 3)
    else:
        with pytest.raises(VersionConflict):
            await log.append([event()], Context(), condition=condition)
        assert await log.head() == 2


async def test_of_many_at_once_only_the_conflicting_ones_fail(log: EventLog) -> None:
    taken = uuid4()
    await log.append([event(taken)], Context())
    appends = [[event(taken, version=1)] if n % 10 == 3 else [event(), event()] for n in range(100)]
    answers = await asyncio.gather(*(log.append(a, Context()) for a in appends), return_exceptions=True)
    assert [isinstance(answer, VersionConflict) for answer in answers] == [n % 10 == 3 for n in range(100)]
    stored = [p for a in answers if isinstance(a, Appended) for p in range(a.first, a.last + 1)]
    assert sorted(stored) == list(range(2, 182))
    for given, answer in zip(appends, answers, strict=True):
        if isinstance(answer, Appended):
            found = await log.read(after=answer.first - 1, before=answer.last + 1)
            assert [e.stream for e in found] == [e.stream for e in given]


async def test_of_many_at_once_one_wins_each_version(log: EventLog) -> None:
    stream = uuid4()
    attempts = [log.append([event(stream, version=n % 4 + 1)], Context()) for n in range(40)]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(answer, Appended) for answer in answers) == await log.head() >= 1
    assert [e.version for e in await log.read_stream(stream)] == list(range(1, await log.head() + 1))


async def test_of_many_at_once_one_stores_the_command(log: EventLog) -> None:
    context = Context()
    answers = await asyncio.gather(*(log.append([event(), event()], context) for _ in range(20)))
    assert await log.head() == 2
    assert {(a.first, a.last) for a in answers} == {(1, 2)}
    assert sum(not a.repeated for a in answers) == 1


async def test_of_many_at_once_one_meets_the_condition(log: EventLog) -> None:
    seat = AppendCondition(types=("seat.taken",), tags=("seat:12",))
    mine = [event(type="seat.taken", tags=("hall:1", "seat:12")) for _ in range(20)]
    answers = await asyncio.gather(
        *(log.append([e], Context(), condition=seat) for e in mine), return_exceptions=True
    )
    assert sum(isinstance(answer, Appended) for answer in answers) == 1
    assert sum(isinstance(answer, VersionConflict) for answer in answers) == 19
    assert await log.head() == 1


async def test_time_never_runs_backwards(log: EventLog) -> None:
    for _ in range(5):
        await asyncio.gather(*(log.append([event()], Context()) for _ in range(10)))
    times = [e.recorded_at for e in await log.read()]
    assert times == sorted(times)


async def test_as_of_a_time_is_one_position(log: EventLog) -> None:
    for _ in range(7):
        await log.append([event(), event()], Context())
    recorded = await log.read()
    tick = timedelta(microseconds=1)
    for moment in {e.recorded_at for e in recorded}:
        assert await log.position_at(moment) == max(e.position for e in recorded if e.recorded_at <= moment)
        earlier = [e.position for e in recorded if e.recorded_at < moment]
        assert await log.position_at(moment - tick) == max(earlier, default=0)
    assert await log.position_at(datetime.now(UTC) + timedelta(days=1)) == 14


PROCESS, ACTOR, STREAM = uuid4(), uuid4(), uuid4()

FILTERS = [
    EventFilter(),
    EventFilter(types=("thing.made",)),
    EventFilter(types=("thing.made", "document.edited")),
    EventFilter(types=("thing.*",)),
    EventFilter(types=("document.*", "thing.sold")),
    EventFilter(types=("document.*", "process.*")),
    EventFilter(types=("nothing.*",)),
    EventFilter(process=PROCESS),
    EventFilter(actor=ACTOR),
    EventFilter(stream=STREAM),
    EventFilter(tags=("even",)),
    EventFilter(tags=("even", "third")),
    EventFilter(types=("thing.*",), process=PROCESS, actor=ACTOR, tags=("third",)),
]


def fits(recorded: RecordedEvent, where: EventFilter) -> bool:
    return (
        (not where.types or any(_type_fits(recorded.type, wanted) for wanted in where.types))
        and where.stream in (None, recorded.stream)
        and where.process in (None, recorded.process)
        and where.actor in (None, recorded.actor)
        and set(where.tags) <= set(recorded.tags)
    )


def _type_fits(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith(".*") else name == wanted


async def fill(log: EventLog) -> Sequence[RecordedEvent]:
    types = ["thing.made", "thing.sold", "thingy.made", "thing", "document.edited", "document.created", "a.b"]
    for n in range(42):
        tags = (*(["even"] if n % 2 == 0 else []), *(["third"] if n % 3 == 0 else []))
        given = event(
            STREAM if n % 5 == 0 else uuid4(),
            type=types[n % 7],
            process=PROCESS if n % 4 == 0 else None,
            tags=tags,
        )
        await log.append([given], Context(actor=ACTOR if n % 3 == 0 else None))
    return await log.read()


async def test_a_filter_finds_what_it_says(log: EventLog) -> None:
    everything = await fill(log)
    assert positions(everything) == list(range(1, 43))
    for where in FILTERS:
        expected = [e for e in everything if fits(e, where)]
        assert list(await log.read(where=where)) == expected
        assert list(await log.read(where=where, backwards=True)) == expected[::-1]
        within = [e for e in expected if 7 < e.position < 30]
        assert list(await log.read(after=7, before=30, where=where)) == within
        assert list(await log.read(after=7, before=30, where=where, limit=3)) == within[:3]
        last = await log.read(after=7, before=30, where=where, limit=3, backwards=True)
        assert list(last) == within[::-1][:3]


async def test_a_stream_is_read_from_a_version_on(log: EventLog) -> None:
    stream = uuid4()
    await log.append([event(stream) for _ in range(6)], Context())
    assert [e.version for e in await log.read_stream(stream, after=2)] == [3, 4, 5, 6]
    assert [e.version for e in await log.read_stream(stream, after=2, limit=2)] == [3, 4]
    assert list(await log.read_stream(stream, after=6)) == []


async def test_a_follower_sees_what_is_there_and_what_comes(log: EventLog) -> None:
    await log.append([event() for _ in range(2_500)], Context())
    following = asyncio.create_task(take(log, 2_600, after=10))
    for _ in range(10):
        await asyncio.gather(*(log.append([event()], Context()) for _ in range(11)))
    assert positions(await following) == list(range(11, 2_611))


async def test_a_follower_sees_only_what_it_asked_for(log: EventLog) -> None:
    where = EventFilter(types=("document.*",))
    following = asyncio.create_task(take(log, 20, where=where))
    for n in range(40):
        await log.append([event(type="document.edited" if n % 2 else "plan.moved")], Context())
    assert positions(await following) == list(range(2, 42, 2))


async def test_waiting_ends_when_the_position_is_there(log: EventLog) -> None:
    waiting = [asyncio.create_task(log.wait(position)) for position in (1, 2, 3)]
    await log.append([event(), event()], Context())
    async with asyncio.timeout(60):
        assert await waiting[0] == 2
        assert await waiting[1] == 2
    assert not waiting[2].done()
    await log.append([event()], Context())
    async with asyncio.timeout(60):
        assert await waiting[2] == 3


async def test_waiting_gives_up_in_time(log: EventLog) -> None:
    await log.append([event()], Context())
    with pytest.raises(TimeoutError):
        await log.wait(2, timeout=0.05)


@pytest.fixture
async def notes(pool: Pool) -> Pool:
    """A table beside the log."""
    await pool.execute("CREATE TABLE notes (note text PRIMARY KEY)")
    return pool


async def test_what_goes_alongside_commits_with_the_append(log: EventLog, notes: Pool) -> None:
    async def note(connection: Any) -> None:
        async with connection.transaction():
            await connection.execute("INSERT INTO notes VALUES ('a')")

    context = Context()
    assert await log.append([event()], context, alongside=note) == Appended(1, 1)
    again = await log.append([event()], context, alongside=note)
    assert again == Appended(1, 1, repeated=True)  # and nothing ran
    assert await notes.fetch("SELECT note FROM notes") == [("a",)]


async def test_what_fails_alongside_fails_alone(log: EventLog, notes: Pool) -> None:
    async def fail(connection: Any) -> None:
        await connection.execute("INSERT INTO notes VALUES ('b')")
        raise LookupError("not today")

    async def note(connection: Any) -> None:
        await connection.execute("INSERT INTO notes VALUES ('c')")

    stream = uuid4()
    answers = await asyncio.gather(
        log.append([event()], Context()),
        log.append([event(stream)], Context(), alongside=fail),
        log.append([event()], Context(), alongside=note),
        log.append([event()], Context()),
        return_exceptions=True,
    )
    assert isinstance(answers[1], LookupError)
    assert [answer for n, answer in enumerate(answers) if n != 1] == [Appended(n, n) for n in (1, 2, 3)]
    assert list(await log.read_stream(stream)) == []
    assert await notes.fetch("SELECT note FROM notes") == [("c",)]


async def test_nothing_runs_alongside_a_refused_append(log: EventLog, notes: Pool) -> None:
    async def note(connection: Any) -> None:
        await connection.execute("INSERT INTO notes VALUES ('d')")

    with pytest.raises(VersionConflict):
        await log.append([event(version=3)], Context(), alongside=note)
    assert await notes.fetch("SELECT note FROM notes") == []
