"""Which events one reader may see."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from app.authorization import CHANGES, Authorization
from app.events import access as module
from app.events.access import EventAccess, matches
from app.http.consistency import MAX_POSITION
from app.system import System
from domain.document import Document
from domain.errors import NotFound
from domain.ports import Context, NewEvent, RecordedEvent
from domain.rights import Right
from tests.app.events.in_memory import (
    a_document,
    a_note,
    a_planned_process,
    an_erasure,
    everything,
    let_in,
    shut_out,
    system_in_memory,
)
from tests.builders import a_process
from tests.contracts.test_event_log import FILTERS, fill
from tests.memory_log import MemoryLog

ANA, BRUNO = UUID(int=0xA), UUID(int=0xB)


@pytest.fixture
def system() -> System:
    return system_in_memory()


async def seen(access: EventAccess, system: System) -> list[RecordedEvent]:
    return [event for event in await everything(system) if await access.may_see(event)]


async def test_who_views_one_node_sees_what_is_about_it_and_no_more(system: System) -> None:
    process, plan = await a_planned_process(system, ANA)
    document = await a_document(system, ANA, plan.task)
    assert document.document is not None
    await system.log.append(
        [NewEvent(document.document, "document.edited", b"{}", process=process)], Context(actor=ANA)
    )
    await a_document(system, ANA, plan.objective)
    await let_in(system, process, BRUNO, node=plan.task)
    found = await seen(EventAccess(system, BRUNO), system)
    assert [event.type for event in found] == [
        "plan.node_added",
        "document.created",
        "asset.created",
        "plan.task_status_set",
        "document.edited",
    ]
    assert {event.stream for event in found if event.type[:4] != "plan"} == {document.id, document.document}
    assert await seen(EventAccess(system, ANA), system) == await everything(system)


async def test_who_views_the_process_sees_what_is_about_no_node(system: System) -> None:
    process, _ = await a_planned_process(system, ANA)
    await let_in(system, process, BRUNO)
    assert await seen(EventAccess(system, BRUNO), system) == await everything(system)
    assert await seen(EventAccess(system, uuid4()), system) == []


async def test_what_is_about_a_person_is_for_that_person_and_an_erasure_for_all(system: System) -> None:
    await a_note(system, ANA)
    registered = await an_erasure(system) - 1
    assert [event.position for event in await seen(EventAccess(system, ANA), system)] == [1, registered + 1]
    assert [event.position for event in await seen(EventAccess(system, BRUNO), system)] == [registered + 1]


async def test_what_stands_nowhere_is_for_nobody(system: System) -> None:
    process = await a_process(system, ANA)
    lost = Document.create(
        id=uuid4(), process=process, asset=uuid4(), format="text", language="en"
    )  # and no asset that has it
    await system.repository.save(Context(actor=ANA), lost, process=process)
    *_, created = await everything(system)
    stray = replace(created, stream=uuid4(), type="asset.renamed")
    access = EventAccess(system, ANA, lambda process: 0)
    assert [await access.may_see(event) for event in (created, stray, created, stray)] == [False] * 4


class Rights(Authorization):
    """The real one, which counts how often it is asked."""

    asked = 0
    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    async def rights(self, person: UUID | None, process: UUID, node: UUID | None = None) -> frozenset[Right]:
        self.asked += 1
        found = await super().rights(person, process, node)
        self.meanwhile()
        return found

    async def sees_whole(self, person: UUID | None, process: UUID) -> bool:
        self.asked += 1
        found = await super().sees_whole(person, process)
        self.meanwhile()
        return found


@pytest.fixture
def counted(system: System) -> tuple[System, Rights]:
    rights = Rights(system.repository)
    return replace(system, authorization=rights), rights


async def test_an_answer_holds_until_rights_in_that_process_change(counted: tuple[System, Rights]) -> None:
    system, rights = counted
    first, second = await a_process(system, ANA), await a_process(system, ANA)
    changed = {first: 0, second: 0}
    access = EventAccess(system, ANA, changed.__getitem__)
    rights.asked = 0
    for _ in range(3):
        await seen(access, system)
    assert rights.asked == 2
    changed[first] = 7
    for _ in range(3):
        await seen(access, system)
    assert rights.asked == 3


@pytest.mark.parametrize(("kept", "times"), [(60.0, 1), (-1.0, 3)], ids=["for a while", "no longer"])
async def test_where_nobody_tells_of_changes_an_answer_is_soon_asked_anew(
    counted: tuple[System, Rights], monkeypatch: pytest.MonkeyPatch, kept: float, times: int
) -> None:
    monkeypatch.setattr(module, "KEPT", kept)
    system, rights = counted
    await a_process(system, ANA)
    access = EventAccess(system, ANA)
    [started, *_] = await everything(system)
    rights.asked = 0
    for _ in range(3):
        assert await access.may_see(started)
    assert rights.asked == times


async def test_a_change_while_it_is_asked_makes_the_answer_old(counted: tuple[System, Rights]) -> None:
    system, rights = counted
    process = await a_process(system, ANA)
    await let_in(system, process, BRUNO)
    changed = [0]

    def change() -> None:
        changed[0] += 1

    rights.meanwhile = change
    [started, *_] = await everything(system)
    access = EventAccess(system, BRUNO, lambda process: changed[0])
    assert await access.may_see(started)
    assert access.known(started) is None


async def test_what_is_known_is_told_without_a_look_at_the_log(system: System) -> None:
    _, plan = await a_planned_process(system, ANA)
    document = await a_document(system, ANA, plan.task)
    await a_note(system, ANA)
    [started, *_, note] = await everything(system)
    [renamed] = [event for event in await everything(system) if event.stream == document.id]
    access = EventAccess(system, ANA, lambda process: 0)
    assert [access.known(event) for event in (started, renamed, note)] == [None, None, True]
    assert [await access.may_see(event) for event in (started, renamed)] == [True, True]
    assert [access.known(event) for event in (started, renamed, note)] == [True, True, True]
    assert EventAccess(system, BRUNO).known(note) is False


@pytest.mark.parametrize("seed", range(10))
async def test_whoever_is_told_of_changes_answers_as_one_that_knows_nothing_yet(
    system: System, seed: int
) -> None:
    chance = random.Random(seed)
    places: list[tuple[UUID, UUID | None]] = []
    for _ in range(2):
        process, plan = await a_planned_process(system, ANA)
        await a_document(system, ANA, plan.task)
        places += [(process, None), (process, plan.phase), (process, plan.task)]
    told: dict[UUID, int] = {}
    kept = EventAccess(system, BRUNO, lambda process: told.get(process, 0))
    held: list[tuple[UUID, UUID]] = []
    for _ in range(8):
        if held and chance.random() < 0.4:
            await shut_out(system, *held.pop(chance.randrange(len(held))))
        else:
            process, node = chance.choice(places)
            held.append((process, await let_in(system, process, BRUNO, node=node)))
        [*_, last] = await everything(system)
        assert last.type in CHANGES
        assert last.process is not None
        told[last.process] = last.position
        assert await seen(kept, system) == await seen(EventAccess(system, BRUNO), system)


async def test_what_is_remembered_is_bounded_and_right(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ENTRIES", 3)
    access = EventAccess(system, ANA, lambda process: 0)
    for _ in range(5):
        _, plan = await a_planned_process(system, ANA)
        await a_document(system, ANA, plan.task)
    for _ in range(2):
        assert await seen(access, system) == await everything(system)
    assert len(access._known) <= 3


async def test_an_event_is_found_at_its_position_by_those_who_may_see_it(system: System) -> None:
    first, second = await a_note(system, ANA), await a_note(system, BRUNO)
    access = EventAccess(system, ANA)
    assert (await access.event_at(first)).stream == ANA
    for position in (second, 0, -1, second + 1, MAX_POSITION, MAX_POSITION + 1, 10**5000):
        with pytest.raises(NotFound):
            await access.event_at(position)


async def test_an_event_at_hand_fits_where_the_log_would_have_found_it() -> None:
    log = MemoryLog()
    every = await fill(log)
    for where in FILTERS:
        assert [event for event in every if matches(where, event)] == list(await log.read(where=where))
