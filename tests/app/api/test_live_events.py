"""The event log over a websocket, over the server's own protocol class."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Router
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app import api
from app.events import following, live, tail
from app.live_socket import LiveProtocol
from app.server import WebsocketsFirst
from app.sign_in import COOKIE
from app.system import System
from tests.app.api.conftest import Somebody

PATH = "/api/v1/events/live"


@pytest.fixture
async def port(app: Starlette) -> AsyncIterator[int]:
    """The application behind a server on loopback, websockets as the server has them."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        WebsocketsFirst(app, Router(api.websockets)),
        lifespan="off",
        log_config=None,
        ws=LiveProtocol,
        ws_ping_interval=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    async with asyncio.timeout(60):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    await api.close_streams(app)
    server.should_exit = True
    await task


def connecting(
    port: int, query: str = "", *, protocols: tuple[str, ...] = (live.SUBPROTOCOL,), **headers: str
) -> connect:
    return connect(
        f"ws://127.0.0.1:{port}{PATH}{query}",
        subprotocols=[Subprotocol(name) for name in protocols] or None,
        additional_headers=headers,
        proxy=None,
        open_timeout=60,
    )


def as_(who: Somebody, port: int) -> connect:
    return connecting(port, f"?token={who.token}")


async def say(connection: ClientConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


async def hear(connection: ClientConnection) -> Any:
    async with asyncio.timeout(60):
        frame = await connection.recv()
    assert isinstance(frame, str)
    return json.loads(frame)


async def until_caught_up(connection: ClientConnection) -> list[Any]:
    """The events up to `caughtup`."""
    seen: list[Any] = []
    while "caughtup" not in (frame := await hear(connection)):
        if "checkpoint" not in frame:
            seen.append(frame)
    return seen


async def closed(connection: ClientConnection) -> tuple[int, str]:
    """How the server ends it."""
    async with asyncio.timeout(60):
        with suppress(ConnectionClosed):
            async for _ in connection:
                pass  # what was on its way
        await connection.wait_closed()
    assert connection.close_code is not None
    return connection.close_code, connection.close_reason or ""


async def test_tells_what_was_and_then_what_happens(port: int, ana: Somebody) -> None:
    await ana.a_process("First")
    async with as_(ana, port) as connection:
        assert connection.subprotocol == live.SUBPROTOCOL
        await say(connection, subscribe={"after": 0})
        assert await until_caught_up(connection) == (await ana.client.get("/api/v1/events")).json()
        second = await ana.a_process("Second")
        while "checkpoint" in (frame := await hear(connection)):
            pass
        assert frame["subject"] == second


async def test_sends_no_more_than_there_is_credit_for(
    port: int, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CREDIT", 2)
    monkeypatch.setattr(following, "_SHORTEST_PAGE", 1)
    for n in range(5):
        await ana.a_process(f"Process {n}")
    every = (await ana.client.get("/api/v1/events")).json()
    async with as_(ana, port) as connection:
        await say(connection, subscribe={})
        seen = [await hear(connection) for _ in range(2)]
        for more in (1, 3, len(every) - 6):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await connection.recv()
            await say(connection, credit=more)
            seen += [await hear(connection) for _ in range(more)]
        assert seen == every


async def test_filters_and_tells_how_far_it_looked(
    port: int, ana: Somebody, bruno: Somebody, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "CHECKPOINT", 0.05)
    process = await ana.a_process()
    wanted = [{"any": [{"exact": {"type": "plan.opened"}}, {"suffix": {"type": ".started"}}]}]
    async with as_(ana, port) as connection:
        await say(connection, subscribe={"after": 0, "filter": wanted})
        seen = await until_caught_up(connection)
        assert [event["type"] for event in seen] == ["process.started", "plan.opened"]
        assert {event["process"] for event in seen} == {process}
        await bruno.a_process()
        head = await system.log.head()
        async with asyncio.timeout(60):
            while await hear(connection) != {"checkpoint": head}:
                pass


async def test_who_loses_the_right_sees_nothing_from_then_on(
    port: int, ana: Somebody, bruno: Somebody
) -> None:
    process = await ana.a_process()
    permission = (await ana.let_in(bruno, process, "view"))["id"]
    async with as_(bruno, port) as connection:
        await say(connection, subscribe={})
        assert process in {event["subject"] for event in await until_caught_up(connection)}
        await ana.delete(f"/api/v1/permissions/{permission}")
        await ana.patch(f"/api/v1/processes/{process}", {"title": "Hidden"})
        own = await bruno.a_process("Own")
        while "checkpoint" in (frame := await hear(connection)):
            pass
        assert frame["process"] == own


async def test_a_revoked_token_ends_it_also_while_there_is_no_credit(
    port: int, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SIGN_INS_EVERY", 0.05)
    for credit in (100, 1):
        monkeypatch.setattr(live, "CREDIT", credit)
        made = await ana.post("/api/v1/tokens", {"name": "stream"})
        async with connecting(port, Authorization=f"Bearer {made['token']}") as connection:
            await say(connection, subscribe={})
            await hear(connection)
            await ana.delete(f"/api/v1/tokens/{made['id']}")
            assert await closed(connection) == (4401, "the sign-in has ended")


async def test_the_server_ends_it(port: int, ana: Somebody, app: Starlette) -> None:
    async with as_(ana, port) as connection:
        await say(connection, subscribe={})
        await until_caught_up(connection)
        await api.close_streams(app)
        assert (await closed(connection))[0] == 4503
    async with as_(ana, port) as connection:
        await say(connection, subscribe={})
        assert (await closed(connection))[0] == 4503


async def test_a_cookie_opens_it_for_our_own_pages_only(port: int, ana: Somebody, system: System) -> None:
    cookie, _ = await system.sign_in.open_session(ana.person)
    async with connecting(port, Cookie=f"{COOKIE}={cookie}", Origin=f"http://127.0.0.1:{port}") as connection:
        await say(connection, subscribe={})
        assert [event["type"] for event in await until_caught_up(connection)] == ["person.registered"]
    async with connecting(port, Cookie=f"{COOKIE}={cookie}", Origin="https://evil.example") as connection:
        assert (await closed(connection))[0] == 4403


async def test_strangers_and_tokens_for_other_things_are_sent_away(port: int, ana: Somebody) -> None:
    made = await ana.post("/api/v1/tokens", {"name": "editor", "scopes": ["live"]})
    async with connecting(port) as connection:
        assert await closed(connection) == (4401, "sign in")
    async with connecting(port, "?token=ilk_x") as connection:
        assert await closed(connection) == (4401, "sign in")
    async with connecting(port, f"?token={made['token']}") as connection:
        assert await closed(connection) == (4403, "this needs the scope read")
    async with connecting(port, f"?token={ana.token}", protocols=()) as connection:
        assert await closed(connection) == (4400, "the subprotocol cloudevents.json is needed")


async def test_refuses_what_is_no_subscription(port: int, ana: Somebody) -> None:
    refused: list[tuple[str | bytes, int, str]] = [
        ("x", 4400, "this is not JSON"),
        (b"{}", 4400, "messages are text frames"),
        ("[]", 4400, ""),
        ("{}", 4400, "subscribe: "),
        ('{"credit": 1}', 4400, "subscribe: "),
        ('{"subscribe": {"after": -1}}', 4400, "subscribe.after: "),
        ('{"subscribe": {"after": 99999}}', 4400, "position_ahead: "),
        ('{"subscribe": {"since": 1}}', 4400, "subscribe.since: "),
        ('{"subscribe": {"filter": [{"sql": "x"}]}}', 4400, "filter.0: the dialects are"),
        ('{"subscribe": {}, "subscribe": {}}', 4400, "this is not JSON: a member stands twice"),
        ("[" * 1000, 4400, "this is not JSON"),
        ('{"subscribe": {"filter": "' + "x" * live.MESSAGE + '"}}', 4413, "a message has at most"),
    ]
    for sent, code, reason in refused:
        async with as_(ana, port) as connection:
            await connection.send(sent)
            told, why = await closed(connection)
        assert (told, why[: len(reason)]) == (code, reason), sent[:100]


async def test_refuses_credit_beyond_all_bounds(port: int, ana: Somebody) -> None:
    refused: list[dict[str, Any]] = [
        {"credit": 0},
        {"credit": live.MOST_CREDIT},
        {"credit": 1.5},
        {"subscribe": {}},
    ]
    for sent in refused:
        async with as_(ana, port) as connection:
            await say(connection, subscribe={})
            await say(connection, **sent)
            assert (await closed(connection))[0] == 4400, sent


async def test_does_not_wait_for_ever(port: int, ana: Somebody, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    async with as_(ana, port) as connection:
        assert (await closed(connection))[0] == 4400
