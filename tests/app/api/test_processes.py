"""Processes: start, describe, list, tree, activity."""

from __future__ import annotations

from uuid import uuid4

from tests.app.api.conftest import SignUp, Somebody


async def test_starts_a_process_and_shows_it(ana: Somebody) -> None:
    body = {"title": " A  process ", "description": "Why", "language": "lv"}
    made = await ana.post("/api/v1/processes", body, status=201)
    shown = await ana.get(f"/api/v1/processes/{made['id']}")
    assert (shown["title"], shown["description"], shown["language"]) == ("A process", "Why", "lv")
    assert shown["position"] == made["position"]
    assert shown["started"].endswith("Z")
    assert shown["rights"][-1] == "administer"


async def test_describes_a_process_anew(ana: Somebody) -> None:
    process = await ana.a_process()
    await ana.patch(f"/api/v1/processes/{process}", {"title": "Other"})
    assert (await ana.get(f"/api/v1/processes/{process}"))["title"] == "Other"
    await ana.patch(f"/api/v1/processes/{process}", {}, status=422)


SENSELESS: list[object] = [
    {},
    {"title": "x"},
    {"title": "", "language": "en"},
    {"title": "x", "language": "English!"},
    {"title": 5, "language": "en"},
    {"title": "x" * 301, "language": "en"},
    {"title": "x", "language": "en", "more": 1},
    {"title": "a\u202eb", "language": "en"},
]


async def test_refuses_a_process_without_sense(ana: Somebody) -> None:
    for body in SENSELESS:
        refused = await ana.post("/api/v1/processes", body, status=422)
        assert refused["errors"][0]["field"] in ("title", "language", "more")


