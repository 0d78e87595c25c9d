"""Assets under a plan's nodes, and what the first one starts."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from app.commands import asset as assets
from app.commands import plan as plans
from app.commands import process as processes
from app.system import System
from domain.asset import Asset
from domain.document import Document
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from domain.plan import Plan
from tests.builders import a_person, a_plan, a_process, by


async def test_a_document_comes_with_its_asset_and_starts_the_task_in_one_append(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    task = (await a_plan(system, ilze, process)).task
    before = await system.log.head()
    done = await assets.create(system, by(ilze), node=task, kind="document", title="Agenda")
    events = await system.log.read(after=before)
    assert [e.type for e in events] == ["document.created", "asset.created", "plan.task_status_set"]
    assert len({e.command_id for e in events}) == 1
    assert done.position == events[-1].position
    assert done.document is not None
    document = await system.repository.created(Document, done.document)
    assert (document.asset, document.process) == (done.id, process)
    assert (document.format, document.language) == ("richtext", "lv")
    asset = await system.repository.load(Asset, done.id)
    assert (asset.node, asset.document, asset.title, asset.url) == (task, done.document, "Agenda", None)


async def test_a_document_may_have_a_language_and_format_of_its_own(system: System) -> None:
    ilze = await a_person(system)
    task = (await a_plan(system, ilze, await a_process(system, ilze))).task
    done = await assets.create(
        system, by(ilze), node=task, kind="document", title="A", format="text", language="es"
    )
    assert done.document is not None
    document = await system.repository.created(Document, done.document)
    assert (document.format, document.language) == ("text", "es")


async def test_a_link_has_an_address_and_no_document(system: System) -> None:
    ilze = await a_person(system)
    task = (await a_plan(system, ilze, await a_process(system, ilze))).task
    url = "https://example.org/survey"
    done = await assets.create(system, by(ilze), node=task, kind="link", title="Survey", url=url)
    assert done.document is None
    assert (await system.repository.load(Asset, done.id)).url == url
    with pytest.raises(Invalid):
        await assets.create(system, by(ilze), node=task, kind="link", title="No address")


async def test_only_the_first_asset_starts_a_task(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    task = (await a_plan(system, ilze, process)).task

    async def status() -> str:
        plan = await system.repository.load(Plan, Plan.create_id(process))
        return plan.nodes[task].status

    await assets.create(system, by(ilze), node=task, kind="document", title="First")
    assert await status() == "in_progress"
    await plans.set_status(system, by(ilze), node=task, status="awaiting")
    await assets.create(system, by(ilze), node=task, kind="document", title="Second")
    assert await status() == "awaiting"


async def test_a_finished_task_stays_finished_and_a_phase_has_assets_too(system: System) -> None:
    ilze = await a_person(system)
    process = await a_process(system, ilze)
    small = await a_plan(system, ilze, process)
    await plans.set_status(system, by(ilze), node=small.task, status="finished")
    await assets.create(system, by(ilze), node=small.task, kind="document", title="Late")
    await assets.create(system, by(ilze), node=small.phase, kind="document", title="Charter")
    plan = await system.repository.load(Plan, Plan.create_id(process))
    assert plan.nodes[small.task].status == "finished"


async def test_first_assets_at_once_start_the_task_once(system: System) -> None:
    ilze = await a_person(system)
    task = (await a_plan(system, ilze, await a_process(system, ilze))).task
    await asyncio.gather(
        *(assets.create(system, by(ilze), node=task, kind="document", title=f"{n}") for n in range(4))
    )
    types = [event.type for event in await system.log.read()]
    assert types.count("asset.created") == 4
    assert types.count("plan.task_status_set") == 1


async def test_nothing_is_put_under_a_disabled_or_unknown_node(system: System) -> None:
    ilze = await a_person(system)
    small = await a_plan(system, ilze, await a_process(system, ilze))
    await plans.set_status(system, by(ilze), node=small.task, status="finished")
    await plans.disable_node(system, by(ilze), node=small.phase)
    for node in (small.task, small.objective, small.phase):
        with pytest.raises(Conflict):
            await assets.create(system, by(ilze), node=node, kind="document", title="A")
    with pytest.raises(NotFound):
        await assets.create(system, by(ilze), node=uuid4(), kind="document", title="A")


async def test_a_repeated_creation_answers_the_same(system: System) -> None:
    ilze = await a_person(system)
    task = (await a_plan(system, ilze, await a_process(system, ilze))).task
    context = by(ilze)
    first = await assets.create(system, context, node=task, kind="document", title="Agenda")
    await plans.disable_node(system, by(ilze), node=task)
    assert await assets.create(system, context, node=task, kind="document", title="Agenda") == first


async def test_who_edits_creates_and_renames_and_who_deletes_disables_and_restores(system: System) -> None:
    ilze, marco = await a_person(system), await a_person(system)
    process = await a_process(system, ilze)
    task = (await a_plan(system, ilze, process)).task

    async def allow(right: str) -> None:
        await processes.grant(system, by(ilze), process=process, grantee=marco, rights=[right])

    asset = (await assets.create(system, by(ilze), node=task, kind="document", title="A")).id
    with pytest.raises(NotFound):
        await assets.rename(system, by(marco), asset=asset, title="B")
    await allow("suggest")
    with pytest.raises(Forbidden):
        await assets.create(system, by(marco), node=task, kind="document", title="Mine")
    with pytest.raises(Forbidden):
        await assets.rename(system, by(marco), asset=asset, title="B")
    await allow("edit")
    await assets.rename(system, by(marco), asset=asset, title="B")
    await assets.create(system, by(marco), node=task, kind="document", title="Mine")
    for command in (assets.disable, assets.restore):
        with pytest.raises(Forbidden):
            await command(system, by(marco), asset=asset)
    await allow("delete")
    await assets.disable(system, by(marco), asset=asset)
    found = await system.repository.load(Asset, asset)
    assert (found.title, found.enabled) == ("B", False)
    await assets.restore(system, by(marco), asset=asset)
    assert (await system.repository.load(Asset, asset)).enabled


async def test_unknown_assets_are_not_found(system: System) -> None:
    with pytest.raises(NotFound):
        await assets.rename(system, by(await a_person(system)), asset=uuid4(), title="A")
