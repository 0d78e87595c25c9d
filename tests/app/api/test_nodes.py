"""Phases, objectives and tasks over HTTP."""

from __future__ import annotations

from uuid import uuid4

from tests.app.api.conftest import Somebody


async def test_adds_changes_and_moves_nodes(ana: Somebody) -> None:
    process = await ana.a_process()
    phase, objective, task = await ana.a_task(process)
    body = {"kind": "task", "title": "Earlier", "parent": objective, "before": task}
    earlier = (await ana.post(f"/api/v1/processes/{process}/nodes", body, status=201))["id"]
    await ana.patch(f"/api/v1/nodes/{earlier}", {"title": "First", "description": "Why"}, status=200)
    shown = await ana.get(f"/api/v1/nodes/{objective}")
    assert [child["id"] for child in shown["children"]] == [earlier, task]
    assert shown["children"][0]["description"] == "Why"
    assert [step["id"] for step in shown["path"]] == [phase]
    assert shown["process"] == process
    await ana.post(f"/api/v1/nodes/{earlier}/move", {"parent": objective})
    shown = await ana.get(f"/api/v1/nodes/{objective}")
    assert [child["id"] for child in shown["children"]] == [task, earlier]


async def test_refuses_what_does_not_fit(ana: Somebody) -> None:
    process = await ana.a_process()
    phase, objective, task = await ana.a_task(process)
    nodes = f"/api/v1/processes/{process}/nodes"
    bad = await ana.post(nodes, {"kind": "task", "title": "x", "parent": phase}, status=422)
    assert bad["code"] == "parent_unfit"
    assert (await ana.post(nodes, {"kind": "epic", "title": "x"}, status=422))["errors"][0]["field"] == "kind"
    await ana.post(nodes, {"kind": "phase", "title": "x", "before": "nothing"}, status=422)
    assert (await ana.post(f"/api/v1/nodes/{objective}/status", {"status": "finished"}, status=422))[
        "code"
    ] == "status_derived"
    await ana.post(f"/api/v1/nodes/{task}/status", {"status": "done"}, status=422)
    await ana.post(f"/api/v1/nodes/{task}/move", {}, status=422)
    await ana.patch(f"/api/v1/nodes/{task}", {}, status=422)
    for id in (str(uuid4()), "nothing", "0" * 32, "{" + str(uuid4()) + "}", "%00"):
        for path in ("disable", "restore"):
            await ana.post(f"/api/v1/nodes/{id}/{path}", status=404)
        await ana.patch(f"/api/v1/nodes/{id}", {"title": "x"}, status=404)
        await ana.get(f"/api/v1/nodes/{id}", status=404)


async def test_what_is_disabled_takes_nothing_new_until_restored(ana: Somebody) -> None:
    process = await ana.a_process()
    _, objective, task = await ana.a_task(process)
    await ana.post(f"/api/v1/nodes/{objective}/disable")
    refused = await ana.post(f"/api/v1/nodes/{task}/status", {"status": "finished"}, status=409)
    assert refused["code"] == "node_disabled"
    body = {"kind": "task", "title": "x", "parent": objective}
    await ana.post(f"/api/v1/processes/{process}/nodes", body, status=409)
    await ana.post(f"/api/v1/nodes/{task}/assets", {"kind": "document", "title": "x"}, status=409)
    await ana.post(f"/api/v1/nodes/{objective}/restore")
    await ana.post(f"/api/v1/nodes/{task}/status", {"status": "finished"}, status=200)


async def test_another_persons_node_is_unknown(ana: Somebody, bruno: Somebody) -> None:
    _, _, task = await ana.a_task(await ana.a_process())
    await bruno.get(f"/api/v1/nodes/{task}", status=404)
    await bruno.patch(f"/api/v1/nodes/{task}", {"title": "x"}, status=404)
    await bruno.post(f"/api/v1/nodes/{task}/move", {"parent": str(uuid4())}, status=404)
    await bruno.post(f"/api/v1/nodes/{task}/status", {"status": "finished"}, status=404)
    await bruno.post(f"/api/v1/nodes/{task}/disable", status=404)
    await bruno.post(f"/api/v1/nodes/{task}/assets", {"kind": "document", "title": "x"}, status=404)


async def test_the_same_key_adds_one_node(ana: Somebody) -> None:
    process = await ana.a_process()
    ana.headers = {"Idempotency-Key": "add-once"}
    body = {"kind": "phase", "title": "Once"}
    first = await ana.post(f"/api/v1/processes/{process}/nodes", body)
    again = await ana.post(f"/api/v1/processes/{process}/nodes", body)
    assert again == first
    assert len((await ana.get(f"/api/v1/processes/{process}/tree"))["items"]) == 1
