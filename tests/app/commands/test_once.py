"""A command happens once, whatever comes between."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from app.commands import ATTEMPTS, new_id, once
from app.commands import plan as plans
from app.commands import process as processes
from app.system import System
from domain.errors import Conflict, Forbidden, Unavailable, VersionConflict
from domain.plan import Plan
from domain.ports import Appended, Context
from tests.builders import a_person, a_plan, a_process, by


async def nodes(system: System, process: UUID) -> int:
    return len((await system.repository.load(Plan, Plan.create_id(process))).nodes)


async def test_a_repeated_command_changes_nothing_and_answers_the_same(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    context = by(ilze)
    first = await plans.add_node(system, context, process=process, kind="phase", title="Engage")
    await plans.add_node(system, by(ilze), process=process, kind="phase", title="Design")
    head = await system.log.head()
    again = await plans.add_node(system, context, process=process, kind="phase", title="Engage")
    assert again == first
    assert await system.log.head() == head


async def test_a_repeat_that_now_finds_nothing_to_change_answers_the_same(system: System) -> None:
    ilze = await a_person(system)
    task = (await a_plan(system, ilze, await a_process(system, ilze))).task
    context = by(ilze)
    first = await plans.set_status(system, context, node=task, status="finished")
    await plans.change_node(system, by(ilze), node=task, title="Meanwhile")
    assert await plans.set_status(system, context, node=task, status="finished") == first


async def test_a_repeat_answers_the_same_although_its_author_has_since_lost_the_right(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    start = by(ilze)
    process = (await processes.start(system, start, title="A", language="en")).id
    administers = new_id(start, "permission")
    await processes.grant(system, by(ilze), process=process, grantee=marco, rights=["administer"])
    give_up = by(ilze)
    first = await processes.revoke(system, give_up, permission=administers)
    assert await system.authorization.rights(ilze, process) == frozenset()
    assert await processes.revoke(system, give_up, permission=administers) == first


async def test_the_same_command_sent_twice_at_once_is_done_once(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    context = by(ilze)
    answers = await asyncio.gather(
        *(plans.add_node(system, context, process=process, kind="phase", title="Engage") for _ in range(5))
    )
    assert len(set(answers)) == 1
    assert await nodes(system, process) == 1


async def test_a_command_id_used_by_somebody_else_answers_nothing(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    used = by(ilze)
    await processes.start(system, used, title="A", language="en")
    with pytest.raises(Conflict) as refusal:
        await processes.start(system, Context(marco, command_id=used.command_id), title="B", language="en")
    assert refusal.value.code == "command_reused"


async def test_writers_at_once_all_get_their_turn(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    await asyncio.gather(
        *(plans.add_node(system, by(ilze), process=process, kind="phase", title=f"{n}") for n in range(12))
    )
    plan = await system.repository.load(Plan, Plan.create_id(process))
    assert {node.title for node in plan.nodes.values()} == {f"{n}" for n in range(12)}
    assert len({node.order for node in plan.nodes.values()}) == 12


class Change:
    """A change that meets the given refusals, one in each attempt, and then succeeds."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.attempts = 0

    async def __call__(self) -> Appended:
        self.attempts += 1
        if self.refusals:
            raise self.refusals.pop(0)
        return Appended(7, 8)


async def test_a_conflict_of_versions_is_tried_again(system: System) -> None:
    change = Change(VersionConflict("first"), VersionConflict("second"))
    assert await once(system, by(uuid4()), change) == 8
    assert change.attempts == 3


async def test_it_is_not_tried_for_ever(system: System) -> None:
    change = Change(*(VersionConflict("again") for _ in range(100)))
    with pytest.raises(VersionConflict):
        await once(system, by(uuid4()), change)
    assert change.attempts == ATTEMPTS


@pytest.mark.parametrize("refusal", [Forbidden("no"), Conflict("no"), Unavailable("later")])
async def test_other_refusals_stand(system: System, refusal: Exception) -> None:
    change = Change(refusal)
    with pytest.raises(type(refusal)):
        await once(system, by(uuid4()), change)
    assert change.attempts == 1
