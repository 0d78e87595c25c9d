from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.views import Views
from domain.errors import Invalid
from projections import processes
from projections.processes import fold
from tests.projections.coproduction import Coproduction


async def _titles(pool: Pool, person: UUID, **criteria: str) -> list[str]:
    return [row.title for row in (await processes.mine(pool, person, **criteria)).items]  # type: ignore[arg-type]


async def test_a_process_as_lists_show_it(pool: Pool, views: Views, story: Coproduction) -> None:
    ilze, jana = uuid4(), uuid4()
    process = await story.start("Skaidrāks pakalpojums", ilze)
    plan = story.plans[process.id]
    ids = [uuid4() for _ in range(6)]
    plan.add(node=ids[0], kind="phase", title="Phase")
    plan.add(node=ids[1], kind="objective", title="Objective", parent=ids[0])
    for task in ids[2:5]:
        plan.add(node=task, kind="task", title="Task", parent=ids[1])
    plan.set_status(ids[2], "finished")
    plan.set_status(ids[3], "in_progress")
    plan.disable(ids[4])
    process.grant(permission=uuid4(), grantee=jana, rights=["view"])
    process.grant(permission=uuid4(), grantee=jana, rights=["edit"], node=ids[2])
    process.grant(permission=uuid4(), grantee=uuid4(), rights=["view"], grantee_kind="team")
    last = (await story.append(process.id, plan, process, actor=jana)).last
    await views.wait_all(last)
    row = await processes.one(pool, process.id)
    assert row is not None
    assert (row.title, row.language, row.started_by) == (process.title, process.language, ilze)
    assert (row.position, row.people) == (last, 2)
    assert (row.tasks, row.finished_tasks, row.progress) == (2, 1, 50)
    assert row.started_at < row.changed_at
    assert await processes.one(pool, uuid4()) is None


async def test_lists_hold_only_what_the_person_may_see(pool: Pool, views: Views, story: Coproduction) -> None:
    ilze, jana = uuid4(), uuid4()
    whole, by_node, _hidden = [await story.start(title, ilze) for title in ("Whole", "By node", "Hidden")]
    plan = story.plans[by_node.id]
    plan.add(node=(phase := uuid4()), kind="phase", title="Phase")
    whole.grant(permission=(permission := uuid4()), grantee=jana, rights=["view"])
    by_node.grant(permission=uuid4(), grantee=jana, rights=["comment"], node=phase)
    await story.append(whole.id, whole)
    await views.wait_all((await story.append(by_node.id, plan, by_node)).last)
    assert await _titles(pool, ilze) == ["By node", "Whole", "Hidden"], "newest activity first"
    assert await _titles(pool, jana) == ["By node", "Whole"]
    assert await _titles(pool, uuid4()) == []
    whole.revoke(permission)
    await views.wait_all((await story.append(whole.id, whole)).last)
    assert await _titles(pool, jana) == ["By node"]


async def test_search_sees_past_case_accents_and_wildcards(
    pool: Pool, views: Views, story: Coproduction
) -> None:
    ilze = uuid4()
    titles = ["Rīgas centra KARTE", "Straße 100%", "Año_nuevo", r"Back\slash", "Perché no?"]
    for title in titles:
        process = await story.start(title, ilze)
    process.describe(title="Cioè sì")
    await views.wait_all((await story.append(process.id, process)).last)
    for search, found in [
        ("riga", titles[0]),
        ("karte RĪGAS", titles[0]),
        ("strasse", titles[1]),
        ("100%", titles[1]),
        ("ano_n", titles[2]),
        ("k\\s", titles[3]),
        ("CIOE", "Cioè sì"),
    ]:
        assert await _titles(pool, ilze, search=search) == [found], search
    for search in ["perche", "%%", "a_o", "rigas nowhere", "'; --"]:
        assert await _titles(pool, ilze, search=search) == [], search
    for search in ["", "   ", "\x00", "\ud800"]:
        assert len(await _titles(pool, ilze, search=search)) == 5, repr(search)


def test_reading_changes_nothing() -> None:
    """What is read may be of no process at all, as the event by which a person became known."""
    assert "access.recorded" not in processes.VIEW.types


async def test_lists_by_language(pool: Pool, views: Views, story: Coproduction) -> None:
    ilze = uuid4()
    for language in ("es", "es-MX", "est", "lv"):
        process = await story.start(language, ilze)
        process.describe(language=language)
        await story.append(process.id, process)
    await views.wait_all(await story.log.head())
    assert await _titles(pool, ilze, language="es") == ["es-MX", "es"]
    assert await _titles(pool, ilze, language="es-MX") == ["es-MX"]
    with pytest.raises(Invalid):
        await processes.mine(pool, ilze, language="\x00")


async def test_paging_is_complete_and_without_doubles(pool: Pool, views: Views, story: Coproduction) -> None:
    ilze = uuid4()
    started = [(await story.start(None, ilze)).id for _ in range(11)]
    await views.wait_all(await story.log.head())
    for limit in (1, 4, 10, 11, 50):
        seen: list[UUID] = []
        after = None
        while True:
            page = await processes.mine(pool, ilze, after=after, limit=limit)
            seen += [row.id for row in page.items]
            after = page.next
            if after is None:
                break
            assert len(page.items) == limit
        assert seen == started[::-1]


async def test_bad_questions_are_refused(pool: Pool, views: Views) -> None:
    with pytest.raises(Invalid) as refused:
        await processes.mine(pool, uuid4(), after="nonsense")
    assert refused.value.code == "cursor_invalid"
    with pytest.raises(Invalid):
        await processes.mine(pool, uuid4(), limit=0)


def test_folding() -> None:
    assert fold("Ķēde ŽÜRICH Straße ﬁn") == "kede zurich strasse fin"
    assert fold("a\x00b\ud800c\nd") == "a b c d"
