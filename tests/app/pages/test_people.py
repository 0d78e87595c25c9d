"""Who takes part: shown by name, changed by administrators."""

from __future__ import annotations

from app.pages.people import ROLES, role_of
from app.system import System
from domain.rights import RIGHTS
from tests.app.pages.conftest import Reader, Work
from tests.app.pages.test_process import let_in


async def email_of(system: System, reader: Reader) -> str:
    return (await system.people.get(reader.person)).email


async def test_adding_somebody_known_by_e_mail(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    page = f"{work.here}/people"
    values = await ilze.form(page, page)
    assert values["role"] == "contributor"
    answer = await ilze.send(page, page, email=(await email_of(system, janis)).upper())
    html = await ilze.get(answer.headers["location"])
    assert "<strong>Jānis</strong>" in html
    assert "Contributor" in html
    assert await email_of(system, janis) not in html
    held = await system.authorization.rights(janis.person, work.process)
    assert held == set(ROLES["contributor"])
    assert "Skaidrāks pakalpojums" in await janis.get(work.here)


async def test_somebody_unknown_cannot_be_added(ilze: Reader, work: Work) -> None:
    page = f"{work.here}/people"
    for email in ("nobody@example.org", "nonsense", ""):
        refused = await ilze.send(page, page, status=422, email=email, role="reader")
        assert '<a href="#grant-email">Nobody with this address' in refused.text
        assert f'value="{email}"' in refused.text
        assert 'value="reader" checked' in refused.text


async def test_roles_and_places_are_checked(system: System, ilze: Reader, janis: Reader, work: Work) -> None:
    page, email = f"{work.here}/people", await email_of(system, janis)
    refused = await ilze.send(page, page, status=422, email=email, role="king")
    assert '<a href="#grant-role">Choose what the person may do.</a>' in refused.text
    refused = await ilze.send(page, page, status=422, email=email, role="reader", node="nonsense")
    assert '<a href="#grant-node">' in refused.text
    refused = await ilze.send(
        page, page, status=422, email=email, role="administrator", node=str(work.plan.task)
    )
    assert '<a href="#grant-node">Administrators administer the whole process' in refused.text


async def test_rights_on_a_part(system: System, ilze: Reader, janis: Reader, work: Work) -> None:
    page = f"{work.here}/people"
    await ilze.send(page, page, email=await email_of(system, janis), role="reader", node=str(work.plan.task))
    assert "only in “Some task”" in await ilze.get(page)


async def test_taking_rights_back(system: System, ilze: Reader, janis: Reader, work: Work) -> None:
    page = f"{work.here}/people"
    await let_in(system, ilze, janis, work, "view", "edit")
    html = await ilze.get(page)
    assert "view and edit" in html
    actions = [part.split('"')[0] for part in html.split('action="') if "/revoke" in part.split('"')[0]]
    await ilze.send(page, actions[1])
    await janis.get(work.here, 404)
    refused = await ilze.send(page, actions[0], status=409)
    assert "A process keeps at least one administrator" in refused.text


async def test_an_administrator_may_leave_to_another(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    page = f"{work.here}/people"
    await ilze.send(page, page, email=await email_of(system, janis), role="administrator")
    html = await ilze.get(page)
    own = next(part.split('"')[0] for part in html.split('action="') if "/revoke" in part.split('"')[0])
    answer = await ilze.send(page, own)
    assert answer.headers["location"].startswith("/?")
    await ilze.get(work.here, 404)


async def test_members_see_who_takes_part_and_change_nothing(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    await let_in(system, ilze, janis, work, "view")
    html = await janis.get(f"{work.here}/people")
    assert "<strong>Ilze</strong>" in html
    assert "revoke" not in html
    assert "Add somebody" not in html
    csrf = (await janis.form(work.here, "/sign-out"))["csrf"]
    await janis.post(f"{work.here}/people", status=403, csrf=csrf, email="x@example.org", role="reader")


def test_roles_are_recognised() -> None:
    assert role_of(["edit", "view", "comment", "suggest"]) == "contributor"
    assert role_of(RIGHTS) == "administrator"
    assert role_of(["view", "delete"]) is None


async def test_a_legal_ground_is_decided_by_administrators_and_seen_by_all(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    page, action = f"{work.here}/people", f"{work.here}/keeping"
    await let_in(system, ilze, janis, work, "view")
    assert "They decide themselves whether" in await janis.get(page)
    assert f'action="{action}"' not in await janis.get(page)
    values = await ilze.form(page, action)
    assert values["ground"] == ""
    answer = await ilze.send(page, action, ground="archiving")
    assert answer.headers["location"] == f"{page}?done=saved"
    told = "<strong>archives, research or statistics in the public interest</strong>"
    assert told in await janis.get(page)
    assert (await ilze.form(page, action))["ground"] == "archiving"
    assert "decided that text of people who are erased stays: archives" in await janis.get(
        f"{work.here}/activity"
    )
    refused = await ilze.send(page, action, status=422, ground="because")
    assert '<a href="#keeping-ground">Choose something from the list.</a>' in refused.text
    await janis.post(action, status=403, csrf=(await janis.form("/profile", "/profile"))["csrf"], ground="")
    assert told in await janis.get(page)
    await ilze.send(page, action, ground="")
    assert "They decide themselves whether" in await janis.get(page)
    assert "may have their text removed" in await janis.get(f"{work.here}/activity")
