"""Changing the plan, and who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from app.commands import Done
from app.commands import plan as plans
from app.commands import process as processes
from app.system import System
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from domain.plan import Plan
from tests.builders import SmallPlan, a_person, a_plan, a_process, by

Command = Callable[[System, UUID, UUID, SmallPlan], Awaitable[Done]]


async def plan_of(system: System, process: UUID) -> Plan:
    return await system.repository.load(Plan, Plan.create_id(process))


async def test_nodes_are_added_in_order_and_before_a_sibling(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    engage = await plans.add_node(system, by(ilze), process=process, kind="phase", title="Engage")
    build = await plans.add_node(system, by(ilze), process=process, kind="phase", title="Build")
    design = await plans.add_node(
        system, by(ilze), process=process, kind="phase", title="Design", before=build.id
    )
    phases = (await plan_of(system, process)).children(None)
    assert [phase.id for phase in phases] == [engage.id, design.id, build.id]
    assert await system.repository.process_of(f"node:{design.id}") == process


async def test_each_change_is_one_command(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    small = await a_plan(system, ilze, process)
    before = await system.log.head()
    done = await plans.change_node(system, by(ilze), node=small.task, title="Ask", description="Whom?")
    assert done.position == before + 2, "title and description in one append"
    await plans.set_status(system, by(ilze), node=small.task, status="finished")
    await plans.disable_node(system, by(ilze), node=small.phase)
    plan = await plan_of(system, process)
    assert (plan.nodes[small.task].title, plan.nodes[small.task].status) == ("Ask", "finished")
    assert not plan.is_enabled(small.task)
    with pytest.raises(Conflict):
        await plans.set_status(system, by(ilze), node=small.task, status="awaiting")
    await plans.restore_node(system, by(ilze), node=small.phase)
    assert (await plan_of(system, process)).is_enabled(small.task)


async def test_nothing_changed_is_nothing_stored(system: System) -> None:
    ilze = await a_person(system)
    small = await a_plan(system, ilze, await a_process(system, ilze))
    head = await system.log.head()
    done = await plans.change_node(system, by(ilze), node=small.task, title=" Some  task ")
    assert (done.id, done.position) == (small.task, head)
    assert await system.log.head() == head


async def test_a_node_moves_under_another_parent(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    first, second = await a_plan(system, ilze, process), await a_plan(system, ilze, process)
    await plans.move_node(system, by(ilze), node=first.task, parent=second.objective, before=second.task)
    children = (await plan_of(system, process)).children(second.objective)
    assert [node.id for node in children] == [first.task, second.task]
    with pytest.raises(Invalid):
        await plans.move_node(system, by(ilze), node=first.task, parent=first.phase)


async def test_a_parent_in_another_process_does_not_exist(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    small = await a_plan(system, ilze, process)
    other = await a_plan(system, ilze, await a_process(system, ilze))
    with pytest.raises(NotFound):
        await plans.move_node(system, by(ilze), node=small.task, parent=other.objective)
    with pytest.raises(NotFound):
        await plans.add_node(
            system, by(ilze), process=process, kind="task", title="A", parent=other.objective
        )


COMMANDS: dict[str, Command] = {
    "add": lambda system, actor, process, small: plans.add_node(
        system, by(actor), process=process, kind="task", title="A", parent=small.objective
    ),
    "change": lambda system, actor, process, small: plans.change_node(
        system, by(actor), node=small.task, title="Another"
    ),
    "move": lambda system, actor, process, small: plans.move_node(
        system, by(actor), node=small.task, parent=small.objective
    ),
    "status": lambda system, actor, process, small: plans.set_status(
        system, by(actor), node=small.task, status="finished"
    ),
    "disable": lambda system, actor, process, small: plans.disable_node(system, by(actor), node=small.task),
    "restore": lambda system, actor, process, small: plans.restore_node(system, by(actor), node=small.task),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_every_change_needs_manage_on_its_node(system: System, command: Command) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    process = await a_process(system, ilze)
    small = await a_plan(system, ilze, process)
    head = await system.log.head()
    with pytest.raises(NotFound):
        await command(system, marco, process, small)
    rights = ["view", "comment", "suggest", "edit", "delete"]
    await processes.grant(system, by(ilze), process=process, grantee=marco, rights=rights)
    with pytest.raises(Forbidden):
        await command(system, marco, process, small)
    assert await system.log.head() == head + 1
    await processes.grant(
        system, by(ilze), process=process, grantee=marco, rights=["manage"], node=small.objective
    )
    await command(system, marco, process, small)


async def test_a_manager_of_one_objective_moves_nothing_out_of_it(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    process = await a_process(system, ilze)
    mine, other = await a_plan(system, ilze, process), await a_plan(system, ilze, process)
    await processes.grant(
        system, by(ilze), process=process, grantee=marco, rights=["manage"], node=mine.objective
    )
    with pytest.raises(NotFound):
        await plans.move_node(system, by(marco), node=mine.task, parent=other.objective)
    with pytest.raises(Forbidden):
        await plans.add_node(system, by(marco), process=process, kind="phase", title="Mine")


async def test_a_manager_of_one_objective_pulls_nothing_into_it(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    process = await a_process(system, ilze)
    mine, other = await a_plan(system, ilze, process), await a_plan(system, ilze, process)
    await processes.grant(system, by(ilze), process=process, grantee=marco, rights=["view"])
    await processes.grant(
        system, by(ilze), process=process, grantee=marco, rights=["manage"], node=mine.objective
    )
    with pytest.raises(Forbidden):
        await plans.move_node(system, by(marco), node=other.task, parent=mine.objective)


async def test_unknown_nodes_are_not_found(system: System) -> None:
    ilze = await a_person(system)
    with pytest.raises(NotFound):
        await plans.set_status(system, by(ilze), node=uuid4(), status="finished")
    with pytest.raises(NotFound):
        await plans.move_node(system, by(ilze), node=uuid4(), parent=None)
