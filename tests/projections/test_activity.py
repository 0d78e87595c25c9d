from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.views import Views
from domain.document import Document
from domain.errors import Invalid
from projections import activity
from projections.activity import ActivityRow
from projections.ports import Page
from tests.projections.coproduction import NOON, Coproduction


class Place:
    """A process with a plan of one task, run by one person."""

    def __init__(self, story: Coproduction, process: UUID, ilze: UUID) -> None:
        self.story = story
        self.id = process
        self.ilze = ilze
        self.plan = story.plans[process]
        self.phase, self.objective, self.task = uuid4(), uuid4(), uuid4()

    async def lay_out(self) -> None:
        self.plan.add(node=self.phase, kind="phase", title="Phase")
        self.plan.add(node=self.objective, kind="objective", title="Objective", parent=self.phase)
        self.plan.add(node=self.task, kind="task", title="Task", parent=self.objective)
        await self.story.append(self.id, self.plan, actor=self.ilze)


@pytest.fixture
async def place(story: Coproduction) -> Place:
    ilze = uuid4()
    place = Place(story, (await story.start("Rīga", ilze)).id, ilze)
    await place.lay_out()
    return place


async def _rows(pool: Pool, views: Views, place: Place) -> list[ActivityRow]:
    await views.wait_all(await place.story.log.head())
    return (await activity.of_process(pool, place.id)).items


async def _document(place: Place, title: str = "Costs") -> Document:
    await place.story.put_asset(place.id, place.task, title)
    return place.story.documents[-1]


async def test_what_happened_is_told_newest_first(pool: Pool, views: Views, place: Place) -> None:
    rows = await _rows(pool, views, place)
    assert [row.type for row in rows] == ["plan.node_added"] * 3 + ["process.started"]
    assert [row.node_title for row in rows] == ["Task", "Objective", "Phase", None]
    assert rows[0].data == {"kind": "task"}
    assert {row.process_title for row in rows} == {"Rīga"}
    assert {row.actor for row in rows} == {place.ilze}
    assert [row.position for row in rows] == sorted((row.position for row in rows), reverse=True)


async def test_titles_are_those_of_the_time(pool: Pool, views: Views, place: Place) -> None:
    asset = await place.story.put_asset(place.id, place.task, "Draft")
    process = place.story.processes[0]
    place.plan.set_status(place.task, "in_progress")
    place.plan.rename(place.task, "Better task")
    asset.rename("Final")
    process.describe(title="Jūrmala")
    asset.disable()
    place.plan.set_status(place.task, "finished")
    for thing in (place.plan, asset, process):
        await place.story.append(place.id, thing)
    rows = {row.position: row for row in await _rows(pool, views, place)}
    told = [
        (row.type, row.process_title, row.node_title, row.asset_title, row.data)
        for _, row in sorted(rows.items())
    ][4:]
    assert told == [
        ("asset.created", "Rīga", "Task", "Draft", {"kind": "document"}),
        ("plan.task_status_set", "Rīga", "Task", None, {"status": "in_progress"}),
        ("plan.node_renamed", "Rīga", "Better task", None, {"previous_title": "Task"}),
        ("plan.task_status_set", "Rīga", "Better task", None, {"status": "finished"}),
        ("asset.renamed", "Rīga", "Better task", "Final", {"previous_title": "Draft"}),
        ("asset.disabled", "Rīga", "Better task", "Final", {}),
        ("process.described", "Jūrmala", None, None, {"previous_title": "Rīga"}),
    ]
    renamed = next(row for row in rows.values() if row.type == "asset.renamed")
    assert (renamed.node, renamed.asset, renamed.document) == (place.task, asset.id, asset.document)


async def test_moves_and_grants_say_where_and_to_whom(pool: Pool, views: Views, place: Place) -> None:
    other, jana = uuid4(), uuid4()
    place.plan.add(node=other, kind="objective", title="Other", parent=place.phase)
    place.plan.move(place.task, parent=other)
    process = place.story.processes[0]
    process.grant(permission=(permission := uuid4()), grantee=jana, rights=["view"], node=place.task)
    process.revoke(permission)
    await place.story.append(place.id, place.plan, process)
    revoked, granted, moved = (await _rows(pool, views, place))[:3]
    assert moved.data == {"parent": str(other), "parent_title": "Other"}
    assert (granted.type, granted.node_title) == ("process.right_granted", "Task")
    who = {"permission": str(permission), "grantee": str(jana), "grantee_kind": "person"}
    assert granted.data == {**who, "rights": ["view"]}
    assert (revoked.type, revoked.data) == ("process.right_revoked", who)


