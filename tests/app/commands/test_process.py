"""Starting, describing, granting, revoking."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.commands import new_id
from app.commands import process as processes
from app.system import System
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from domain.plan import Plan
from domain.process import Process
from domain.rights import ALL
from tests.builders import a_person, a_plan, a_process, by


async def test_a_process_starts_with_its_plan_and_administrator_in_one_append(system: System) -> None:
    ilze = await a_person(system)
    context = by(ilze)
    before = await system.log.head()
    done = await processes.start(system, context, title=" A  title ", description="Why", language="lv")
    events = await system.log.read(after=before)
    assert [e.type for e in events] == ["process.started", "process.right_granted", "plan.opened"]
    assert {(e.process, e.actor, e.command_id) for e in events} == {(done.id, ilze, context.command_id)}
    assert done.position == events[-1].position
    process = await system.repository.load(Process, done.id)
    assert (process.title, process.description, process.language) == ("A title", "Why", "lv")
    assert process.administrators() == {ilze}
    assert (await system.repository.load(Plan, Plan.create_id(done.id))).process == done.id


async def test_nobody_starts_a_process_without_signing_in(system: System) -> None:
    with pytest.raises(Forbidden):
        await processes.start(system, by(None), title="A", language="lv")
    assert await system.log.head() == 0


async def test_unfit_starts_store_nothing(system: System) -> None:
    ilze = await a_person(system)
    head = await system.log.head()
    for fields in ({"title": " ", "language": "lv"}, {"title": "A", "language": "??"}):
        with pytest.raises(Invalid):
            await processes.start(system, by(ilze), **fields)
    assert await system.log.head() == head


async def test_describing_needs_manage(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    process = await a_process(system, ilze)
    with pytest.raises(NotFound):
        await processes.describe(system, by(marco), process=process, title="Mine")
    await processes.grant(system, by(ilze), process=process, grantee=marco, rights=["edit"])
    with pytest.raises(Forbidden):
        await processes.describe(system, by(marco), process=process, title="Mine")
    await processes.grant(system, by(ilze), process=process, grantee=marco, rights=["manage"])
    await processes.describe(system, by(marco), process=process, title="Ours", language="it")
    found = await system.repository.load(Process, process)
    assert (found.title, found.language, found.description) == ("Ours", "it", "")


async def test_granting_needs_administer(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    process = await a_process(system, ilze)
    everything_else = sorted(ALL - {"administer"})
    await processes.grant(system, by(ilze), process=process, grantee=marco, rights=everything_else)
    with pytest.raises(Forbidden):
        await processes.grant(system, by(marco), process=process, grantee=marco, rights=["administer"])


async def test_only_registered_people_and_nodes_of_the_plan_are_named_in_grants(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    process, other = await a_process(system, ilze), await a_process(system, ilze)
    elsewhere = (await a_plan(system, ilze, other)).task
    with pytest.raises(Invalid) as refusal:
        await processes.grant(system, by(ilze), process=process, grantee=uuid4(), rights=["view"])
    assert refusal.value.code == "grantee_unknown"
    with pytest.raises(Invalid) as refusal:
        await processes.grant(
            system, by(ilze), process=process, grantee=marco, rights=["view"], node=elsewhere
        )
    assert refusal.value.code == "node_unknown"


async def test_a_grant_is_found_by_its_permission_and_taken_back(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    process = await a_process(system, ilze)
    granted = await processes.grant(system, by(ilze), process=process, grantee=marco, rights=["edit"])
    with pytest.raises(Forbidden):
        await processes.revoke(system, by(marco), permission=granted.id)
    await processes.revoke(system, by(ilze), permission=granted.id)
    assert await system.authorization.rights(marco, process) == frozenset()
    with pytest.raises(NotFound):
        await processes.revoke(system, by(ilze), permission=granted.id)
    with pytest.raises(NotFound):
        await processes.revoke(system, by(ilze), permission=uuid4())


async def test_the_last_administrator_stays(system: System) -> None:
    ilze = await a_person(system)
    start = by(ilze)
    process = (await processes.start(system, start, title="A", language="lv")).id
    with pytest.raises(Conflict) as refusal:
        await processes.revoke(system, by(ilze), permission=new_id(start, "permission"))
    assert refusal.value.code == "last_administrator"
    assert await system.authorization.rights(ilze, process) == ALL
