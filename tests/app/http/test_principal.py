"""Who sends a request."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from tests.app.http.conftest import ANA, COOKIE, MakeClient, bearer


async def who(request: Request) -> Response:
    principal = request.state.principal
    return PlainTextResponse("nobody" if principal is None else f"{principal.person} by {principal.kind}")


@pytest.fixture
def client(make_client: MakeClient) -> httpx.AsyncClient:
    return make_client(routes=[Route("/who", who), Route("/static/x", who), Route("/healthz", who)])


async def test_by_token_by_cookie_and_not_at_all(client: httpx.AsyncClient) -> None:
    assert (await client.get("/who")).text == "nobody"
    assert (await client.get("/who", headers=bearer())).text == f"{ANA} by token"
    assert (await client.get("/who", headers={"Authorization": "bearer  ilk_good "})).text.endswith("token")
    client.cookies.set("interlink_session", COOKIE)
    assert (await client.get("/who")).text == f"{ANA} by session"
    assert (await client.get("/who", headers=bearer())).text == f"{ANA} by token"


async def test_a_wrong_token_is_refused_also_beside_a_good_cookie(client: httpx.AsyncClient) -> None:
    client.cookies.set("interlink_session", COOKIE)
    for value in ("Bearer wrong", "Bearer", "Bearer ", "bearer ilk_good ilk_good", b"Bearer \xff\xfe"):
        answer = await client.get("/who", headers={"Authorization": value})  # type: ignore[dict-item]
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid"), value
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_bad_cookies_and_other_schemes_are_nobody(client: httpx.AsyncClient) -> None:
    for headers in (
        {"Cookie": "interlink_session="},
        {"Cookie": "interlink_session=x; interlink_session=y"},
        {"Cookie": b"interlink_session=\xff\xfe"},
        {"Cookie": "=;;==;" * 100},
        {"Cookie": 'interlink_session="' + "\\" * 1000},
        {"Authorization": "Basic YTpi"},
        {"Authorization": ""},
    ):
        assert (await client.get("/who", headers=headers)).text == "nobody"  # type: ignore[arg-type]


async def test_what_is_open_to_all_asks_nobody(client: httpx.AsyncClient) -> None:
    for path in ("/static/x", "/healthz"):
        assert (await client.get(path, headers=bearer("wrong"))).text == "nobody"


async def test_sockets_pass_untouched(make_client: MakeClient) -> None:
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    app = make_client(routes=[WebSocketRoute("/live", echo)])._transport.app  # type: ignore[attr-defined]
    incoming: list[Message] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "x" * 2_000_000},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer wrong")]
    scope = {"type": "websocket", "path": "/live", "headers": headers, "query_string": b"", "root_path": ""}
    await app(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert len(sent[1]["text"]) == 2_000_000
