"""Requests that another site made a browser send."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.app.http.conftest import COOKIE, CSRF, MakeClient, bearer


async def form(request: Request) -> Response:
    async with request.form() as data:
        return JSONResponse({name: str(value) for name, value in data.multi_items()})


async def raw(request: Request) -> Response:
    return Response(await request.body())


@pytest.fixture
def client(make_client: MakeClient) -> httpx.AsyncClient:
    """A browser with a session."""
    methods = ["GET", "POST", "DELETE"]
    found = make_client(routes=[Route("/form", form, methods=methods), Route("/raw", raw, methods=methods)])
    found.cookies.set("interlink_session", COOKIE)
    return found


async def test_reading_needs_no_token(client: httpx.AsyncClient) -> None:
    assert (await client.get("/raw")).status_code == 200


async def test_the_header_counts(client: httpx.AsyncClient) -> None:
    for method in ("POST", "DELETE"):
        assert (await client.request(method, "/raw", headers={"X-CSRF-Token": CSRF})).status_code == 200
        for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": CSRF + "x"}, {"X-CSRF-Token": b"\xff"}):
            answer = await client.request(method, "/raw", headers=wrong)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


async def test_the_form_field_counts_and_the_form_arrives_whole(client: httpx.AsyncClient) -> None:
    data = {"title": "é & ü", "csrf": CSRF}
    assert (await client.post("/form", data=data)).json() == data
    files = {"title": (None, "é & ü"), "csrf": (None, CSRF)}
    assert (await client.post("/form", files=files)).json() == data
    for wrong in ({"title": "x"}, {"csrf": "x"}, {"csrf": ""}):
        assert (await client.post("/form", data=wrong)).status_code == 403
    as_file = {"csrf": ("csrf.txt", CSRF.encode())}
    assert (await client.post("/form", files=as_file)).status_code == 403


async def test_broken_forms_are_refused(client: httpx.AsyncClient) -> None:
    for kind, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
        ("application/x-www-form-urlencoded", b"\xff\x00%%%=&&csrf"),
        ("application/x-www-form-urlencoded", b"a=&" * 5000),
    ):
        answer = await client.post("/form", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 403, kind
    large = b"csrf=" + b"x" * 2_000_000
    kind = "application/x-www-form-urlencoded"
    assert (await client.post("/form", content=large, headers={"Content-Type": kind})).status_code == 413


async def test_a_field_in_json_does_not_count(client: httpx.AsyncClient) -> None:
    assert (await client.post("/raw", json={"csrf": CSRF})).status_code == 403


async def test_access_tokens_need_none(make_client: MakeClient) -> None:
    client = make_client(routes=[Route("/raw", raw, methods=["POST"])])
    assert (await client.post("/raw", content=b"x", headers=bearer())).content == b"x"
    client.cookies.set("interlink_session", COOKIE)
    assert (await client.post("/raw", content=b"x", headers=bearer())).content == b"x"


async def test_who_has_no_session_needs_none(make_client: MakeClient) -> None:
    client = make_client(routes=[Route("/raw", raw, methods=["POST"])])
    client.cookies.set("interlink_session", "not a session")
    assert (await client.post("/raw", content=b"x")).content == b"x"
