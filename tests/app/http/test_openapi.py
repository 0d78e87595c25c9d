"""The description of endpoints, made from what they declare."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from starlette.routing import Mount, Route

from app.http.endpoint import Call, Endpoint, endpoint, routes_of
from app.http.openapi import PROBLEM, describe, endpoints_of, page
from app.http.problems import FieldError, Problem
from app.sign_in import COOKIE
from tests.app.http.conftest import MakeClient
from tests.app.http.test_endpoint import Echo, Query, large, make, open_, remove, show

ADDRESS = "https://parks.example.org"


@endpoint("GET", "/views/{number}", scope="read", waits=True, summary="A <view> & more")
async def view(call: Call, number: int) -> list[Echo]:
    """What <script>alert(1)</script> there is."""
    raise NotImplementedError


class Line(BaseModel):
    text: str


@endpoint(
    "POST",
    "/lines",
    scope="write",
    summary="Take lines",
    consumes={"application/x-ndjson": Line, "application/octet-stream": None},
)
async def lines(call: Call, query: Query) -> None:
    """Read by the handler."""


ALL = (make, show, remove, open_, large, view, lines)
DOCUMENT = describe(ALL, ADDRESS)


def operation(one: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][one.path][one.method.lower()]
    return found


def parameters(one: Endpoint) -> dict[str, Any]:
    return {f"{p['in']} {p['name']}": p for p in operation(one)["parameters"]}


def test_endpoints_are_found_behind_their_routes_in_their_order() -> None:
    routes = [*routes_of(make, show, open_), Route("/plain", lambda request: None), Mount("/more", routes=[])]
    assert endpoints_of(routes) == [make, show, open_]


def test_each_part_of_a_request_has_its_place() -> None:
    assert parameters(show).keys() == {"path id", "query word", "query many", "query number"}
    assert parameters(show)["path id"]["schema"] == {"type": "string", "format": "uuid"}
    assert not any(parameters(show)[f"query {name}"]["required"] for name in ("word", "many", "number"))
    assert parameters(view).keys() == {"path number", "query after", "header If-Position-At-Least"}
    assert parameters(view)["path number"]["schema"]["type"] == "integer"
    assert parameters(make).keys() == {"path id", "header Idempotency-Key"}
    assert parameters(open_) == {}
    body = operation(make)["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Body"}
    taken = operation(lines)["requestBody"]["content"]
    assert taken["application/x-ndjson"]["schema"] == {"$ref": "#/components/schemas/Line"}
    assert taken["application/octet-stream"]["schema"] == {}


@pytest.mark.parametrize(
    ("one", "statuses"),
    [
        (open_, {200, 404, 503}),
        (show, {200, 401, 403, 404, 422, 503}),
        (view, {200, 401, 403, 404, 422, 503}),
        (remove, {204, 401, 403, 404, 409, 422, 503}),
        (make, {201, 401, 403, 404, 409, 413, 415, 422, 503}),
        (lines, {204, 401, 403, 404, 409, 413, 415, 422, 503}),
    ],
    ids=lambda one: one.summary if isinstance(one, Endpoint) else "",
)
def test_each_answer_that_may_come_is_told(one: Endpoint, statuses: set[int]) -> None:
    assert {int(status) for status in operation(one)["responses"]} == statuses
    for status in statuses - {one.status}:
        assert operation(one)["responses"][str(status)] == {"$ref": f"#/components/responses/{status}"}
        assert str(status) in DOCUMENT["components"]["responses"]


def test_only_what_anybody_may_ask_needs_no_sign_in() -> None:
    assert operation(open_)["security"] == []
    assert "x-scope" not in operation(open_)
    assert operation(make)["security"] == [{"token": []}, {"session": []}]
    assert operation(make)["x-scope"] == "write"
    assert DOCUMENT["components"]["securitySchemes"]["session"]["name"] == COOKIE


def test_what_is_sent_and_what_is_not_is_told_by_its_schema() -> None:
    listed = operation(view)["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed == {"type": "array", "items": {"$ref": "#/components/schemas/Echo"}}
    assert "content" not in operation(remove)["responses"]["204"]


@pytest.mark.parametrize(
    "problem",
    [
        Problem(404, "not_found", "no such thing"),
        Problem(422, "invalid", "no", [FieldError("a.b", "missing", "needed")], instance="/errors/1"),
    ],
)
def test_a_refusal_is_of_the_form_that_is_described(problem: Problem) -> None:
    validator = Draft202012Validator(PROBLEM)
    validator.validate(problem.body())
    assert problem.body().keys() <= PROBLEM["properties"].keys()
    assert not validator.is_valid(problem.body() | {"code": 1})


async def test_what_endpoints_answer_themselves_is_of_that_form_too(make_client: MakeClient) -> None:
    client = make_client(make, show)
    for answer in (await client.get("/things/x"), await client.put("/things/x"), await client.get("/none")):
        Draft202012Validator(PROBLEM).validate(answer.json())


def test_the_page_says_what_is_declared_and_runs_nothing_of_it() -> None:
    html = page(DOCUMENT)
    assert "<script" not in html
    assert "A &lt;view&gt; &amp; more" in html
    assert "alert(1)" in html
    for one in ALL:
        assert f"{one.method} {one.path}" in html
        assert f'id="{operation(one)["operationId"]}"' in html
