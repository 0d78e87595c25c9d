"""Every refusal has one shape."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import asyncpg
import pytest
import structlog
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from app.http import problems
from app.http.problems import NAME_SHOWN, Problem, of_fields
from domain.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable, VersionConflict
from tests.app.http.conftest import MakeClient


def raising(error: Exception) -> Route:
    async def route(request: Request) -> Response:
        raise error

    return Route("/x", route)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Invalid("x"), 422, "invalid"),
        (Invalid("x", code="title_missing", field="title"), 422, "title_missing"),
        (NotFound("x"), 404, "not_found"),
        (Forbidden("x"), 403, "forbidden"),
        (Conflict("x", code="last_administrator"), 409, "last_administrator"),
        (VersionConflict("x"), 409, "version_conflict"),
        (Unavailable("x", retry_after=2.5), 503, "unavailable"),
        (ConnectionRefusedError("secret"), 503, "unavailable"),
        (asyncpg.InterfaceError("secret"), 503, "unavailable"),
        (asyncpg.ConnectionDoesNotExistError("secret"), 503, "unavailable"),
        (ValueError("secret"), 500, "internal"),
        (asyncpg.UniqueViolationError("secret"), 500, "internal"),
        (Problem(406, "not_acceptable", "x"), 406, "not_acceptable"),
    ],
)
async def test_errors_are_mapped_once(
    make_client: MakeClient, error: Exception, status: int, code: str
) -> None:
    answer = await make_client(routes=[raising(error)]).get("/x")
    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert body["code"] == code
    assert {"type", "title", "detail"} <= set(body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_fields_are_named(make_client: MakeClient) -> None:
    error = Invalid("a title is needed", code="title_missing", field="title")
    body = (await make_client(routes=[raising(error)]).get("/x")).json()
    expected = {"field": "title", "code": "title_missing", "message": "a title is needed"}
    assert body["errors"] == [expected]


def test_of_names_of_fields_that_somebody_made_up_only_the_beginning_is_repeated() -> None:
    class Body(BaseModel, extra="forbid"):
        pass

    with pytest.raises(ValidationError) as refused:
        Body.model_validate({"x" * 10_000: "secret"})
    [error] = of_fields(refused.value).errors
    assert error.field == "x" * NAME_SHOWN
    assert "secret" not in error.message


async def test_the_unexpected_has_an_id_that_the_log_has_too(make_client: MakeClient) -> None:
    with structlog.testing.capture_logs() as logs:
        body = (await make_client(routes=[raising(KeyError("ana@example.org"))]).get("/x")).json()
    [line] = logs
    assert body["instance"] == f"urn:uuid:{line['id']}"
    assert line["error"] == "KeyError"
    assert "test_problems.py" in str(line["frames"])
    assert "ana@example.org" not in str(line) + str(body)


async def test_unknown_paths_and_wrong_methods(make_client: MakeClient) -> None:
    client = make_client(routes=[raising(NotFound("x"))])
    assert (await client.get("/nothing")).json()["code"] == "not_found"
    answer = await client.post("/x")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


async def test_who_reads_pages_gets_a_page(make_client: MakeClient) -> None:
    client = make_client(routes=[raising(Unavailable("x"))])
    app: Starlette = client._transport.app  # type: ignore[attr-defined]

    async def page(request: Request, problem: Problem) -> Response:
        return HTMLResponse(f"<h1>{problem.code}</h1>", problem.status)

    app.state.error_page = page
    answer = await client.get("/x", headers={"Accept": "text/html,*/*;q=0.1"})
    assert (answer.status_code, answer.text) == (503, "<h1>unavailable</h1>")
    assert answer.headers["retry-after"] == "1"
    assert (await client.get("/x")).headers["content-type"] == "application/problem+json"
    answer = await client.get("/api/v1/x", headers={"Accept": "text/html"})
    assert answer.json()["code"] == "not_found"


async def test_an_answer_that_began_is_not_mended(make_client: MakeClient) -> None:
    async def route(request: Request) -> Response:
        async def body() -> object:
            yield b"x"
            raise ValueError("too late")

        return StreamingResponse(body())  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="too late"):
        await make_client(routes=[Route("/x", route)]).get("/x")


async def test_cancellation_passes() -> None:
    started = asyncio.Event()

    async def app(scope: object, receive: object, send: object) -> None:
        started.set()
        await asyncio.sleep(60)

    middleware = problems.ProblemMiddleware(app)  # type: ignore[arg-type]
    scope = {"type": "http", "app": SimpleNamespace()}
    task = asyncio.create_task(middleware(scope, None, None))  # type: ignore[arg-type]
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
