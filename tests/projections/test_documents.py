from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.views import Views
from domain.errors import Invalid
from projections import documents
from tests.projections.coproduction import NOON, Coproduction


async def _task(story: Coproduction) -> tuple[UUID, UUID, UUID]:
    """A process with a phase, an objective and a task; the process, the phase and the task."""
    process = (await story.start()).id
    plan = story.plans[process]
    phase, objective, task = uuid4(), uuid4(), uuid4()
    plan.add(node=phase, kind="phase", title="Phase")
    plan.add(node=objective, kind="objective", title="Objective", parent=phase)
    plan.add(node=task, kind="task", title="Task", parent=objective)
    await story.append(process, plan)
    return process, phase, task


async def test_a_document_as_lists_show_it(pool: Pool, views: Views, story: Coproduction) -> None:
    process, _, task = await _task(story)
    asset = await story.put_asset(process, task, "Costs")
    assert asset.document is not None
    await views.wait_all(await story.log.head())
    row = await documents.one(pool, asset.document)
    assert row is not None
    assert (row.asset, row.process, row.node, row.title) == (asset.id, process, task, "Costs")
    assert (row.format, row.language, row.enabled) == ("richtext", "lv", True)
    assert (row.edits, row.edited_at, row.edited_by) == (0, None, None)
    assert await documents.one(pool, uuid4()) is None

    ilze, jana = story.people[:2]
    await story.burst(story.documents[0], ilze, 0, edits=4)
    await story.burst(story.documents[0], jana, 10, edits=2)
    asset.rename("All costs")
    await story.append(process, asset)
    await story.put_asset(process, task, "Benefits")
    await views.wait_all(await story.log.head())
    row = await documents.one(pool, asset.document)
    assert row is not None
    assert (row.title, row.edits, row.edited_by) == ("All costs", 6, jana)
    assert row.edited_at == NOON + timedelta(minutes=11)
    assert [row.title for row in await documents.of_process(pool, process)] == ["All costs", "Benefits"]


@pytest.mark.parametrize("level", ["phase", "task", "asset"])
async def test_a_document_is_out_of_use_with_what_it_belongs_to(
    pool: Pool, views: Views, story: Coproduction, level: str
) -> None:
    process, phase, task = await _task(story)
    asset = await story.put_asset(process, task, "Costs")
    assert asset.document is not None
    plan = story.plans[process]
    if level == "asset":
        asset.disable()
    else:
        plan.disable({"phase": phase, "task": task}[level])
    await views.wait_all((await story.append(process, asset, plan)).last)
    row = await documents.one(pool, asset.document)
    assert row is not None
    assert not row.enabled
    if level == "asset":
        asset.restore()
    else:
        plan.restore({"phase": phase, "task": task}[level])
    await views.wait_all((await story.append(process, asset, plan)).last)
    row = await documents.one(pool, asset.document)
    assert row is not None
    assert row.enabled


async def test_the_history_of_a_document(pool: Pool, views: Views, story: Coproduction) -> None:
    process, _, task = await _task(story)
    await story.put_asset(process, task, "Costs")
    await story.put_asset(process, task, "Benefits")
    costs, benefits = story.documents
    ilze, jana = story.people[:2]
    positions = []
    for minute in range(7):
        author = ilze if minute % 3 else jana
        positions.append((await story.burst(costs, author, minute, edits=minute + 1)).last)
        await story.burst(benefits, author, minute)
    await views.wait_all(await story.log.head())
    rows = (await documents.history(pool, costs.id)).items
    assert [row.position for row in rows] == positions[::-1]
    newest = rows[0]
    assert (newest.author, newest.edits, newest.added, newest.removed) == (jana, 7, 49, 7)
    assert (newest.began, newest.ended) == (NOON + timedelta(minutes=6), NOON + timedelta(minutes=7))

    seen: list[int] = []
    before = None
    while True:
        page = await documents.history(pool, costs.id, before=before, limit=3)
        seen += [row.position for row in page.items]
        before = page.next
        if before is None:
            break
    assert seen == positions[::-1]
    with pytest.raises(Invalid):
        await documents.history(pool, costs.id, before="x")
    with pytest.raises(Invalid):
        await documents.history(pool, costs.id, limit=10_000)


async def test_versions_and_restorations_stand_between_the_bursts(
    pool: Pool, views: Views, story: Coproduction
) -> None:
    process, _, task = await _task(story)
    await story.put_asset(process, task, "Costs")
    await story.put_asset(process, task, "Benefits")
    document, other = story.documents[:2]
    ilze, jana = story.people[:2]
    first = (await story.burst(document, ilze, 0)).last
    version, elsewhere = uuid4(), uuid4()
    document.name_version(version=version, name="Agreed", reason="Why", through=first)
    named = (await story.append(process, document, actor=jana)).last
    other.name_version(version=elsewhere, name="Other", reason="", through=0)
    await story.append(process, other, actor=jana)
    second = (await story.burst(document, jana, 10)).last
    document.note_restored(through=first, version=version)
    restored = (await story.append(process, document, actor=ilze)).last
    document.note_restored(through=second)
    again = (await story.append(process, document, actor=ilze)).last
    await views.wait_all(again)

    [row] = (await documents.versions(pool, document.id)).items
    assert (row.id, row.name, row.reason, row.author) == (version, "Agreed", "Why", jana)
    assert (row.through, row.position) == (first, named)
    found = (await documents.moments(pool, document.id)).items
    assert [(m.kind, m.position, m.through, m.author, m.version, m.name) for m in found] == [
        ("restored", again, second, ilze, None, ""),
        ("restored", restored, first, ilze, version, "Agreed"),
        ("edited", second, second, jana, None, ""),
        ("named", named, first, jana, version, "Agreed"),
        ("edited", first, first, ilze, None, ""),
    ]
    assert (found[2].added, found[2].removed, found[2].at) == (21, 3, NOON + timedelta(minutes=11))
    paged = []
    cursor: str | None = None
    while True:
        page = await documents.moments(pool, document.id, before=cursor, limit=2)
        paged += page.items
        if (cursor := page.next) is None:
            break
    assert paged == found
    for read in (documents.moments, documents.versions):
        with pytest.raises(Invalid):
            await read(pool, document.id, before="x")
        with pytest.raises(Invalid):
            await read(pool, document.id, limit=0)
