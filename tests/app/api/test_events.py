"""The event log over HTTP, page by page."""

from __future__ import annotations

import asyncio
import base64
import json
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
from jsonschema import Draft202012Validator
from starlette.applications import Starlette

from app.events import tail
from app.system import System
from domain.catalogue import EVENTS as EVENTS_OF
from domain.person import Person
from domain.ports import Context, NewEvent
from tests.app.api.conftest import SignUp, Somebody
from tests.app.api.test_documents import burst

EVENTS = "/api/v1/events"


async def all_events(who: Somebody, **query: Any) -> list[Any]:
    found: list[Any] = await who.get(EVENTS, limit=1000, **query)
    return found


async def test_gives_cloud_events(ana: Somebody, visitor: httpx.AsyncClient) -> None:
    process = await ana.a_process()
    answer = await ana.client.get(EVENTS)
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    events = answer.json()
    assert [event["type"] for event in events] == [
        "person.registered",
        "process.started",
        "process.right_granted",
        "plan.opened",
    ]
    started = events[1]
    assert started["specversion"] == "1.0"
    assert started["subject"] == started["process"] == process
    assert started["source"] == "http://127.0.0.1:8000"
    assert started["sequence"] == f"{int(started['sequence']):020d}"
    assert started["actor"] == str(ana.person)
    assert started["data"] == {"title": "Process", "description": "", "language": "en"}
    assert datetime.fromisoformat(started["time"]).utcoffset() is not None
    for event in events:
        assert all(name.isalnum() and name.islower() for name in event)
        path = event["dataschema"].removeprefix("http://127.0.0.1:8000")
        schema = await visitor.get(path)
        assert schema.headers["content-type"] == "application/schema+json"
        Draft202012Validator.check_schema(schema.json())
        Draft202012Validator(schema.json()).validate(event["data"])


async def test_carries_the_bytes_of_an_edit(ana: Somebody, system: System) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    id = (await ana.a_document(task))["document"]
    position = await burst(system, id, process, ana.person, "Hola")
    [event] = await all_events(ana, type="document.edited")
    update = base64.b64decode(event["data"]["update"]["base64"])
    assert len(update) == event["data"]["update"]["size"]
    assert b"Hola" in update
    assert int(event["sequence"]) == position


async def test_pages_lose_and_double_nothing(ana: Somebody, bruno: Somebody) -> None:
    for n in range(4):
        await ana.a_process(f"Ana {n}")
        await bruno.a_process(f"Bruno {n}")
    every = await all_events(ana)
    assert {event["actor"] for event in every} == {str(ana.person)}
    for direction, expected in (("forwards", every), ("backwards", every[::-1])):
        path, seen = f"{EVENTS}?limit=3&direction={direction}", []
        while True:
            answer = await ana.client.get(path)
            seen += answer.json()
            assert len(answer.json()) <= 3
            following = answer.links["next"]["url"]
            if not answer.json():
                break
            path = following
        assert seen == expected
    positions = [int(event["sequence"]) for event in every]
    between = await all_events(ana, after=positions[2], before=positions[5])
    assert [int(event["sequence"]) for event in between] == positions[3:5]


async def test_a_page_without_anything_for_me_still_leads_on(
    ana: Somebody, bruno: Somebody, system: System
) -> None:
    for n in range(3):
        await bruno.a_process(f"Bruno {n}")
    answer = await ana.client.get(f"{EVENTS}?after=2")
    assert answer.json() == []
    assert int(answer.headers["interlink-position"]) == await system.log.head()


async def test_filters(ana: Somebody, bruno: Somebody) -> None:
    first, second = await ana.a_process("First"), await ana.a_process("Second")
    await ana.let_in(bruno, first, "view", "manage")
    await bruno.post(f"/api/v1/processes/{first}/nodes", {"kind": "phase", "title": "x"})
    assert {e["process"] for e in await all_events(ana, process=second)} == {second}
    assert {e["type"] for e in await all_events(ana, type="plan.*")} == {"plan.opened", "plan.node_added"}
    two = await all_events(ana, type=["plan.node_added", "process.started"])
    assert [e["type"] for e in two] == ["process.started", "process.started", "plan.node_added"]
    assert {e["subject"] for e in await all_events(ana, stream=first)} == {first}
    assert [e["type"] for e in await all_events(ana, actor=bruno.person)] == ["plan.node_added"]
    assert await all_events(ana, type="no.such_type") == []


