"""Working on the plan with forms alone."""

from __future__ import annotations

from app.commands import plan as plans
from app.system import System
from domain.plan import Plan
from tests.app.pages.conftest import Reader, Work
from tests.app.pages.test_process import let_in
from tests.builders import by


async def test_adding_a_phase_an_objective_and_a_task(ilze: Reader, work: Work, system: System) -> None:
    page = f"{work.here}/plan"
    await ilze.send(page, page, title="Phase 2")
    parent = work.plan.objective
    answer = await ilze.send(page, f"{page}?parent={parent}", title="Task 2")
    location = answer.headers["location"]
    html = await ilze.get(location.split("#")[0])
    assert "Phase 2" in html
    assert f'id="{location.split("#")[1]}"' in html
    plan = await system.repository.load(Plan, Plan.create_id(work.process))
    assert [node.title for node in plan.children(parent)] == ["Some task", "Task 2"]


async def test_a_refused_title_opens_its_form_again(ilze: Reader, work: Work) -> None:
    page = f"{work.here}/plan"
    action = f"{page}?parent={work.plan.phase}"
    answer = await ilze.send(page, action, status=422, title="x" * 301)
    assert f'<a href="#add-{work.plan.phase}-title">This text is too long. Shorten it.</a>' in answer.text
    assert "x" * 301 in answer.text
    assert '<details class="panel no-print" open>' in answer.text


async def test_moving_up_and_down_by_buttons(ilze: Reader, work: Work, system: System) -> None:
    page = f"{work.here}/plan"
    for title in ("B", "C"):
        await ilze.send(page, f"{page}?parent={work.plan.objective}", title=title)

    async def order() -> list[str]:
        plan = await system.repository.load(Plan, Plan.create_id(work.process))
        return [node.title for node in plan.children(work.plan.objective)]

    async def press(to: str) -> None:
        await ilze.post(f"{work.task}/shift", to=to, csrf=form["csrf"], once=f"{to}{await order()}")

    form = await ilze.form(page, f"{work.task}/shift")
    await press("down")
    assert await order() == ["B", "Some task", "C"]
    await press("down")
    assert await order() == ["B", "C", "Some task"]
    await press("down")
    assert await order() == ["B", "C", "Some task"]
    await press("up")
    assert await order() == ["B", "Some task", "C"]
    await press("sideways")
    assert await order() == ["B", "Some task", "C"]


async def test_moving_skips_what_was_taken_out(ilze: Reader, work: Work, system: System) -> None:
    middle = await plans.add_node(
        system, by(ilze.person), process=work.process, kind="task", title="B", parent=work.plan.objective
    )
    await plans.add_node(
        system, by(ilze.person), process=work.process, kind="task", title="C", parent=work.plan.objective
    )
    done = await plans.disable_node(system, by(ilze.person), node=middle.id)
    await system.views.wait_all(done.position)
    await ilze.send(f"{work.here}/plan", f"{work.task}/shift", to="down")
    plan = await system.repository.load(Plan, Plan.create_id(work.process))
    shown = [node.title for node in plan.children(work.plan.objective) if node.enabled]
    assert shown == ["C", "Some task"]


async def test_the_next_state_is_one_press_away(ilze: Reader, work: Work) -> None:
    page = f"{work.here}/plan"
    html = await ilze.get(page)
    assert 'value="finished">Finish<' in html
    values = await ilze.form(page, f"{work.task}/status")
    answer = await ilze.client.post(f"{work.task}/status", data={**values, "status": "finished"})
    assert answer.headers["location"] == f"{page}?done=status#n-{work.plan.task}"
    assert 'value="in_progress">Reopen<' in await ilze.get(page)


async def test_parts_of_a_plan_show_only_the_way_to_them(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    other = await plans.add_node(system, by(ilze.person), process=work.process, kind="phase", title="Secret")
    await let_in(system, ilze, janis, work, "view", "edit", node=work.plan.task)
    html = await janis.get(f"{work.here}/plan")
    assert "Secret" not in html
    assert "Some phase" in html
    assert f"nodes/{work.plan.phase}" not in html
    assert f'href="{work.task}"' in html
    assert "Add a phase" not in html
    await janis.get(work.task)
    await janis.get(f"{work.here}/nodes/{other.id}", 404)
    await janis.get(f"{work.here}/people", 404)
    activity = await janis.get(f"{work.here}/activity")
    assert "Secret" not in activity
    assert "created the document" in activity


async def test_readers_get_no_controls(system: System, ilze: Reader, janis: Reader, work: Work) -> None:
    await let_in(system, ilze, janis, work, "view")
    for path in (f"{work.here}/plan", work.task):
        html = await janis.get(path)
        assert "/shift" not in html
        assert "/status" not in html
        assert "Add a" not in html
    csrf = (await janis.form(work.here, "/sign-out"))["csrf"]
    await janis.post(f"{work.task}/status", status=403, csrf=csrf, **{"from": "plan"})
    await janis.post(f"{work.task}/shift", status=403, csrf=csrf, to="nowhere")


async def test_strangers_change_nothing_and_learn_nothing(janis: Reader, work: Work) -> None:
    csrf = (await janis.form("/", "/sign-out"))["csrf"]
    for path in (
        "shift",
        "status",
        "describe",
        "move",
        "disable",
        "restore",
        "assets/document",
        "assets/link",
    ):
        await janis.post(f"{work.task}/{path}", status=404, csrf=csrf, title="x", url="https://example.org")
    for path in ("plan", "people", "edit"):
        await janis.post(f"{work.here}/{path}", status=404, csrf=csrf, title="x", kind="phase")
    for change in ("rename", "disable", "restore"):
        await janis.post(f"{work.here}/assets/{work.asset}/{change}", status=404, csrf=csrf, title="x")