async def test_bursts_within_half_an_hour_are_one_sitting(pool: Pool, views: Views, place: Place) -> None:
    document = await _document(place)
    ilze, jana = place.story.people[:2]
    for minute in (0, 5, 31):  # the last begins 25 minutes after the one before ended
        await place.story.burst(document, ilze, minute)
        last = (await place.story.burst(document, jana, minute + 1)).last
    rows = [row for row in await _rows(pool, views, place) if row.type == "document.edited"]
    assert [(row.actor, row.data["bursts"]) for row in rows] == [(jana, 3), (ilze, 3)]
    newest = rows[0]
    assert (newest.position, newest.document, newest.asset_title) == (last, document.id, "Costs")
    assert (newest.node, newest.node_title) == (place.task, "Task")
    assert (newest.data["edits"], newest.data["inserted"], newest.data["deleted"]) == (9, 63, 9)
    assert datetime.fromisoformat(newest.data["began"]) == NOON + timedelta(minutes=1)
    assert datetime.fromisoformat(newest.data["ended"]) == NOON + timedelta(minutes=33)
    assert newest.data["ended"].endswith("Z")


async def test_a_sitting_ends_after_half_an_hour_and_at_the_document_s_edge(
    pool: Pool, views: Views, place: Place
) -> None:
    document, other = await _document(place), await _document(place, "Benefits")
    ilze = place.story.people[0]
    for minute in (0, 31, 62.1):  # each burst lasts a minute: gaps of 30 and 30.1
        await place.story.burst(document, ilze, minute)
    await place.story.burst(other, ilze, 63)
    await place.story.burst(document, ilze, 64)
    rows = [row for row in await _rows(pool, views, place) if row.type == "document.edited"]
    assert [(row.asset_title, row.data["bursts"]) for row in rows] == [
        ("Costs", 2),
        ("Benefits", 1),
        ("Costs", 2),
    ]


async def test_what_a_creator_gets_is_no_news_and_neither_are_plans_and_documents(
    pool: Pool, views: Views, place: Place
) -> None:
    await _document(place)
    await place.story.register()
    types = {row.type for row in await _rows(pool, views, place)}
    assert types == {"process.started", "plan.node_added", "asset.created"}


async def test_a_person_reads_of_what_they_may_see(
    pool: Pool, views: Views, place: Place, story: Coproduction
) -> None:
    jana, karlis = uuid4(), uuid4()
    other = Place(story, (await story.start("Roma", jana)).id, jana)
    await other.lay_out()
    process = story.processes[0]
    process.grant(permission=uuid4(), grantee=karlis, rights=["view"], node=place.objective)
    await story.append(place.id, process)
    document = await _document(place)
    await story.burst(document, jana, 0)
    place.plan.add(node=(elsewhere := uuid4()), kind="phase", title="Elsewhere")
    await story.append(place.id, place.plan)
    await story.put_asset(place.id, elsewhere, "Not for Kārlis")
    await views.wait_all((await story.burst(story.documents[-1], jana, 0)).last)

    async def told(person: UUID) -> list[tuple[str, str | None]]:
        return [(row.process_title, row.node_title) for row in (await _of(pool, person)).items]

    assert await told(place.ilze) == [
        (row.process_title, row.node_title) for row in await _rows(pool, views, place)
    ]
    assert await told(jana) == [("Roma", "Task"), ("Roma", "Objective"), ("Roma", "Phase"), ("Roma", None)]
    assert await told(karlis) == [  # the burst, the asset, the grant, the task and the objective
        ("Rīga", "Task"),
        ("Rīga", "Task"),
        ("Rīga", "Objective"),
        ("Rīga", "Task"),
        ("Rīga", "Objective"),
    ]
    process.grant(permission=uuid4(), grantee=jana, rights=["view"])
    await views.wait_all((await story.append(place.id, process)).last)
    both = await told(jana)
    assert len(both) == 4 + len(await _rows(pool, views, place))
    assert {title for title, _ in both} == {"Rīga", "Roma"}
    assert await told(uuid4()) == []


async def _of(pool: Pool, person: UUID, before: str | None = None, limit: int = 50) -> Page[ActivityRow]:
    return await activity.of_person(pool, person, before=before, limit=limit)


async def test_paging_is_complete_and_without_doubles(pool: Pool, views: Views, story: Coproduction) -> None:
    ilze = uuid4()
    process = (await story.start(administrator=ilze)).id
    await story.work(600)
    for other in story.processes[1:]:
        other.grant(permission=uuid4(), grantee=ilze, rights=["view"])
        await story.append(other.id, other)
    await views.wait_all(await story.log.head())
    for ask, subject in ((activity.of_process, process), (activity.of_person, ilze)):
        whole = (await ask(pool, subject, limit=500)).items
        assert 20 < len(whole) < 500
        positions = [row.position for row in whole]
        assert positions == sorted(set(positions), reverse=True)
        for limit in (1, 7):
            seen: list[ActivityRow] = []
            before = None
            while True:
                page = await ask(pool, subject, before=before, limit=limit)
                seen += page.items
                before = page.next
                if before is None:
                    break
            assert seen == whole


async def test_bad_questions_are_refused(pool: Pool, views: Views) -> None:
    with pytest.raises(Invalid) as refused:
        await activity.of_process(pool, uuid4(), before="'")
    assert refused.value.code == "cursor_invalid"
    with pytest.raises(Invalid):
        await activity.of_person(pool, uuid4(), limit=501)
