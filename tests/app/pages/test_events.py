"""What is on record of a process: who sees which events, filters, pages, and the plan as it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.checkpoints import Checkpoints
from app.commands import document as documents
from app.commands import plan as plans
from app.commands import process as processes
from app.pages import events
from app.system import System
from domain.plan import Plan
from domain.ports import Context
from tests.app.pages.conftest import Reader, Work
from tests.builders import by

MAIN = re.compile(r"<main.*</main>", re.S)


def listed(html: str) -> list[int]:
    """The positions of the events on a page, in its order."""
    return [int(found) for found in re.findall(r'id="e-(\d+)"', html)]


async def test_every_event_is_listed_newest_first(ilze: Reader, work: Work, system: System) -> None:
    html = await ilze.get(f"{work.here}/events")
    assert f'href="{work.here}/events" aria-current="page"' in html
    on_record = [event for event in await system.log.read() if event.process == work.process]
    assert listed(html) == [event.position for event in reversed(on_record)]
    for event in on_record:
        assert f"<code>{event.type}</code>" in html
    assert "created the document" in html
    assert "Notes &amp; &lt;b&gt;costs&lt;/b&gt;" in html
    assert "<b>costs" not in html
    assert "began the text of" in html
    assert "opened the plan" in html
    assert "made a change" not in html
    assert not re.search(r"<a [^>]*></a>", html), "a link without words"


async def test_filters_narrow_and_paging_goes_on(
    ilze: Reader, janis: Reader, work: Work, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"{work.here}/events"
    done = await processes.grant(
        system, by(ilze.person), process=work.process, rights=["manage"], grantee=janis.person
    )
    done = await plans.change_node(system, by(janis.person), node=work.plan.phase, title="By Jānis")
    await system.views.wait_all(done.position)
    assert listed(await ilze.get(f"{here}?person={janis.person}")) == [done.position]
    assert listed(await ilze.get(f"{here}?type=plan.node_renamed")) == [done.position]
    of_plan = listed(await ilze.get(f"{here}?type=plan.*"))
    assert of_plan == listed(await ilze.get(f"{here}?what={Plan.create_id(work.process)}"))
    assert len(of_plan) == 6
    everything = listed(await ilze.get(here))
    today = datetime.now(UTC).date()
    assert listed(await ilze.get(f"{here}?since={today - timedelta(days=1)}&until={today}")) == everything
    assert listed(await ilze.get(f"{here}?since={today + timedelta(days=2)}")) == []
    assert listed(await ilze.get(f"{here}?until={today - timedelta(days=2)}")) == []
    monkeypatch.setattr(events, "LISTED", 3)
    found, path = [], f"{here}?type=plan.*"
    while path:
        html = await ilze.get(path)
        found += listed(html)
        older = re.search(r'href="([^"]*older=\d+)"', html)
        path = older[1].replace("&amp;", "&") if older else ""
    assert found == of_plan


async def test_a_reader_of_one_node_sees_its_events_and_not_the_plan(
    ilze: Reader, janis: Reader, work: Work, system: System
) -> None:
    await janis.get(f"{work.here}/events", status=404)
    done = await processes.grant(
        system,
        by(ilze.person),
        process=work.process,
        rights=["view"],
        grantee=janis.person,
        node=work.plan.task,
    )
    await system.views.wait_all(done.position)
    html = await janis.get(f"{work.here}/events?at=1")
    [main] = MAIN.findall(html)
    assert "The plan as it was" not in main
    log = await system.log.read()
    types = {event.type for event in log if event.position in listed(main)}
    assert types == {"plan.node_added", "plan.task_status_set", "asset.created", "document.created"}
    assert len(listed(main)) == 4


async def test_the_plan_as_it_was(ilze: Reader, work: Work, system: System) -> None:
    before = await system.log.head()
    [last] = await system.log.read(after=before - 1)
    done = await plans.change_node(system, by(ilze.person), node=work.plan.phase, title="Another title")
    done = await plans.set_status(system, by(ilze.person), node=work.plan.task, status="finished")
    await system.views.wait_all(done.position)
    for query in (f"at={before}", f"at={last.recorded_at.isoformat().replace('+00:00', 'Z')}"):
        html = await ilze.get(f"{work.here}/events?{query}")
        then = html[html.index('class="then') : html.index("</section>")]
        assert "Another title" not in then
        assert "Notes &amp; &lt;b&gt;costs" in then
        assert "In progress" in then
        assert (
            f'name="at" min="0" max="{done.position}" step="1" inputmode="numeric" required value="{before}"'
            in html
        )
    html = await ilze.get(f"{work.here}/events?at={done.position}")
    then = html[html.index('class="then') : html.index("</section>")]
    assert "Another title" in then
    assert "Finished" in then
    assert "Before anything was recorded" in await ilze.get(f"{work.here}/events?at=0")
    assert "Before anything was recorded" in await ilze.get(f"{work.here}/events?on=1999-01-01T00:00")


async def test_for_whom_and_why_is_told(ilze: Reader, janis: Reader, work: Work, system: System) -> None:
    cause = (await system.log.read(backwards=True, limit=1))[0]
    context = Context(actor=ilze.person, on_behalf_of=janis.person, causation_id=cause.event_id)
    done = await plans.change_node(system, context, node=work.plan.phase, title="New")
    await system.views.wait_all(done.position)
    html = await ilze.get(f"{work.here}/events")
    assert "on behalf of Jānis" in html
    assert f'#e-{cause.position}">caused by the event at place {cause.position}' in html


async def test_what_is_done_to_documents_is_told(ilze: Reader, work: Work, system: System) -> None:
    context = by(ilze.person)
    done = await documents.name_version(
        system, context, document=work.document, name="First", at=await system.log.head()
    )
    await system.views.wait_all(done.position)
    html = await ilze.get(f"{work.here}/events?what={work.document}")
    assert listed(html)[0] == done.position
    assert "named the version “First” of" in html


async def test_what_is_wrong_is_told_at_its_field_and_the_rest_is_answered(
    ilze: Reader, work: Work, system: System
) -> None:
    head = await system.log.head()
    wrong = {
        "type": ["x"],
        "person": ["x"],
        "what": ["x"],
        "since": ["x", "0001-01-01"],
        "until": ["2026-13-01", "9999-12-31"],
        "at": ["x", "99999999", "-1"],
        "on": ["x", "2999-01-01T00:00"],
        "older": ["-1", "1e5"],
    }
    for field, values in wrong.items():
        for value in values:
            answer = await ilze.client.get(f"{work.here}/events?{field}={value}")
            html = answer.text
            assert answer.status_code == 422, (field, value)
            assert "This could not be shown" in html
            assert (field == "older") == (f'href="#record-{field}"' not in html)
            assert (field == "older") == (f'id="record-{field}"' not in html)
            assert bool(listed(html)) == (field in ("at", "on"))
    html = (await ilze.client.get(f"{work.here}/events?since=x&at={head}")).text
    assert "The plan on" in html
    assert f'value="{head}"' in html
    html = (await ilze.client.get(f"{work.here}/events?since=x&at=x&type=plan.*")).text
    assert 'id="record-since-error"' in html
    assert 'id="record-at-error"' in html
    assert '<option value="plan.*" selected>' in html


async def test_what_is_signed_leads_to_its_proof(ilze: Reader, work: Work, system: System) -> None:
    signed = await Checkpoints.of(system).sign_head()
    done = await plans.change_node(system, by(ilze.person), node=work.plan.phase, title="New")
    await system.views.wait_all(done.position)
    html = await ilze.get(f"{work.here}/events")
    positions = listed(html)
    assert signed < done.position
    for position in positions:
        if position <= signed:
            assert f'href="/audit/proof/{position}"' in html
    newest = html[html.index(f'id="e-{done.position}"') :].split("</li>")[0]
    latest = await Checkpoints.of(system).latest()
    assert latest is not None
    under = f'href="/audit/proof/{done.position}"' in newest
    assert under or (latest[0] >= signed and "not under a signature yet" in newest)


async def test_the_record_is_taken_away_by_who_sees_all_of_it(
    ilze: Reader, janis: Reader, work: Work, system: System
) -> None:
    html = await ilze.get(f"{work.here}/events")
    for kind, media in (("export", "application/zip"), ("provenance", "application/ld+json")):
        path = f"/api/v1/processes/{work.process}/{kind}"
        assert f'href="{path}"' in html
        answer = await ilze.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media)
    assert f"interlink verify interlink-{work.process}.zip" in html
    done = await processes.grant(
        system,
        by(ilze.person),
        process=work.process,
        rights=["view"],
        grantee=janis.person,
        node=work.plan.task,
    )
    await system.views.wait_all(done.position)
    assert "/export" not in await janis.get(f"{work.here}/events")
