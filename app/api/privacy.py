"""One's own data, and being forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import Field
from starlette.responses import StreamingResponse

from app.api.writing import Items, Output
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.http.problems import Problem
from app.privacy.keeping import kept_of
from app.privacy.my_data import my_data
from app.privacy.requests import Erasure, ErasureRequests
from domain.errors import NotFound
from domain.person import Basis, Fate
from domain.process import Exemption

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Disposition": 'attachment; filename="my-data.json"',
}


class Wish(Input):
    """What becomes of the text that you wrote, and the ground in article 17(1) of the GDPR."""

    text: Fate = Field("redact", description="redact: it goes; keep: it stays as a former participant's")
    basis: Basis = "consent_withdrawn"


class Asked(Output):
    """A request to be erased. Until `due` it can be called back. Times are UTC."""

    text: Fate
    basis: Basis
    asked: datetime = Field(validation_alias="asked_at")
    due: datetime = Field(validation_alias="due_at")


class Kept(Output):
    """A process that has a legal ground (GDPR article 17(3)) to keep what you wrote in these documents."""

    process: UUID
    title: str
    ground: Exemption
    documents: list[UUID]


@endpoint(
    "GET",
    "/api/v1/me/data",
    scope="read",
    summary="My data",
    produces={"application/json": dict[str, object]},
)
async def data(call: Call) -> StreamingResponse:
    """Everything that is known of you: profile, sign-ins, tokens, rights, text you wrote, what you did."""
    pieces = my_data(call.system, call.person)
    return StreamingResponse(pieces, headers=HEADERS, media_type="application/json")


@endpoint("GET", "/api/v1/me/erasure", scope="read", summary="Whether I asked to be erased")
async def show(call: Call) -> Asked:
    """Your request to be erased, if there is one."""
    found = await ErasureRequests(call.system.pool).pending(call.person)
    if found is None:
        raise NotFound("no erasure is asked for")
    return Asked.model_validate(found)


@endpoint("GET", "/api/v1/me/erasure/kept", scope="read", summary="What of mine would stay")
async def kept(call: Call) -> Items[Kept]:
    """The processes in which text that you wrote would stay if you were erased now, and why."""
    return Items(items=[Kept.model_validate(each) for each in await kept_of(call.system, call.person)])


@endpoint("POST", "/api/v1/me/erasure", scope="write", status=202, summary="Erase me")
async def ask(call: Call, body: Wish) -> Asked:
    """Ask to be erased, after the days in which it can be called back. A token needs every scope for it."""
    return Asked.model_validate(await _ask(call, body))


@endpoint("DELETE", "/api/v1/me/erasure", scope="write", summary="Don't erase me")
async def call_back(call: Call) -> None:
    """Call the request back."""
    await ErasureRequests(call.system.pool).call_back(call.person)


async def _ask(call: Call, wish: Wish) -> Erasure:
    assert call.principal is not None
    if not {"read", "write", "live"} <= call.principal.scopes:
        raise Problem(403, "scope_missing", "this needs every scope")
    delay = timedelta(days=call.system.settings.erasure_delay_days)
    requests = ErasureRequests(call.system.pool)
    return await requests.ask(call.person, basis=wish.basis, text=wish.text, by=call.person, delay=delay)


routes = routes_of(data, show, kept, ask, call_back)
