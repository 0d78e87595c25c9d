"""The event log as Server-Sent Events, over a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent, aconnect_sse
from starlette.applications import Starlette

from app.api import close_streams
from app.events import following, tail
from app.system import System
from tests.app.api.conftest import Somebody

PATH = "/api/v1/events"


@asynccontextmanager
async def listening(
    address: str, who: Somebody, last: str | None = None, **query: Any
) -> AsyncIterator[EventSource]:
    """One connection to the stream, closed at the end of the block."""
    headers = {"Authorization": f"Bearer {who.token}"}
    if last is not None:
        headers["Last-Event-ID"] = last
    async with (
        httpx.AsyncClient(
            base_url=address, headers=headers, timeout=90, verify=False
        ) as client,  # plain HTTP
        aconnect_sse(client, "GET", PATH, params=query) as source,
    ):
        yield source


async def until(source: EventSource, name: str) -> list[ServerSentEvent]:
    """The frames up to and with the first one of this name (or of this event type)."""
    seen: list[ServerSentEvent] = []
    async with asyncio.timeout(60), aclosing(source.aiter_sse()) as frames:  # type: ignore[type-var]
        async for frame in frames:
            seen.append(frame)
            if name in (frame.event, frame.event == "message" and json.loads(frame.data)["type"]):
                return seen
    raise AssertionError(f"the stream ended without {name}")


def events(frames: list[ServerSentEvent]) -> list[Any]:
    return [json.loads(frame.data) for frame in frames if frame.event == "message"]


async def test_tells_what_was_and_then_what_happens(address: str, ana: Somebody) -> None:
    first = await ana.a_process("First")
    async with listening(address, ana) as source:
        assert source.response.headers["content-type"].startswith("text/event-stream")
        assert source.response.headers["cache-control"] == "no-store"
        frames = source.aiter_sse()
        told = [await anext(frames) for _ in range(5)]
        assert [frame.event for frame in told] == ["message"] * 4 + ["caughtup"]
        assert all(int(frame.id) == int(json.loads(frame.data)["sequence"]) for frame in told[:4])
        assert (told[4].id, json.loads(told[4].data)) == (told[3].id, {"position": int(told[3].id)})
        assert json.loads(told[1].data)["subject"] == first
        second = await ana.a_process("Second")
        async with asyncio.timeout(60):
            assert json.loads((await anext(frames)).data)["subject"] == second
        await frames.aclose()


async def test_fifty_disconnects_lose_and_double_nothing(address: str, ana: Somebody) -> None:
    async def write() -> None:
        for n in range(20):
            await asyncio.gather(*(ana.a_process(f"Process {n} {m}") for m in range(4)))

    writing = asyncio.create_task(write())
    seen: list[int] = []
    last: str | None = None
    for cut in range(50):
        async with listening(address, ana, last) as source, asyncio.timeout(60):
            frames = source.aiter_sse()
            for _ in range(1 + cut % 7):
                frame = await anext(frames)
                if frame.event == "message":
                    seen.append(int(json.loads(frame.data)["sequence"]))
                last = frame.id
            await frames.aclose()
    await writing
    async with listening(address, ana, last) as source:
        seen += [int(event["sequence"]) for event in events(await until(source, "caughtup"))]
    answer = await ana.client.get(f"{PATH}?limit=1000")
    assert seen == [int(event["sequence"]) for event in answer.json()]
    assert len(seen) == 241


async def test_a_filtered_readers_position_advances(
    address: str, ana: Somebody, bruno: Somebody, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "CHECKPOINT", 0.05)
    async with listening(address, ana, type="plan.node_added") as source, asyncio.timeout(60):
        frames = source.aiter_sse()
        while (frame := await anext(frames)).event != "caughtup":
            assert frame.event == "checkpoint"  # where a look at the log takes so long
        await bruno.a_process()
        head = await system.log.head()
        while True:
            frame = await anext(frames)
            assert frame.event == "checkpoint"
            if int(frame.id) == head:
                break
        await frames.aclose()


async def test_who_loses_the_right_sees_nothing_from_then_on(
    address: str, ana: Somebody, bruno: Somebody
) -> None:
    process = await ana.a_process()
    permission = (await ana.let_in(bruno, process, "view"))["id"]
    async with listening(address, bruno) as source, asyncio.timeout(60):
        frames = source.aiter_sse()
        while (await anext(frames)).event != "caughtup":
            pass
        await ana.patch(f"/api/v1/processes/{process}", {"title": "Seen"})
        assert json.loads((await anext(frames)).data)["data"]["title"] == "Seen"
        await ana.delete(f"/api/v1/permissions/{permission}")
        await ana.patch(f"/api/v1/processes/{process}", {"title": "Hidden"})
        own = await bruno.a_process("Own")
        told: list[str] = []
        while len(told) < 2:
            frame = await anext(frames)
            if frame.event == "message":
                told.append(json.loads(frame.data)["process"])
        assert told == [own] * 2
        await frames.aclose()


async def test_a_revoked_token_ends_the_stream(
    address: str, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SIGN_INS_EVERY", 0.05)
    monkeypatch.setattr(following, "HEARTBEAT", 3600.0)  # it is not that which finds it out
    made = await ana.post("/api/v1/tokens", {"name": "stream"})
    reader = Somebody(ana.client, ana.person, made["token"])
    async with listening(address, reader) as source, asyncio.timeout(60):
        frames = source.aiter_sse()
        while (await anext(frames)).event != "caughtup":
            pass
        await ana.delete(f"/api/v1/tokens/{made['id']}")
        assert [frame async for frame in frames] == []
    async with listening(address, reader) as source:
        assert source.response.status_code == 401


async def test_says_that_it_lives(address: str, ana: Somebody, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "HEARTBEAT", 0.05)
    async with listening(address, ana) as source, asyncio.timeout(60):
        read = b""
        async for chunk in source.response.aiter_bytes():
            read += chunk
            if read.count(b": heartbeat\n") >= 2:
                break


async def test_a_reader_that_fell_behind_reads_pages(
    address: str, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "EVENTS_KEPT", 2)
    monkeypatch.setattr(following, "PAGE", 5)
    async with listening(address, ana) as source, asyncio.timeout(60):
        frames = source.aiter_sse()
        seen: list[int] = []
        wanted = 1
        for n in range(8):
            await asyncio.gather(*(ana.a_process(f"{n} {m}") for m in range(3)))
            wanted += 9
            while len(seen) < wanted:
                frame = await anext(frames)
                if frame.event == "message":
                    seen.append(int(frame.id))
        assert seen == list(range(1, wanted + 1))
        await frames.aclose()


async def test_closing_ends_all_streams(address: str, app: Starlette, ana: Somebody) -> None:
    async with listening(address, ana) as source, asyncio.timeout(60):
        frames = source.aiter_sse()
        while (await anext(frames)).event != "caughtup":
            pass
        await close_streams(app)
        assert [frame async for frame in frames] == []


async def test_no_reader_leaves_anything_behind(address: str, app: Starlette, ana: Somebody) -> None:
    async with listening(address, ana) as source:
        await until(source, "caughtup")
    async with asyncio.timeout(60):
        while app.state.event_tail._follower is not None:  # noqa: ASYNC110  the server notices by itself
            await asyncio.sleep(0.01)
    async with listening(address, ana) as source:
        await until(source, "caughtup")


async def test_refuses_what_is_no_place_in_the_log(ana: Somebody, system: System) -> None:
    head = await system.log.head()
    for bad in ("x", "-1", "1.5", "9" * 30, "1 ", "٣", str(head + 1), "0x1", "1\t2"):
        headers = {"Accept": "text/event-stream", "Last-Event-ID": bad.encode()}
        answer = await ana.client.get(PATH, headers=headers)
        assert answer.status_code == 422 or bad == "1 ", bad
    for query in ("before=5", "direction=backwards", f"after={head + 1}"):
        answer = await ana.client.get(f"{PATH}?{query}", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 422


async def test_head_has_no_body(ana: Somebody) -> None:
    async with asyncio.timeout(60):
        answer = await ana.client.head(PATH, headers={"Accept": "text/event-stream"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
