from __future__ import annotations

from uuid import UUID, uuid4

from app.database.postgres import Pool
from app.views import Views
from domain.plan import rollup
from projections import plan as plans
from projections.plan import TreeNode
from tests.projections.coproduction import Coproduction


def _flat(nodes: list[TreeNode]) -> list[TreeNode]:
    return [found for node in nodes for found in (node, *_flat(node.children))]


async def test_the_tree_is_the_aggregate_s_own(pool: Pool, views: Views, story: Coproduction) -> None:
    await story.start()
    await story.work(400)
    await views.wait_all(await story.log.head())
    seen = 0
    for process, plan in story.plans.items():
        shown = _flat(await plans.tree(pool, process, disabled=True))
        derived = rollup(list(plan.nodes.values()))
        expected = _walk(plan, None)
        assert [node.id for node in shown] == expected
        for node in shown:
            fact = plan.nodes[node.id]
            assert (node.title, node.description, node.parent) == (fact.title, fact.description, fact.parent)
            assert (node.status, node.progress) == (derived[node.id].status, derived[node.id].progress)
            assert (node.enabled, node.own_enabled) == (plan.is_enabled(node.id), fact.enabled)
        enabled = [id for id in expected if plan.is_enabled(id)]
        assert [node.id for node in _flat(await plans.tree(pool, process))] == enabled
        seen += len(expected) - len(enabled)
    assert seen, "nothing was disabled"


def _walk(plan: object, parent: UUID | None) -> list[UUID]:
    children = plan.children(parent)  # type: ignore[attr-defined]
    return [id for child in children for id in (child.id, *_walk(plan, child.id))]


async def test_a_node_with_what_is_around_it(pool: Pool, views: Views, story: Coproduction) -> None:
    process = (await story.start()).id
    plan = story.plans[process]
    phase, objective, task = uuid4(), uuid4(), uuid4()
    plan.add(node=phase, kind="phase", title="Phase")
    plan.add(node=objective, kind="objective", title="Objective", parent=phase)
    plan.add(node=task, kind="task", title="Task", parent=objective, description="Do it")
    await story.append(process, plan)
    first = await story.put_asset(process, task, "First")
    second = await story.put_asset(process, task, "Second")
    second.disable()
    first.rename("First of all")
    await story.append(process, first, second)
    await views.wait_all(await story.log.head())
    row = await plans.node(pool, task)
    assert row is not None
    assert (row.process, row.kind, row.description) == (process, "task", "Do it")
    assert [tuple(step) for step in row.path] == [
        (phase, "phase", "Phase"),
        (objective, "objective", "Objective"),
    ]
    assert [(asset.title, asset.enabled) for asset in row.assets] == [
        ("First of all", True),
        ("Second", False),
    ]
    assert row.assets[0].document == first.document
    above = await plans.node(pool, phase)
    assert above is not None
    assert [node.id for node in _flat(above.children)] == [objective, task]
    assert await plans.node(pool, uuid4()) is None

    [shown] = await plans.tree(pool, process)
    assert [asset.title for asset in _flat([shown])[2].assets] == ["First of all"]

    plan.disable(phase)
    await views.wait_all((await story.append(process, plan)).last)
    row = await plans.node(pool, task)
    assert row is not None
    assert (row.enabled, row.own_enabled) == (False, True)
    assert [(asset.enabled, asset.own_enabled) for asset in row.assets] == [(False, True), (False, False)]
    assert await plans.tree(pool, process) == []
    assert (await plans.totals(pool, [process]))[process] == (0, 0, 0)


async def test_nothing_is_known_of_an_unknown_process(pool: Pool, views: Views) -> None:
    assert await plans.tree(pool, uuid4()) == []
    unknown = uuid4()
    assert await plans.totals(pool, [unknown]) == {unknown: (0, 0, 0)}
