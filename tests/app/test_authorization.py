"""Who may do what, asked as HTTP, sockets and streams ask it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from app.commands import asset as assets
from app.commands import plan as plans
from app.commands import process as processes
from app.system import System
from domain.errors import Forbidden, NotFound
from domain.rights import ALL
from tests.builders import SmallPlan, a_person, a_plan, a_process, by


@dataclass(frozen=True)
class Scene:
    """A process of Ilze's with a plan; Marco is known and has no right in it."""

    system: System
    ilze: UUID
    marco: UUID
    process: UUID
    plan: SmallPlan

    async def allow(self, rights: list[str], node: UUID | None = None) -> UUID:
        """Grant Marco rights; answers the permission."""
        done = await processes.grant(
            self.system, by(self.ilze), process=self.process, grantee=self.marco, rights=rights, node=node
        )
        return done.id

    async def document(self) -> tuple[UUID, UUID]:
        """A document asset under the task: asset and document."""
        done = await assets.create(
            self.system, by(self.ilze), node=self.plan.task, kind="document", title="Agenda", format="text"
        )
        assert done.document
        return done.id, done.document


@pytest.fixture
async def scene(system: System) -> Scene:
    ilze, marco = await a_person(system, "Ilze"), await a_person(system, "Marco", "it")
    process = await a_process(system, ilze)
    return Scene(system, ilze, marco, process, await a_plan(system, ilze, process))


async def refused(call: Awaitable[object], error: type[Exception]) -> None:
    with pytest.raises(error):
        await call


async def test_who_starts_a_process_holds_every_right_everywhere(scene: Scene) -> None:
    rights = scene.system.authorization.rights
    assert await rights(scene.ilze, scene.process) == ALL
    assert await rights(scene.ilze, scene.process, scene.plan.task) == ALL


async def test_the_unknown_give_no_rights(scene: Scene) -> None:
    rights = scene.system.authorization.rights
    assert await rights(None, scene.process) == frozenset()
    assert await rights(uuid4(), scene.process) == frozenset()
    assert await rights(scene.ilze, uuid4()) == frozenset()
    assert await rights(scene.ilze, scene.process, uuid4()) == frozenset()


async def test_a_node_of_another_process_gives_no_rights(scene: Scene) -> None:
    other = await a_process(scene.system, scene.ilze)
    assert await scene.system.authorization.rights(scene.ilze, other, scene.plan.task) == frozenset()


async def test_the_nearest_grant_decides_and_holds_below(scene: Scene) -> None:
    await scene.allow(["view", "edit"])
    await scene.allow(["view"], scene.plan.objective)
    rights = scene.system.authorization.rights
    assert await rights(scene.marco, scene.process, scene.plan.phase) == {"view", "edit"}
    assert await rights(scene.marco, scene.process, scene.plan.objective) == {"view"}
    assert await rights(scene.marco, scene.process, scene.plan.task) == {"view"}


async def test_without_view_a_thing_does_not_exist_and_with_it_a_right_is_missing(scene: Scene) -> None:
    require = scene.system.authorization.require
    await refused(require(scene.marco, "edit", scene.process), NotFound)
    await refused(require(scene.marco, "view", uuid4()), NotFound)
    await refused(require(None, "view", scene.process), NotFound)
    await scene.allow(["view"])
    await require(scene.marco, "view", scene.process, scene.plan.task)
    await refused(require(scene.marco, "edit", scene.process, scene.plan.task), Forbidden)
    await refused(require(scene.marco, "view", scene.process, uuid4()), NotFound)


async def test_any_right_on_one_node_opens_the_process_for_viewing_and_nothing_else(scene: Scene) -> None:
    await scene.allow(["edit", "manage"], scene.plan.objective)
    authorization = scene.system.authorization
    assert await authorization.rights(scene.marco, scene.process) == {"view"}
    await authorization.require(scene.marco, "view", scene.process)
    await refused(authorization.require(scene.marco, "manage", scene.process), Forbidden)
    assert await authorization.rights(scene.marco, scene.process, scene.plan.task) == {
        "view",
        "edit",
        "manage",
    }
    await refused(authorization.require(scene.marco, "view", scene.process, scene.plan.phase), NotFound)


