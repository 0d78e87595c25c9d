"""One event on record: what is told of it in words, and who may read that."""

from __future__ import annotations

import re

from app.commands import plan as plans
from app.commands import process as processes
from app.system import System
from domain.ports import Context
from tests.app.pages.conftest import Reader, Work
from tests.app.pages.test_process import let_in
from tests.builders import by


def words(html: str) -> str:
    """What a reader reads of the main part, spaces put together."""
    [main] = re.findall(r"<main.*</main>", html, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


async def test_who_did_it_because_of_what_under_which_right(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    await let_in(system, ilze, janis, work, "view", "manage", node=work.plan.phase)
    agreed = await system.log.head()
    [cause] = await system.log.read(after=agreed - 1)
    context = Context(actor=janis.person, on_behalf_of=ilze.person, causation_id=cause.event_id)
    done = await plans.change_node(system, context, node=work.plan.task, title="Anew")
    later = await processes.describe(
        system, by(ilze.person), process=work.process, title="Later", description="", language="en"
    )
    await system.views.wait_all(later.position)
    here = f"{work.here}/events/{done.position}"
    assert f'<a href="{here}">Place {done.position}</a>' in await ilze.get(f"{work.here}/events")
    html = await ilze.get(here)
    told = words(html)
    assert "Jānis renamed “Some task” to “ Anew ”" in told
    assert "On behalf of Ilze" in told
    assert f'<a href="{work.here}/events/{cause.position}">the event at place {cause.position}</a>' in html
    assert "It takes the right to manage the plan, in “Anew”" in told
    assert "held the right to view and manage the plan" in told
    assert "As was given view and manage the plan, only in “Some phase”" in told
    [version] = [event.version for event in await system.log.read(after=agreed - 1, limit=1)]
    assert f"Version {version}, made by the event at place {agreed}" in told
    assert f'href="{work.here}/events/{agreed}"' in html
    assert f"As it stood at place {done.position - 1} in the log" in told


async def test_each_event_has_a_page_and_what_it_links_to_is_there(
    system: System, ilze: Reader, work: Work
) -> None:
    seen = set()
    for event in await system.log.read():
        path = f"{work.here}/events/{event.position}"
        if event.process != work.process:
            await ilze.get(path, 404)
            continue
        html = await ilze.get(path)
        seen.add("This takes no right." in html)
        for link in re.findall(r'<dd>.*?href="([^"]+)"', html):
            answer = await ilze.client.get(
                link.replace("&amp;", "&"), headers={"Accept": "text/html, */*;q=0.8"}
            )
            assert answer.status_code == 200, link
    assert seen == {True, False}


async def test_only_who_may_see_an_event_reads_of_it(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    events = [event for event in await system.log.read() if event.process == work.process]
    await janis.get(f"{work.here}/events/{events[-1].position}", 404)
    await let_in(system, ilze, janis, work, "view", node=work.plan.task)
    seen = {}
    for event in events:
        answer = await janis.client.get(f"{work.here}/events/{event.position}")
        seen.setdefault(answer.status_code, set()).add(event.type)
    assert seen[200] == {"plan.node_added", "plan.task_status_set", "asset.created", "document.created"}
    assert "process.started" in seen[404]
    html = await janis.get(f"{work.here}/events/{events[-1].position}")
    assert "made by the event at place" not in html, "they do not see the process's own events"


async def test_what_is_no_place_has_no_page(ilze: Reader, work: Work, system: System) -> None:
    head = await system.log.head()
    for place in ("0", str(head + 100), "9" * 30, "9" * 5000, "-1", "x", "1.5"):
        await ilze.get(f"{work.here}/events/{place}", 404)
