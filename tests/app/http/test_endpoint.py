"""Typed endpoints: what they take, what they refuse, what they send."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from app.http.binding import Input
from app.http.endpoint import Call, endpoint
from tests.app.http.conftest import READING, MakeClient, bearer


class Body(Input):
    name: str
    size: int = 0
    inner: list[UUID] = Field([])


class Query(Input):
    word: str = ""
    many: list[str] = Field([])
    number: int = Field(1, ge=1, le=9)


class Echo(BaseModel):
    text: str


async def fetch(*_: object) -> dict[str, object]:
    raise AssertionError("no idempotency key was sent")


POOL = SimpleNamespace(fetchrow=fetch)


@endpoint("POST", "/things/{id}", scope="write", status=201, summary="Make")
async def make(call: Call, id: UUID, body: Body) -> Echo:
    return Echo(text=f"{id} {body.name} {body.size} {call.person} {call.context.actor}")


@endpoint("GET", "/things/{id}", scope="read", summary="Show")
async def show(call: Call, id: UUID, query: Query) -> Echo:
    return Echo(text=f"{query.word}|{','.join(query.many)}|{query.number}")


@endpoint("DELETE", "/things/{id}", scope="write", summary="Remove")
async def remove(call: Call, id: UUID) -> None:
    return None


@endpoint("GET", "/open", scope=None, summary="Anybody")
async def open_(call: Call) -> Response:
    return PlainTextResponse("nobody" if call.principal is None else "somebody")


@endpoint("POST", "/small", scope="write", limit=10, summary="Little")
async def small(call: Call, body: Body) -> Echo:
    return Echo(text=body.name)


@endpoint("POST", "/large", scope="write", limit=3_000_000, summary="Much")
async def large(call: Call, body: Body) -> Echo:
    return Echo(text=str(len(body.name)))


ID = UUID("0190f3c0-7d10-7cc3-98a4-6f0c1a2b3c4d")


async def test_calls_and_serialises(make_client: MakeClient) -> None:
    client = make_client(make, show, remove, pool=POOL)
    made = await client.post(f"/things/{ID}", json={"name": "x", "size": 3}, headers=bearer())
    assert made.status_code == 201
    assert made.json()["text"].startswith(f"{ID} x 3 ")
    assert made.headers["cache-control"] == "no-store"
    shown = await client.get(f"/things/{ID}?word=a+b&many=1&many=2&number=7", headers=bearer())
    assert shown.json() == {"text": "a b|1,2|7"}
    gone = await client.delete(f"/things/{ID}", headers=bearer())
    assert (gone.status_code, gone.content) == (204, b"")


async def test_methods(make_client: MakeClient) -> None:
    client = make_client(make, show, pool=POOL)
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        answer = await client.request(method, f"/things/{ID}")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), method
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    options = await client.options(f"/things/{ID}")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert (await client.head(f"/things/{ID}", headers=bearer())).status_code == 200
    assert (await client.get("/nothing")).json()["code"] == "not_found"


async def test_who_may_call(make_client: MakeClient) -> None:
    client = make_client(make, open_, pool=POOL)
    path = f"/things/{ID}"
    assert (await client.post(path, json={"name": "x"})).status_code == 401
    refused = await client.post(path, json={"name": "x"}, headers=bearer(READING))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert (await client.get("/open")).text == "nobody"
    assert (await client.get("/open", headers=bearer())).text == "somebody"


async def test_body_limits(make_client: MakeClient) -> None:
    client = make_client(make, small, large, pool=POOL)
    at_most = {"name": "x" * (1024 * 1024 - 11)}
    assert (await client.post(f"/things/{ID}", json=at_most, headers=bearer())).status_code == 201
    for path, size in ((f"/things/{ID}", 1024 * 1024), ("/small", 5), ("/large", 3_000_000)):
        answer = await client.post(path, json={"name": "x" * size}, headers=bearer())
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert (await client.post("/large", json={"name": "x" * 2_000_000}, headers=bearer())).status_code == 200


async def test_a_body_is_counted_as_it_comes_not_as_it_is_announced(make_client: MakeClient) -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65536

    headers = {**bearer(), "Content-Type": "application/json"}
    answer = await make_client(make, pool=POOL).post(f"/things/{ID}", content=endless(), headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert sent < 20


def test_a_handler_takes_the_parts_of_its_path() -> None:
    with pytest.raises(TypeError):

        @endpoint("GET", "/things/{other}", scope=None, summary="Wrong")
        async def wrong(call: Call, id: UUID) -> None: ...
