"""Aggregates as new as the log, at the cost of what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from time import thread_time
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.domain import Aggregate, AggregateEvent

from app.repository import Repository, copied
from domain.access import Access
from domain.asset import Asset
from domain.catalogue import EVENTS
from domain.document import Document
from domain.errors import NotFound, VersionConflict
from domain.payloads import Payloads
from domain.person import Person
from domain.plan import Plan
from domain.ports import Context, EventLog, RecordedEvent
from domain.process import Process
from domain.registry import Registry
from tests.memory_log import MemoryLog

NOW = datetime.now(UTC)


class CountingLog(MemoryLog):
    """Counts the stream events that were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_events = 0

    async def read_stream(
        self, stream: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[RecordedEvent]:
        found = await super().read_stream(stream, after=after, limit=limit)
        self.read_events += len(found)
        return found


def a_plan(process: UUID, phases: int = 1) -> Plan:
    plan = Plan.open(process)
    for number in range(phases):
        plan.add(node=uuid4(), kind="phase", title=f"Phase {number}")
    return plan


async def saved(repository: Repository, plan: Plan) -> UUID:
    await repository.save(Context(), plan, process=plan.process)
    return plan.id


def state(aggregate: Aggregate) -> dict[str, Any]:
    """Everything but the times, which are the log's once an event is recorded."""
    return {k: v for k, v in vars(aggregate).items() if k not in ("_created_on", "_modified_on")}


async def test_what_is_saved_is_loaded(log: EventLog) -> None:
    repository, plan = Repository(log), a_plan(uuid4(), 3)
    plan.disable(plan.children(None)[1].id)
    id = await saved(repository, plan)
    assert state(await repository.load(Plan, id)) == state(plan)
    assert state(await Repository(log).load(Plan, id)) == state(plan)


async def test_unknown_or_of_another_kind_is_not_found(log: EventLog) -> None:
    repository = Repository(log)
    id = await saved(repository, a_plan(uuid4()))
    for cls, unknown in ((Plan, uuid4()), (Process, id)):
        with pytest.raises(NotFound):
            await repository.load(cls, unknown)
        with pytest.raises(NotFound):
            await repository.created(cls, unknown)


async def test_a_load_sees_what_another_repository_saved(log: EventLog) -> None:
    here, there = Repository(log), Repository(log)
    id = await saved(here, a_plan(uuid4()))
    await here.load(Plan, id)
    other = await there.load(Plan, id)
    other.add(node=uuid4(), kind="phase", title="From elsewhere")
    await saved(there, other)
    assert len((await here.load(Plan, id)).nodes) == 2


async def test_a_warm_load_reads_only_what_is_new() -> None:
    log = CountingLog()
    repository = Repository(log)
    id = await saved(repository, a_plan(uuid4(), 20))
    await repository.load(Plan, id)
    log.read_events = 0
    plan = await repository.load(Plan, id)
    assert log.read_events == 0
    plan.add(node=uuid4(), kind="phase", title="One more")
    await saved(repository, plan)
    await repository.load(Plan, id)
    assert log.read_events == 1


async def test_copies_are_private(log: EventLog) -> None:
    repository = Repository(log)
    process = Process.start(
        id=uuid4(), title="A", description="", language="en", administrator=uuid4(), permission=uuid4()
    )
    plan = a_plan(process.id, 2)
    await repository.save(Context(), process, plan, process=process.id)
    for cls, id in ((Plan, plan.id), (Process, process.id)):
        before = state(await repository.load(cls, id))
        mine: Any = await repository.load(cls, id)
        if isinstance(mine, Plan):
            mine.disable(mine.children(None)[0].id)
            mine.add(node=uuid4(), kind="phase", title="Mine")
        else:
            mine.describe(title="Mine")
            mine.grant(permission=uuid4(), grantee=uuid4(), rights=["view"])
        assert state(await repository.load(cls, id)) == before


def specimens() -> list[Aggregate]:
    """One aggregate of each class, with something in each of its collections."""
    process = Process.start(
        id=uuid4(), title="A", description="", language="en", administrator=uuid4(), permission=uuid4()
    )
    return [
        process,
        a_plan(process.id, 2),
        Person.register(uuid4()),
        Document.create(id=uuid4(), process=process.id, asset=uuid4(), format="text", language="en"),
        Asset.create(
            id=uuid4(), process=process.id, node=uuid4(), kind="link", title="A", url="https://example.org"
        ),
        Access(credential=None, way="page", began=NOW, ended=NOW, events=1, first=1, last=1),
        Payloads.expire(id=uuid4(), of="access.recorded", before=NOW, replaced=b""),
    ]


def test_there_is_a_specimen_of_each_aggregate() -> None:
    assert {type(one) for one in specimens()} == {entry.aggregate_class for entry in EVENTS}


@pytest.mark.parametrize("aggregate", specimens(), ids=lambda one: type(one).__name__)
def test_aggregates_hold_hashable_values_and_flat_collections_of_them(aggregate: Aggregate) -> None:
    """What `copied` relies on: nothing below a collection can be changed in place."""
    for value in vars(aggregate).values():
        if isinstance(value, dict):
            assert hash((*value, *value.values()))
        else:
            assert hash(tuple(value) if isinstance(value, list | set) else value) is not None
    assert copied(aggregate) == aggregate


class GatedLog(CountingLog):
    """Answers a read of a stream only when the gate it met is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Semaphore(0)

    async def read_stream(
        self, stream: UUID, *, after: int = 0, limit: int | None = None
    ) -> Sequence[RecordedEvent]:
        found, gate = await super().read_stream(stream, after=after, limit=limit), self.gate
        self.arrived.release()
        await gate.wait()
        return found


async def grown(repository: Repository, id: UUID) -> None:
    """One more phase, saved by somebody else."""
    elsewhere = Repository(repository._log)
    plan = await elsewhere.load(Plan, id)
    plan.add(node=uuid4(), kind="phase", title="More")
    await saved(elsewhere, plan)


async def held_loads(
    log: GatedLog, repository: Repository, id: UUID, number: int
) -> list[asyncio.Task[Plan]]:
    """Loads that share a read, which has its events and is held at a new gate."""
    log.gate, log.arrived = asyncio.Event(), asyncio.Semaphore(0)
    tasks = [asyncio.create_task(repository.load(Plan, id)) for _ in range(number)]
    await log.arrived.acquire()
    return tasks


async def test_loads_at_once_bring_the_same_aggregate_forward_each_for_itself() -> None:
    log = GatedLog()
    repository = Repository(log)
    id = await saved(repository, a_plan(uuid4()))
    await repository.load(Plan, id)
    await grown(repository, id)
    tasks = await held_loads(log, repository, id, 3)
    log.gate.set()
    first, *others = await asyncio.gather(*tasks)
    assert len(first.nodes) == 2
    assert others == [first, first]


async def test_a_load_shares_no_read_that_began_before_it() -> None:
    log = GatedLog()
    repository = Repository(log)
    id = await saved(repository, a_plan(uuid4()))
    [early] = await held_loads(log, repository, id, 1)
    early_gate, log.gate = log.gate, asyncio.Event()
    log.gate.set()
    await grown(repository, id)
    late = asyncio.create_task(repository.load(Plan, id))
    await asyncio.sleep(0)
    early_gate.set()
    assert len((await early).nodes) == 1
    assert len((await late).nodes) == 2
    log.read_events = 0
    assert len((await repository.load(Plan, id)).nodes) == 2
    assert log.read_events == 0


async def test_the_second_of_two_writers_of_one_version_conflicts(log: EventLog) -> None:
    repository = Repository(log)
    id = await saved(repository, a_plan(uuid4()))
    first, second = await repository.load(Plan, id), await repository.load(Plan, id)
    for plan in (first, second):
        plan.add(node=uuid4(), kind="phase", title="Mine")
    await saved(repository, first)
    with pytest.raises(VersionConflict):
        await saved(repository, second)


async def test_all_aggregates_of_a_save_stand_together_or_not_at_all(log: EventLog) -> None:
    repository = Repository(log)
    plan = a_plan(uuid4())
    appended = await repository.save(Context(), plan, process=plan.process)
    assert (appended.first, appended.last) == (1, 2)
    stale = a_plan(plan.process)
    other = a_plan(uuid4())
    with pytest.raises(VersionConflict):
        await repository.save(Context(), other, stale, process=plan.process)
    assert await log.head() == 2
    with pytest.raises(NotFound):
        await repository.load(Plan, other.id)


async def test_events_carry_who_and_where(log: EventLog) -> None:
    context = Context(actor=uuid4(), correlation_id=uuid4(), causation_id=uuid4())
    plan = a_plan(uuid4())
    await Repository(log).save(context, plan, process=plan.process)
    for event in await log.read():
        assert (event.actor, event.command_id, event.process) == (
            context.actor,
            context.command_id,
            plan.process,
        )


async def test_saving_nothing_answers_with_the_first_result_or_the_head(log: EventLog) -> None:
    repository, context = Repository(log), Context()
    plan = a_plan(uuid4())
    first = await repository.save(context, plan, process=plan.process)
    await saved(repository, a_plan(uuid4()))
    again = await repository.save(context, plan, process=plan.process)
    assert (again.first, again.last, again.repeated) == (first.first, first.last, True)
    nothing = await repository.save(Context(), plan, process=plan.process)
    assert (nothing.first, nothing.last, nothing.repeated) == (5, 4, False)


async def test_the_process_of_a_tag_is_known_by_the_log_and_then_by_heart() -> None:
    log = CountingLog()
    repository, plan = Repository(log), a_plan(uuid4())
    await saved(repository, plan)
    [node] = plan.nodes
    with pytest.raises(NotFound):
        await repository.process_of(f"node:{uuid4()}")
    assert await repository.process_of(f"node:{node}") == plan.process
    log.read = None  # type: ignore[assignment, method-assign]
    assert await repository.process_of(f"node:{node}") == plan.process


async def test_equal_loads_at_once_replay_what_is_new_once_and_share_nothing() -> None:
    class Counting(Registry):
        decoded = 0

        def decode(self, event: RecordedEvent) -> AggregateEvent:
            self.decoded += 1
            return EVENTS.decode(event)

    log, registry = MemoryLog(), Counting()
    plan = a_plan(uuid4(), 2)
    await saved(Repository(log), plan)
    repository = Repository(log, registry)
    loaded = await asyncio.gather(*(repository.load(Plan, plan.id) for _ in range(9)))
    assert registry.decoded == 3
    before = state(loaded[0])
    loaded[1].disable(loaded[1].children(None)[0].id)
    loaded[2].add(node=uuid4(), kind="phase", title="Mine")
    assert [state(other) for other in (loaded[0], *loaded[3:])] == [before] * 7


async def test_what_a_stream_began_with_is_read_once_and_alone() -> None:
    log = CountingLog()
    repository, asset = Repository(log), uuid4()
    document = Document.create(id=uuid4(), process=uuid4(), asset=asset, format="text", language="en")
    for _ in range(3):
        document.trigger_event(
            Document.Edited,
            began=document.created_on,
            ended=document.created_on,
            edits=1,
            inserted=1,
            deleted=0,
            update=b"\x00\x00",
        )
    await repository.save(Context(), document, process=document.process)
    for _ in range(2):
        assert (await repository.created(Document, document.id)).asset == asset
    assert log.read_events == 1


async def test_the_node_of_an_asset_or_a_document_is_known_by_the_log_and_then_by_heart() -> None:
    log = CountingLog()
    repository, process, node = Repository(log), uuid4(), uuid4()
    created = Document.create(id=uuid4(), process=process, asset=uuid4(), format="text", language="en")
    asset = Asset.create(
        id=created.asset, process=process, node=node, kind="document", title="Text", document=created.id
    )
    await repository.save(Context(), created, asset, process=process)
    assert repository.known_node(created.id) is None
    with pytest.raises(NotFound):
        await repository.node_of(Asset, uuid4())
    with pytest.raises(NotFound):
        await repository.node_of(Document, asset.id)
    found = await asyncio.gather(*(repository.node_of(Document, created.id) for _ in range(9)))
    assert found == [node] * 9
    assert await repository.node_of(Asset, asset.id) == node
    log.read_stream = None  # type: ignore[assignment, method-assign]
    assert repository.known_node(asset.id) == repository.known_node(created.id) == node
    assert await repository.node_of(Document, created.id) == node


async def test_no_more_is_kept_than_asked() -> None:
    log = CountingLog()
    repository = Repository(log, cache_size=2)
    ids = [await saved(repository, a_plan(uuid4())) for _ in range(3)]
    for id in (ids[0], ids[1], ids[0], ids[2]):
        await repository.load(Plan, id)
    log.read_events = 0
    await repository.load(Plan, ids[0])
    assert log.read_events == 0, "used last but one, kept"
    await repository.load(Plan, ids[1])
    assert log.read_events == 2, "used least recently, gone"


async def test_a_plan_of_1000_nodes_loads_in_a_few_milliseconds_when_warm() -> None:
    repository = Repository(MemoryLog())
    id = await saved(repository, a_plan(uuid4(), 1000))
    await repository.load(Plan, id)
    took = []
    for _ in range(20):
        began = thread_time()
        await repository.load(Plan, id)
        took.append(thread_time() - began)
    assert min(took) < 0.003