async def test_lines(ana: Somebody) -> None:
    await ana.a_process()
    answer = await ana.client.get(EVENTS, headers={"Accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == (await ana.client.get(EVENTS)).json()


async def test_accept_chooses(ana: Somebody) -> None:
    for accept, expected in {
        "*/*": "application/cloudevents-batch+json",
        "application/json": "application/cloudevents-batch+json",
        "application/x-ndjson;q=0.9, application/cloudevents-batch+json;q=0.1": "application/x-ndjson",
        "text/event-stream;q=0, */*;q=0.1": "application/cloudevents-batch+json",
        "": "application/problem+json",
        "text/html": "application/problem+json",
        "text/event-stream;q=x": "application/problem+json",
    }.items():
        answer = await ana.client.get(EVENTS, headers={"Accept": accept})
        assert answer.headers["content-type"] == expected, accept
        assert answer.status_code == (406 if "problem" in expected else 200)


async def test_an_unchanged_page_is_not_sent_again(ana: Somebody) -> None:
    first = await ana.client.get(EVENTS)
    again = await ana.client.get(EVENTS, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await ana.a_process()
    later = await ana.client.get(EVENTS, headers={"If-None-Match": first.headers["etag"]})
    assert later.status_code == 200


async def test_a_page_is_checked_without_reading_it(
    ana: Somebody, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ana.a_process()
    read: list[dict[str, Any]] = []
    real = system.log.read
    asking = ContextVar("asking", default=False)
    asking.set(True)  # what follows the log in the background has no part in it

    async def watched(**asked: Any) -> Any:
        if asking.get():
            read.append(asked)
        return await real(**asked)

    monkeypatch.setattr(system.log, "read", watched)
    for query in ("", "?limit=2", "?direction=backwards", "?after=1&before=3", "?limit=all", "?type=no.such"):
        headers = {"Accept": "application/x-ndjson"} if "all" in query else {}
        first = await ana.client.get(EVENTS + query, headers=headers)
        assert first.headers["cache-control"] == "private, no-cache"
        assert read
        read.clear()
        again = await ana.client.get(
            EVENTS + query, headers=headers | {"If-None-Match": first.headers["etag"]}
        )
        assert (again.status_code, again.content, read) == (304, b"", []), query
        for name in ("etag", "link", "interlink-position", "vary", "cache-control"):
            assert again.headers[name] == first.headers[name], (query, name)
        other = await ana.client.get(
            f"{EVENTS}?stream={ana.person}", headers={"If-None-Match": first.headers["etag"]}
        )
        assert other.status_code == 200


async def test_a_full_page_stays_the_same_when_the_log_grows(ana: Somebody) -> None:
    await ana.a_process()
    kept = {}
    for query in ("limit=2", "after=1&before=3", "until=2026-01-01T00:00:00Z", "limit=1000", "before=1000"):
        kept[query] = (await ana.client.get(f"{EVENTS}?{query}")).headers["etag"]
    await ana.post("/api/v1/tokens", {"name": "no event"})
    position = (await ana.patch("/api/v1/me", {"name": "no event either"})).get("position")
    assert position is None
    for query, tag in kept.items():
        assert (await ana.client.get(f"{EVENTS}?{query}", headers={"If-None-Match": tag})).status_code == 304
    process = json.loads((await ana.client.get(f"{EVENTS}?type=process.started")).content)[0]["subject"]
    await ana.patch(f"/api/v1/processes/{process}", {"title": "Longer"})
    for query, tag in kept.items():
        answer = await ana.client.get(f"{EVENTS}?{query}", headers={"If-None-Match": tag})
        assert answer.status_code == (200 if "1000" in query else 304), query


async def test_a_tag_is_for_one_reader_and_as_long_as_rights_and_payloads_stay(
    ana: Somebody, bruno: Somebody, system: System
) -> None:
    process = await ana.a_process()
    permission = (await ana.let_in(bruno, process, "view"))["id"]
    path = f"{EVENTS}?process={process}&limit=2"

    async def check(who: Somebody, tag: str) -> int:
        return (await who.client.get(path, headers={"If-None-Match": tag})).status_code

    tag = (await bruno.client.get(path)).headers["etag"]
    assert (await check(bruno, tag), await check(ana, tag)) == (304, 200)
    await ana.delete(f"/api/v1/permissions/{permission}")
    assert await check(bruno, tag) == 200
    tag = (await ana.client.get(path)).headers["etag"]
    assert await check(ana, f'"x", W/{tag}') == 304
    erased = Person.register(uuid4())
    erased.erase(basis="consent_withdrawn", text="redact", documents=(), replaced=b"")
    await system.log.append([EVENTS_OF.encode(event) for event in erased.collect_events()], Context())
    assert await check(ana, tag) == 200
    tag = (await ana.client.get(path)).headers["etag"]
    assert await check(ana, tag) == 304
    other = f'{tag[:-2]}{"1" if tag[-2] == "0" else "0"}"'
    for hostile in ("*", '"', '""', "x" * 5_000, '"ffffffffffffffff-0-' + "0" * 32 + '"', other):
        assert await check(ana, hostile) == 200, hostile


async def test_times_narrow_what_is_read(ana: Somebody, system: System) -> None:
    await ana.a_process()
    every = await all_events(ana)
    at = [datetime.fromisoformat(event["time"]) for event in every]
    moment = every[1]["time"]
    assert at[0] < at[1]
    assert await all_events(ana, since=moment) == every[1:]
    assert await all_events(ana, until=moment) == every[:1]
    local = at[1].astimezone(timezone(timedelta(hours=-5))).isoformat()
    assert await all_events(ana, since=local) == every[1:]
    assert await all_events(ana, until=local, direction="backwards") == every[:1]
    assert await all_events(ana, since=moment, until=moment) == []
    assert await all_events(ana, since=moment, after=int(every[1]["sequence"])) == every[2:]
    assert await all_events(ana, since="0001-01-01T00:00:00Z", until="9999-12-31T23:59:59Z") == every
    answer = await ana.client.get(EVENTS, params={"until": moment, "limit": 1000})
    assert int(answer.headers["interlink-position"]) == int(every[0]["sequence"])
    assert f"until={quote(moment, safe='')}" in answer.headers["link"]


@pytest.mark.parametrize("name", ["since", "until"])
async def test_what_is_no_time_is_refused_by_name(ana: Somebody, name: str) -> None:
    for given in (
        "",
        "1",
        "now",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T00:00:00+99:99",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "２０２６-01-01T00:00:00Z",
        "2026-01-01T00:00:00." + "1" * 90 + "Z",
        "2026-01-01T00:00:00Z'; --",
    ):
        for accept in ("*/*", "application/x-ndjson"):
            answer = await ana.client.get(EVENTS, params={name: given}, headers={"Accept": accept})
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, name), given
    answer = await ana.client.get(EVENTS, params={"since": "2999-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "moment_future")


async def test_all_lines_up_to_the_head(ana: Somebody, bruno: Somebody, system: System) -> None:
    process = await ana.a_process()
    await bruno.a_process()
    described = b'{"description":"","language":"en","title":"Again"}'
    title = [
        NewEvent(UUID(process), "process.described", described, process=UUID(process)) for _ in range(700)
    ]
    await system.log.append(title, Context(actor=ana.person))
    await bruno.a_process()
    lines = {"Accept": "application/x-ndjson"}
    answer = await ana.client.get(f"{EVENTS}?limit=all", headers=lines)
    path, paged = f"{EVENTS}?limit=1000", b""
    while (page := await ana.client.get(path, headers=lines)).content:
        paged, path = paged + page.content, page.links["next"]["url"]
    assert answer.content == paged
    assert answer.content.count(b"\n") == 704
    head = await system.log.head()
    assert int(answer.headers["interlink-position"]) == head
    assert answer.links["next"]["url"] == f"{EVENTS}?limit=all&after={head}"
    assert (await ana.client.get(answer.links["next"]["url"], headers=lines)).content == b""
    part = await ana.client.get(f"{EVENTS}?limit=all&after=4&before=9&type=process.*", headers=lines)
    assert [json.loads(line) for line in part.text.splitlines()] == await all_events(
        ana, after=4, before=9, type="process.*"
    )
    assert part.headers["interlink-position"] == "8"
    await system.accesses.write()
    told = await all_events(ana, type="access.recorded", process=process)
    assert sum(event["data"]["events"] for event in told) >= 2 * 700
    head_only = await ana.client.head(f"{EVENTS}?limit=all", headers=lines)
    assert (head_only.status_code, head_only.content) == (200, b"")
    for query, accept in (("limit=all", "*/*"), ("limit=all&direction=backwards", "application/x-ndjson")):
        refused = await ana.client.get(f"{EVENTS}?{query}", headers={"Accept": accept})
        assert refused.status_code == 422


async def test_lines_break_off_when_the_sign_in_ends(
    address: str, app: Starlette, ana: Somebody, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SIGN_INS_EVERY", 0.02)
    made = await ana.post("/api/v1/tokens", {"name": "lines"})
    large = b'{"text":"%b"}' % (b"x" * 500_000)
    await system.log.append([NewEvent(ana.person, "person.noted", large) for _ in range(60)], Context())
    headers = {"Accept": "application/x-ndjson", "Authorization": f"Bearer {made['token']}"}
    async with (
        httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client,
        client.stream("GET", f"{EVENTS}?limit=all") as answer,
    ):
        chunks = answer.aiter_raw()
        await anext(chunks)  # the rest waits for us: it is more than sockets hold
        await ana.delete(f"/api/v1/tokens/{made['id']}")
        async with asyncio.timeout(60):
            for subscriber in app.state.event_tail._readers:
                await subscriber.over.wait()
        with pytest.raises(httpx.RemoteProtocolError):
            async for _ in chunks:
                pass


async def test_others_see_nothing_until_they_may_and_nothing_once_they_may_not(
    ana: Somebody, bruno: Somebody
) -> None:
    process = await ana.a_process()
    assert await all_events(bruno, process=process) == []
    permission = (await ana.let_in(bruno, process, "view"))["id"]
    assert await all_events(bruno, process=process) == await all_events(ana, process=process)
    await ana.delete(f"/api/v1/permissions/{permission}")
    assert await all_events(bruno, process=process) == []
    mine = await all_events(bruno)
    assert [event["type"] for event in mine] == ["person.registered"]
    assert mine[0]["subject"] == str(bruno.person)


async def test_who_may_view_one_node_gets_its_events_only(
    ana: Somebody, bruno: Somebody, system: System
) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    _, _, other = await ana.a_task(process)
    seen, hidden = await ana.a_document(task), await ana.a_document(other)
    for made in (seen, hidden):
        await burst(system, made["document"], process, ana.person, "secret")
        await ana.patch(f"/api/v1/assets/{made['id']}", {"title": "Costs"})
    await ana.let_in(bruno, process, "view", node=task)
    events = await all_events(bruno, process=process)
    assert {event["subject"] for event in events if event["type"].startswith(("asset", "document"))} == {
        seen["id"],
        seen["document"],
    }
    assert {event["data"]["node"] for event in events if event["type"].startswith("plan.")} == {task}
    assert not [event for event in events if event["type"].startswith("process.")]


async def test_waits_for_something_to_happen(ana: Somebody, bruno: Somebody, system: System) -> None:
    head = await system.log.head()
    waiting = asyncio.create_task(ana.client.get(f"{EVENTS}?after={head}&wait=60"))
    await bruno.a_process()  # not for Ana
    assert not waiting.done()
    process = await ana.a_process()
    async with asyncio.timeout(50):
        answer = await waiting
    assert answer.json()[0]["subject"] == process
    head = await system.log.head()
    none = await ana.client.get(f"{EVENTS}?after={head}&wait=0.05")
    assert none.json() == []
    kept = {"If-None-Match": none.headers["etag"]}
    again = await ana.client.get(f"{EVENTS}?after={head}&wait=0.05", headers=kept)
    assert again.status_code == 304
    waiting = asyncio.create_task(ana.client.get(f"{EVENTS}?after={head}&wait=60", headers=kept))
    await asyncio.sleep(0.05)
    assert not waiting.done()  # it waits, though what it has is still good
    later = await ana.a_process()
    async with asyncio.timeout(50):
        assert (await waiting).json()[0]["subject"] == later
    assert none.headers["interlink-position"] == str(head)


async def test_refuses_what_makes_no_sense(ana: Somebody, sign_up: SignUp) -> None:
    for query in (
        "after=-1",
        "after=x",
        "after=99999",
        "after=9223372036854775808",
        "before=-1",
        "limit=0",
        "limit=1001",
        "limit=ALL",
        "limit=all",
        "wait=-1",
        "wait=61",
        "wait=nan",
        "wait=inf",
        "type=%27",
        "type=" + "a" * 200,
        "&".join(["type=a.b"] * 51),
        "stream=x",
        "process=%00",
        "direction=sideways",
        "nothing=such",
        "after=1&after=2",
    ):
        answer = await ana.client.get(f"{EVENTS}?{query}")
        assert answer.status_code == 422, query


async def test_schemas_that_are_not(visitor: httpx.AsyncClient) -> None:
    for path in ("process.started/2", "process.started/0", "no.such/1", "process.started/x", "x/" + "9" * 50):
        assert (await visitor.get(f"/schemas/{path}.json")).status_code == 404


async def test_strangers_read_nothing(visitor: httpx.AsyncClient) -> None:
    for accept in ("*/*", "text/event-stream"):
        assert (await visitor.get(EVENTS, headers={"Accept": accept})).status_code == 401


async def test_reading_is_recorded_for_those_who_see_the_process(ana: Somebody, system: System) -> None:
    process = await ana.a_process("Watched")
    before = (await ana.client.get("/api/v1/events")).json()
    await system.accesses.write()
    found = (await ana.client.get("/api/v1/events", params={"type": "access.recorded"})).json()
    ours = [event for event in found if event.get("process") == str(process)]
    assert [(event["actor"], event["data"]["way"]) for event in ours] == [(str(ana.person), "page")]
    assert ours[0]["data"]["events"] == sum(event.get("process") == str(process) for event in before)
    assert ours[0]["data"]["last"] == int(before[-1]["sequence"])
