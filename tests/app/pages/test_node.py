"""Every change to one part of the plan, and to what lies in it."""

from __future__ import annotations

from app.commands import plan as plans
from app.system import System
from domain.asset import Asset
from domain.plan import Plan
from tests.app.pages.conftest import Reader, Work
from tests.builders import by


async def test_title_and_description(ilze: Reader, work: Work) -> None:
    answer = await ilze.send(work.task, f"{work.task}/describe", title="Ask", description="a\nb")
    html = await ilze.get(answer.headers["location"])
    assert "Ask</h1>" in html
    assert "a\nb</p>" in html


async def test_a_refused_title_keeps_the_description(ilze: Reader, work: Work) -> None:
    answer = await ilze.send(work.task, f"{work.task}/describe", status=422, title="", description="kept")
    assert "kept</textarea>" in answer.text
    assert 'href="#describe-title"' in answer.text


async def test_state(ilze: Reader, work: Work, system: System) -> None:
    values = await ilze.form(work.task, f"{work.task}/status")
    assert values["status"] == "in_progress"
    await ilze.client.post(f"{work.task}/status", data={**values, "status": "finished"})
    assert '<span class="tag finished">' in await ilze.get(work.task)
    refused = await ilze.client.post(f"{work.task}/status", data={**values, "status": "nonsense"})
    assert refused.status_code == 422
    assert "Choose one of the states offered." in refused.text


async def test_a_phase_has_no_state_of_its_own(ilze: Reader, work: Work) -> None:
    phase = f"{work.here}/nodes/{work.plan.phase}"
    csrf = (await ilze.form(phase, "/sign-out"))["csrf"]
    refused = await ilze.client.post(f"{phase}/status", data={"csrf": csrf, "status": "finished"})
    assert refused.status_code == 422
    assert "Only a task has a state of its own" in refused.text


async def test_moving_under_another_parent(ilze: Reader, work: Work, system: System) -> None:
    done = await plans.add_node(
        system, by(ilze.person), process=work.process, kind="objective", title="Other", parent=work.plan.phase
    )
    await system.views.wait_all(done.position)
    values = await ilze.form(work.task, f"{work.task}/move")
    assert values["parent"] == str(work.plan.objective)
    await ilze.send(work.task, f"{work.task}/move", parent=str(done.id))
    plan = await system.repository.load(Plan, Plan.create_id(work.process))
    assert plan.find(work.plan.task).parent == done.id
    refused = await ilze.send(work.task, f"{work.task}/move", status=422, parent="nonsense")
    assert "Choose another place" in refused.text


async def test_taking_out_is_undone_by_one_press(ilze: Reader, work: Work) -> None:
    answer = await ilze.send(work.task, f"{work.task}/disable")
    there = answer.headers["location"]
    html = await ilze.get(there)
    assert "It was taken out of the plan. Nothing is lost." in html
    assert f'href="{work.task}"' not in html
    assert f'href="{work.task}"' in await ilze.get(f"{work.here}/plan?disabled=1")
    back = await ilze.send(there, f"{work.task}/restore")
    assert f'href="{work.task}"' in await ilze.get(back.headers["location"].split("#")[0])


async def test_what_was_taken_out_still_has_a_page(ilze: Reader, work: Work) -> None:
    await ilze.send(work.task, f"{work.task}/disable")
    html = await ilze.get(work.task)
    assert "Taken out" in html
    assert "Add a document" not in html
    assert "Bring back into the plan" in html


async def test_a_new_document_opens(ilze: Reader, work: Work) -> None:
    add = f"{work.task}/assets/document"
    answer = await ilze.send(work.task, add, title="Plain", format="text")
    html = await ilze.get(answer.headers["location"])
    assert "Plain</h1>" in html
    assert '"format": "text"' in html


async def test_links_are_checked(ilze: Reader, work: Work) -> None:
    add = f"{work.task}/assets/link"
    refused = await ilze.send(work.task, add, status=422, title="Law", url="javascript:alert(1)")
    assert "Enter a full address" in refused.text
    assert 'value="Law"' in refused.text
    await ilze.send(work.task, add, title="Law", url="https://example.org/law?a=1&b=2")
    assert 'href="https://example.org/law?a=1&amp;b=2" rel="noopener noreferrer"' in await ilze.get(work.task)


async def test_renaming_removing_and_bringing_back_an_asset(ilze: Reader, work: Work, system: System) -> None:
    here = f"{work.here}/assets/{work.asset}"
    refused = await ilze.send(work.task, f"{here}/rename", status=422, title=" ")
    assert f'href="#rename-{work.asset}-title"' in refused.text
    await ilze.send(work.task, f"{here}/rename", title="Minutes")
    assert (await system.repository.load(Asset, work.asset)).title == "Minutes"
    answer = await ilze.send(work.task, f"{here}/disable")
    gone = await ilze.get(answer.headers["location"])
    assert "“Minutes” was removed. Nothing is lost." in gone
    await ilze.get(f"/documents/{work.document}", 404)
    await ilze.send(answer.headers["location"], f"{here}/restore")
    await ilze.get(f"/documents/{work.document}")


async def test_unknown_changes_are_not_found(ilze: Reader, work: Work) -> None:
    csrf = (await ilze.form(work.task, "/sign-out"))["csrf"]
    for path in (f"{work.task}/explode", f"{work.here}/assets/{work.asset}/explode"):
        assert (await ilze.client.post(path, data={"csrf": csrf})).status_code == 404
    odd = await ilze.client.post(f"{work.task}/assets/bomb", data={"csrf": csrf, "title": "x"})
    assert odd.status_code == 422
    assert "Choose one of the kinds offered." in odd.text
