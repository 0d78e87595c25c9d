"""Giving rights, taking them back, and explaining them."""

from __future__ import annotations

from uuid import uuid4

from tests.app.api.conftest import Somebody


async def test_gives_and_takes_back(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    made = await ana.let_in(bruno, process, "view", "edit")
    rows = (await ana.get(f"/api/v1/processes/{process}/permissions"))["items"]
    assert [row["grantee"] for row in rows] == [str(ana.person), str(bruno.person)]
    assert (rows[1]["id"], rows[1]["rights"]) == (made["id"], ["view", "edit"])
    await bruno.delete(f"/api/v1/permissions/{made['id']}", status=403)
    await ana.delete(f"/api/v1/permissions/{made['id']}", status=200)
    await bruno.get(f"/api/v1/processes/{process}", status=404)
    await bruno.delete(f"/api/v1/permissions/{made['id']}", status=404)
    await ana.delete(f"/api/v1/permissions/{made['id']}", status=404)


async def test_keeps_an_administrator(ana: Somebody) -> None:
    process = await ana.a_process()
    [own] = (await ana.get(f"/api/v1/processes/{process}/permissions"))["items"]
    refused = await ana.delete(f"/api/v1/permissions/{own['id']}", status=409)
    assert refused["code"] == "last_administrator"


async def test_refuses_rights_without_sense(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    phase, _, _ = await ana.a_task(process)
    path, grantee = f"/api/v1/processes/{process}/permissions", {"person": str(bruno.person)}
    for body in (
        {"grantee": grantee, "rights": []},
        {"grantee": grantee, "rights": ["fly"]},
        {"grantee": grantee, "rights": ["view"] * 21},
        {"grantee": {"person": str(uuid4())}, "rights": ["view"]},
        {"grantee": {}, "rights": ["view"]},
        {"grantee": str(bruno.person), "rights": ["view"]},
        {"grantee": grantee, "rights": ["view"], "node": str(uuid4())},
        {"grantee": grantee, "rights": ["administer"], "node": phase},
    ):
        await ana.post(path, body, status=422)
    await bruno.post(path, {"grantee": grantee, "rights": ["administer"]}, status=404)


async def test_explains_why(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    phase, objective, task = await ana.a_task(process)
    other, _, _ = await ana.a_task(process)
    whole = await ana.let_in(bruno, process, "view", "edit")
    near = await ana.let_in(bruno, process, "view", node=objective)
    far = await ana.let_in(bruno, process, "manage", node=other)
    path = f"/api/v1/processes/{process}/why"
    asked = await ana.get(path, person=bruno.person, node=task, right="edit")
    assert (asked["allowed"], asked["rights"]) == (False, ["view"])
    roles = {reason["permission"]: reason["role"] for reason in asked["reasons"]}
    assert roles == {whole["id"]: "overridden", near["id"]: "decides", far["id"]: "elsewhere"}
    asked = await bruno.get(path, right="edit")
    assert (asked["allowed"], asked["person"]) == (True, str(bruno.person))
    mine = await ana.get(path, right="delete", node=phase)
    assert (mine["allowed"], [r["role"] for r in mine["reasons"]]) == (True, ["decides"])
    nobody = await ana.get(path, right="view", person=uuid4())
    assert (nobody["allowed"], nobody["reasons"]) == (False, [])


async def test_a_grant_on_a_node_opens_the_process_too(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    await ana.let_in(bruno, process, "view", node=task)
    asked = await bruno.get(f"/api/v1/processes/{process}/why", right="view")
    assert (asked["allowed"], [r["role"] for r in asked["reasons"]]) == (True, ["decides"])
    asked = await bruno.get(f"/api/v1/processes/{process}/why", right="edit")
    assert (asked["allowed"], [r["role"] for r in asked["reasons"]]) == (False, ["elsewhere"])


async def test_refuses_questions_without_sense(ana: Somebody) -> None:
    process = await ana.a_process()
    for query in ("", "?right=fly", "?right=view&person=x", "?right=view&node=x"):
        answer = await ana.client.get(f"/api/v1/processes/{process}/why{query}")
        assert answer.status_code == 422
    await ana.get(f"/api/v1/processes/{process}/why", status=404, right="view", node=uuid4())
