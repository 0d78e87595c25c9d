"""Large bodies: some at a time."""

from __future__ import annotations

import asyncio

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.http import body_limit
from tests.app.http.conftest import MakeClient


async def test_only_some_large_bodies_are_received_at_a_time(make_client: MakeClient) -> None:
    go = asyncio.Event()
    inside = 0

    async def take(request: Request) -> Response:
        nonlocal inside
        body_limit.allow(request.scope, 3 * body_limit.LIMIT)
        await request.body()
        inside += 1
        await go.wait()
        return Response("taken")

    client: httpx.AsyncClient = make_client(routes=[Route("/", take, methods=["POST"])])
    large = b"x" * (2 * body_limit.LIMIT)
    tasks = [asyncio.create_task(client.post("/", content=large)) for _ in range(body_limit.LARGE_AT_ONCE)]
    async with asyncio.timeout(60):
        while inside < body_limit.LARGE_AT_ONCE:  # noqa: ASYNC110  a counter, for a test alone
            await asyncio.sleep(0.01)
    refused = await client.post("/", content=large)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    small = asyncio.create_task(client.post("/", content=b"x"))
    go.set()
    assert {answer.status_code for answer in await asyncio.gather(small, *tasks)} == {200}
    assert (await client.post("/", content=large)).status_code == 200
