"""Starting, describing and reading a process."""

from __future__ import annotations

from uuid import UUID

from app.commands import process as processes
from app.system import System
from tests.app.pages.conftest import Reader, Work
from tests.builders import by


async def test_starting_a_process_leads_to_its_plan(ilze: Reader) -> None:
    answer = await ilze.send(
        "/processes/new", "/processes/new", title="Parks", description="d", language="it"
    )
    plan = answer.headers["location"]
    assert plan.endswith("/plan?done=started")
    html = await ilze.get(plan)
    assert "The process has begun" in html
    assert 'lang="it">Parks</h1>' in html
    assert "Parks" in await ilze.get("/")


async def test_a_refused_form_keeps_what_was_typed(ilze: Reader) -> None:
    answer = await ilze.send(
        "/processes/new",
        "/processes/new",
        status=422,
        title="  ",
        description="Long <text> that took an hour",
        language="es",
    )
    assert "Long &lt;text&gt; that took an hour</textarea>" in answer.text
    assert '<option value="es" selected>' in answer.text
    assert '<a href="#start-title">Enter a title.</a>' in answer.text
    assert 'id="start-title-error"' in answer.text
    assert "data-error-summary" in answer.text
    form = await ilze.form("/processes/new", "/processes/new")
    assert form["description"] == ""


async def test_forms_need_the_session_s_token(ilze: Reader, janis: Reader) -> None:
    foreign = (await janis.form("/processes/new", "/processes/new"))["csrf"]
    for csrf in ("", "wrong", foreign):
        answer = await ilze.post("/processes/new", status=403, csrf=csrf, title="Parks", language="en")
        assert "This form was open too long" in answer.text
    assert "Parks" not in await ilze.get("/")


async def test_describing_a_process(ilze: Reader, work: Work) -> None:
    edit = f"{work.here}/edit"
    answer = await ilze.send(edit, edit, title="Clearer", description="Line 1\nLine 2")
    html = await ilze.get(answer.headers["location"])
    assert "Clearer</h1>" in html
    assert "Line 1\nLine 2" in html
    assert 'role="status">Saved.' in html


async def test_only_who_manages_may_describe(system: System, ilze: Reader, janis: Reader, work: Work) -> None:
    await let_in(system, ilze, janis, work, "view")
    assert "/edit" not in await janis.get(work.here)
    assert "You may not do this" in await janis.get(f"{work.here}/edit", 403)
    form = await janis.form(work.here, "/sign-out")
    await janis.post(f"{work.here}/edit", status=403, csrf=form["csrf"], title="x", language="lv")


async def test_overview_shows_progress_with_its_table(ilze: Reader, work: Work) -> None:
    html = await ilze.get(work.here)
    assert 'aria-label="50 percent done"' in html  # the first document started the task
    assert '<th scope="row" lang="lv">Some phase</th><td>50 %</td><td>0</td><td>1</td><td>0</td>' in html
    assert f'href="/documents/{work.document}"' in html
    assert "Notes &amp; &lt;b&gt;costs&lt;/b&gt;" in html


async def test_activity_is_told_with_names_and_paged(system: System, ilze: Reader, work: Work) -> None:
    for number in range(45):
        done = await processes.describe(
            system, by(ilze.person), process=work.process, description=f"version {number}"
        )
    await system.views.wait_all(done.position)
    first = await ilze.get(f"{work.here}/activity")
    assert "<strong>Ilze</strong> changed the description of the process" in first
    older = first.split("?older=")[1].split('"')[0]
    second = await ilze.get(f"{work.here}/activity?older={older}")
    assert "<strong>Ilze</strong> started the process" in second
    assert first.count("<time") == 40
    assert "?older=" not in second


async def let_in(
    system: System, by_whom: Reader, whom: Reader, work: Work, *rights: str, node: UUID | None = None
) -> None:
    """Give somebody rights."""
    done = await processes.grant(
        system, by(by_whom.person), process=work.process, grantee=whom.person, rights=rights, node=node
    )
    await system.views.wait_all(done.position)
