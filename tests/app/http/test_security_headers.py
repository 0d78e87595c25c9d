"""What browsers are told to refuse."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.app.http.conftest import MakeClient


async def plain(request: Request) -> Response:
    return PlainTextResponse("x", headers={"Referrer-Policy": "no-referrer"})


async def stream(request: Request) -> Response:
    async def body() -> object:
        yield b"a"
        yield b"b"

    return StreamingResponse(body())  # type: ignore[arg-type]


async def test_every_answer_has_them_errors_too(make_client: MakeClient) -> None:
    client = make_client(routes=[Route("/x", plain), Route("/s", stream)])
    for path in ("/x", "/s", "/nothing"):
        headers = (await client.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["script-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in headers
    assert (await client.get("/nothing")).headers["referrer-policy"] == "same-origin"


async def test_a_route_keeps_its_own(make_client: MakeClient) -> None:
    client = make_client(routes=[Route("/x", plain)])
    assert (await client.get("/x")).headers.get_list("referrer-policy") == ["no-referrer"]
