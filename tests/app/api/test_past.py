"""States as of a moment: what they say, and who gets them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from domain.plan import Plan
from tests.app.api.conftest import SignUp, Somebody

STATE = "/api/v1/audit/state"


async def test_a_plan_as_it_was(ana: Somebody) -> None:
    process = await ana.a_process()
    phase, objective, task = await ana.a_task(process)
    before = ana.position
    await ana.patch(f"/api/v1/nodes/{phase}", {"title": "Renamed"})
    plan = str(Plan.create_id(UUID(process)))
    then = await ana.get(STATE, stream=plan, at=str(before))
    assert (then["stream"], then["type"], then["version"], then["position"]) == (plan, "plan", 4, before)
    assert then["state"]["process"] == process
    assert then["state"]["nodes"][phase]["title"] == "phase"
    assert then["state"]["nodes"][task]["parent"] == objective
    told = json.dumps(then["state"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert then["digest"] == hashlib.sha256(told.encode()).hexdigest()
    now = await ana.get(STATE, stream=plan)
    assert now["state"]["nodes"][phase]["title"] == "Renamed"
    assert now == await ana.get(STATE, stream=plan, at=datetime.now(UTC).isoformat())
    assert then == await ana.get(STATE, stream=plan, at=then["recorded_at"])


async def test_every_kind_of_stream(ana: Somebody) -> None:
    process = await ana.a_process("Parks")
    _, _, task = await ana.a_task(process)
    made = await ana.a_document(task)
    found = {}
    for stream in (process, made["id"], made["document"], str(ana.person)):
        state = await ana.get(STATE, stream=stream)
        found[state["type"]] = state["state"]
    assert found["process"]["title"] == "Parks"
    [grant] = found["process"]["grants"].values()
    assert grant["grantee"] == str(ana.person)
    assert grant["rights"] == ["administer", "view"]
    assert found["asset"]["document"] == made["document"]
    assert found["document"]["asset"] == made["id"]
    assert found["person"] == {}


async def test_who_may_not_see_the_events_may_not_see_the_state(
    ana: Somebody, bruno: Somebody, sign_up: SignUp
) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    plan = str(Plan.create_id(UUID(process)))
    made = await ana.a_document(task)
    streams = (process, plan, made["id"], made["document"], str(ana.person))
    for stream in streams:
        await bruno.get(STATE, stream=stream, status=404)
    # of one node: what stands there, and nothing that tells of other nodes
    await ana.let_in(bruno, process, "view", node=task)
    seen = [stream for stream in streams if await _sees(bruno, stream)]
    assert seen == [made["id"], made["document"]]
    # of the whole: everything, and from then on also what was before
    carla = await sign_up("Carla")
    permission = await ana.let_in(carla, process, "view")
    assert [stream for stream in streams if await _sees(carla, stream)] == list(streams[:-1])
    await ana.delete(f"/api/v1/permissions/{permission['id']}")
    assert [stream for stream in streams if await _sees(carla, stream)] == []


async def _sees(reader: Somebody, stream: str) -> bool:
    answer = await reader.client.get(STATE, params={"stream": stream})
    assert answer.status_code in (200, 404)
    return answer.status_code == 200


async def test_before_it_began_there_was_nothing(ana: Somebody, visitor: httpx.AsyncClient) -> None:
    process = await ana.a_process()
    before = ana.position
    other = await ana.a_process()
    await ana.get(STATE, stream=other, at=str(before), status=404)
    await ana.get(STATE, stream=process, at="0", status=404)
    await ana.get(STATE, stream=str(uuid4()), status=404)
    assert (await visitor.get(STATE, params={"stream": process})).status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"stream": "x"},
        {"at": "99999999"},
        {"at": "-1"},
        {"at": ""},
        {"at": "2999-01-01T00:00:00Z"},
        {"at": "9" * 100},
        {"other": "1"},
    ],
    ids=["nothing", "stream", "ahead", "negative", "empty", "future", "long", "unknown"],
)
async def test_bad_questions_are_refused(ana: Somebody, query: dict[str, str]) -> None:
    process = await ana.a_process()
    asked = query if not query or "stream" in query else {"stream": process, **query}
    await ana.get(STATE, status=422, **asked)


async def test_the_tree_as_it_was(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    phase, _, task = await ana.a_task(process)
    before, tree = ana.position, f"/api/v1/processes/{process}/tree"
    then = await ana.get(tree)
    await ana.patch(f"/api/v1/nodes/{phase}", {"title": "Renamed"})
    await ana.post(f"/api/v1/nodes/{task}/disable")
    assert await ana.get(tree, at=str(before)) == then
    assert (await ana.get(tree))["items"][0]["title"] == "Renamed"
    assert (await ana.get(tree, at="0"))["items"] == []
    await ana.get(tree, at="tomorrow", status=422)
    await bruno.get(tree, at=str(before), status=404)
    await ana.let_in(bruno, process, "view", node=task)
    await bruno.get(tree)
    await bruno.get(tree, at=str(before), status=403)