async def test_rights_by_node_are_those_of_each_node(scene: Scene) -> None:
    await scene.allow(["view", "edit"], scene.plan.objective)
    await scene.allow(["view"], scene.plan.task)
    authorization = scene.system.authorization
    assert await authorization.rights_by_node(scene.marco, scene.process) == {
        scene.plan.objective: {"view", "edit"},
        scene.plan.task: {"view"},
    }
    assert set(await authorization.rights_by_node(scene.ilze, scene.process)) == {
        scene.plan.phase,
        scene.plan.objective,
        scene.plan.task,
    }
    assert await authorization.rights_by_node(None, scene.process) == {}
    assert await authorization.rights_by_node(scene.ilze, uuid4()) == {}


async def test_who_sees_one_node_does_not_see_the_whole(scene: Scene) -> None:
    sees_whole = scene.system.authorization.sees_whole
    await scene.allow(["view"], scene.plan.phase)
    assert not await sees_whole(scene.marco, scene.process)
    await scene.allow(["view"])
    assert await sees_whole(scene.marco, scene.process)
    assert await sees_whole(scene.ilze, scene.process)
    assert not await sees_whole(None, scene.process)
    assert not await sees_whole(scene.ilze, uuid4())


async def test_a_revoked_right_is_gone_at_once(scene: Scene) -> None:
    permission = await scene.allow(["view", "edit"])
    _, document = await scene.document()
    authorization = scene.system.authorization
    assert (await authorization.document(scene.marco, document)).rights == {"view", "edit"}
    await processes.revoke(scene.system, by(scene.ilze), permission=permission)
    assert await authorization.rights(scene.marco, scene.process) == frozenset()
    await refused(authorization.document(scene.marco, document), NotFound)


async def test_a_move_changes_what_a_grant_reaches(scene: Scene) -> None:
    await scene.allow(["view"], scene.plan.objective)
    elsewhere = await plans.add_node(
        scene.system,
        by(scene.ilze),
        process=scene.process,
        kind="objective",
        title="Elsewhere",
        parent=scene.plan.phase,
    )
    await plans.move_node(scene.system, by(scene.ilze), node=scene.plan.task, parent=elsewhere.id)
    assert await scene.system.authorization.rights(scene.marco, scene.process, scene.plan.task) == frozenset()


async def test_a_document_is_told_with_its_place_and_rights(scene: Scene) -> None:
    asset, document = await scene.document()
    access = await scene.system.authorization.document(scene.ilze, document)
    assert (access.document, access.asset) == (document, asset)
    assert (access.process, access.node) == (scene.process, scene.plan.task)
    assert (access.title, access.format, access.language) == ("Agenda", "text", "lv")
    assert access.enabled
    assert access.rights == ALL


async def test_a_documents_title_is_its_assets_as_it_is_now(scene: Scene) -> None:
    asset, document = await scene.document()
    await assets.rename(scene.system, by(scene.ilze), asset=asset, title="Minutes")
    assert (await scene.system.authorization.document(scene.ilze, document)).title == "Minutes"


async def test_unknown_documents_and_unwelcome_people_look_the_same(scene: Scene) -> None:
    asset, document = await scene.document()
    authorization = scene.system.authorization
    await refused(authorization.document(scene.ilze, uuid4()), NotFound)
    await refused(authorization.document(scene.ilze, asset), NotFound)
    await refused(authorization.document(scene.marco, document), NotFound)
    await refused(authorization.document(None, document), NotFound)


async def test_a_document_is_disabled_by_its_asset_or_by_any_node_above(scene: Scene) -> None:
    asset, document = await scene.document()

    async def enabled() -> bool:
        return (await scene.system.authorization.document(scene.ilze, document)).enabled

    await assets.disable(scene.system, by(scene.ilze), asset=asset)
    assert not await enabled()
    await assets.restore(scene.system, by(scene.ilze), asset=asset)
    assert await enabled()
    await plans.disable_node(scene.system, by(scene.ilze), node=scene.plan.phase)
    assert not await enabled()
