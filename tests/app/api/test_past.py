"""States as of a moment: what they say, and who gets them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from app.system import System
from domain.catalogue import EVENTS
from domain.document import Document
from domain.plan import Plan
from domain.ports import Context
from domain.process import Process
from domain.rights import RIGHTS
from tests.app.api.conftest import SignUp, Somebody

STATE = "/api/v1/audit/state"
ACCOUNT = "/api/v1/audit/events"


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


async def test_who_did_it_under_which_right(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    started = ana.position
    phase, objective, task = await ana.a_task(process)
    granted = await ana.let_in(bruno, process, "manage", node=objective)
    await bruno.patch(f"/api/v1/nodes/{task}", {"title": "Bruno's"})
    renamed = bruno.position
    await ana.delete(f"/api/v1/permissions/{granted['id']}")
    revoked = ana.position

    told = await ana.get(f"{ACCOUNT}/{renamed}")
    assert (told["type"], told["actor"], told["on_behalf_of"]) == (
        "plan.node_renamed",
        str(bruno.person),
        None,
    )
    assert (told["cause"], told["causation"]) == (None, None)
    under = told["under"]
    assert (under["needed"], under["node"], under["held"]) == ("manage", task, ["view", "manage"])
    assert under["grants"] == [{"permission": granted["id"], "node": objective, "rights": ["view", "manage"]}]
    assert under["as_of"] == renamed - 1
    assert under["agreement"] == {"process": process, "version": 3, "position": granted["position"]}

    told = await ana.get(f"{ACCOUNT}/{revoked}")
    assert (told["under"]["needed"], told["under"]["node"]) == ("administer", None)
    assert told["under"]["held"] == list(RIGHTS)
    assert told["under"]["agreement"]["version"] == 3, "right before it"
    for founding in range(started - 2, started + 1):
        assert (await ana.get(f"{ACCOUNT}/{founding}"))["under"] is None
    added = await ana.get(f"{ACCOUNT}/{started + 2}")
    assert (added["type"], added["under"]["node"]) == ("plan.node_added", phase), "where it was put"


async def test_an_edit_is_judged_as_of_when_it_was_made(
    ana: Somebody, bruno: Somebody, system: System
) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    made = await ana.a_document(task)
    granted = await ana.let_in(bruno, process, "edit", node=task)
    edited = datetime.now(UTC)
    await ana.delete(f"/api/v1/permissions/{granted['id']}")
    facts = {"began": edited, "ended": edited, "edits": 1, "inserted": 1, "deleted": 0, "update": b"\x00\x00"}
    late = Document.Edited(
        originator_id=UUID(made["document"]), originator_version=2, timestamp=edited, **facts
    )
    event = replace(EVENTS.encode(late, process=UUID(process)), version=None)
    appended = await system.log.append([event], Context(actor=bruno.person))
    under = (await ana.get(f"{ACCOUNT}/{appended.last}"))["under"]
    assert (under["needed"], under["held"]) == ("edit", ["view", "edit"])
    assert under["as_of"] == granted["position"] < appended.last - 1
    assert (await ana.get(f"{ACCOUNT}/{made['position']}"))["under"]["node"] == task


async def test_a_cause_is_told_to_who_may_see_it(ana: Somebody, bruno: Somebody, system: System) -> None:
    cause = await ana.a_process()
    first = (await system.log.read(after=ana.position - 1, limit=1))[0]
    effect = await ana.a_process()
    await ana.let_in(bruno, effect, "view")
    said = {"title": "B", "description": "", "language": "en"}
    described = Process.Described(
        originator_id=UUID(effect), originator_version=4, timestamp=datetime.now(UTC), **said
    )
    context = Context(actor=ana.person, causation_id=first.event_id)
    event = replace(EVENTS.encode(described, process=UUID(effect)), version=None)
    position = (await system.log.append([event], context)).last
    assert (await ana.get(f"{ACCOUNT}/{position}"))["cause"] == first.position
    told = await bruno.get(f"{ACCOUNT}/{position}")
    assert (told["cause"], told["causation"]) == (None, str(first.event_id))
    await bruno.get(f"{ACCOUNT}/{first.position}", status=404)
    assert first.process == UUID(cause)


@pytest.mark.parametrize("position", ["0", "-1", "999999", "9" * 30])
async def test_of_no_event_there_is_no_account(ana: Somebody, position: str) -> None:
    answer = await ana.client.get(f"{ACCOUNT}/{position}")
    assert answer.status_code in (404, 422)