async def test_another_persons_process_is_unknown(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    for path in ("", "/tree", "/activity", "/permissions", "/why?right=view"):
        refused = await bruno.get(f"/api/v1/processes/{process}{path}", status=404)
        unknown = await bruno.get(f"/api/v1/processes/{uuid4()}{path}", status=404)
        assert refused == unknown
    await bruno.patch(f"/api/v1/processes/{process}", {"title": "Mine"}, status=404)
    await bruno.post(f"/api/v1/processes/{process}/nodes", {"kind": "phase", "title": "x"}, status=404)
    assert (await bruno.get("/api/v1/processes"))["items"] == []


async def test_who_may_only_view_changes_nothing(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    await ana.let_in(bruno, process, "view")
    refused = await bruno.patch(f"/api/v1/processes/{process}", {"title": "Mine"}, status=403)
    assert refused["code"] == "forbidden"
    await bruno.post(f"/api/v1/processes/{process}/nodes", {"kind": "phase", "title": "x"}, status=403)
    assert (await bruno.get(f"/api/v1/processes/{process}", after=ana.position))["rights"] == ["view"]


async def test_lists_page_by_page_and_search(ana: Somebody) -> None:
    made = [await ana.a_process(f"Process {n}") for n in range(5)]
    seen: list[str] = []
    query: dict[str, str] = {}
    while True:
        page = await ana.get("/api/v1/processes", limit=2, **query)
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query = {"cursor": page["next"]}
    assert seen == made[::-1]
    found = await ana.get("/api/v1/processes", search="process 3")
    assert [item["id"] for item in found["items"]] == [made[3]]
    assert (await ana.get("/api/v1/processes", language="lv"))["items"] == []


ABUSE = [
    "cursor=x",
    "cursor=" + "A" * 2000,
    "cursor=%00",
    "cursor=%ff%fe",
    "cursor=cHJvY2Vzc2VzLi0x",
    "cursor=YWN0aXZpdHkuNQ",
    "limit=0",
    "limit=-1",
    "limit=501",
    "limit=99999999999999999999999",
    "limit=1e3",
    "limit=x",
    "limit=1&limit=2",
    "search=%00",
    "language=%27%3B--",
    "nothing=such",
    "after=-1",
    "after=x",
    "after=9223372036854775808",
    "after=9223372036854775807",
    "after=%D9%A1",
]


async def test_refuses_abused_lists(ana: Somebody) -> None:
    for query in ABUSE:
        answer = await ana.client.get(f"/api/v1/processes?{query}")
        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_cursor_is_good_for_its_own_list_only(ana: Somebody) -> None:
    process = await ana.a_process()
    await ana.a_process()
    cursor = (await ana.get("/api/v1/processes", limit=1))["next"]
    await ana.get("/api/v1/processes", cursor=cursor)
    refused = await ana.get(f"/api/v1/processes/{process}/activity", status=422, cursor=cursor)
    assert refused["code"] == "cursor_invalid"


async def test_the_tree_shows_status_and_progress(ana: Somebody) -> None:
    process = await ana.a_process()
    phase, objective, task = await ana.a_task(process)
    await ana.post(f"/api/v1/nodes/{task}/status", {"status": "finished"})
    [shown] = (await ana.get(f"/api/v1/processes/{process}/tree"))["items"]
    assert (shown["id"], shown["status"], shown["progress"]) == (phase, "finished", 100)
    assert shown["children"][0]["id"] == objective
    assert shown["children"][0]["children"][0]["id"] == task
    await ana.post(f"/api/v1/nodes/{objective}/disable")
    [shown] = (await ana.get(f"/api/v1/processes/{process}/tree"))["items"]
    assert shown["children"] == []
    [shown] = (await ana.get(f"/api/v1/processes/{process}/tree", disabled="true"))["items"]
    assert shown["children"][0]["enabled"] is False


async def test_who_may_view_one_node_sees_that_and_the_way_there(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    phase, objective, task = await ana.a_task(process)
    other_phase, _, other_task = await ana.a_task(process)
    await ana.a_document(task)
    await ana.let_in(bruno, process, "view", node=task)
    bruno.position = ana.position
    [shown] = (await bruno.get(f"/api/v1/processes/{process}/tree"))["items"]
    assert (shown["id"], shown["rights"], shown["children"][0]["id"]) == (phase, [], objective)
    [seen] = shown["children"][0]["children"]
    assert (seen["id"], seen["rights"], len(seen["assets"])) == (task, ["view"], 1)
    assert (await bruno.get(f"/api/v1/nodes/{task}"))["path"][0]["id"] == phase
    await bruno.get(f"/api/v1/nodes/{other_task}", status=404)
    await bruno.get(f"/api/v1/nodes/{other_phase}", status=404)
    rows = (await bruno.get(f"/api/v1/processes/{process}/activity"))["items"]
    assert rows
    assert {row["node"] for row in rows} == {task}


async def test_activity_tells_who_did_what(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    await ana.let_in(bruno, process, "view", "manage")
    made = await bruno.post(f"/api/v1/processes/{process}/nodes", {"kind": "phase", "title": "Design"})
    ana.position = made["position"]
    rows = (await ana.get(f"/api/v1/processes/{process}/activity"))["items"]
    assert (rows[0]["type"], rows[0]["actor_name"], rows[0]["node_title"]) == (
        "plan.node_added",
        "Bruno",
        "Design",
    )
    assert [row["position"] for row in rows] == sorted((row["position"] for row in rows), reverse=True)
    first = await ana.get(f"/api/v1/processes/{process}/activity", limit=1)
    then = await ana.get(f"/api/v1/processes/{process}/activity", limit=500, cursor=first["next"])
    assert first["items"] + then["items"] == rows


async def test_reads_take_in_what_was_written(ana: Somebody, sign_up: SignUp) -> None:
    for n in range(10):
        made = await ana.post("/api/v1/processes", {"title": f"Process {n}", "language": "en"})
        answer = await ana.client.get(
            f"/api/v1/processes/{made['id']}", headers={"If-Position-At-Least": str(made["position"])}
        )
        assert answer.status_code == 200
