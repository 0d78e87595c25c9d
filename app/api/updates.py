"""Live documents where websockets are blocked: state vector in, Yjs update out; see realtime/exchange.py.

Scripts send and get bare Yjs updates. The editor sends and gets `MESSAGES`: the messages of the
websocket, each with its length (lib0 varuint) before it, so that presence travels both ways too.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from uuid import UUID

from pydantic import Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.door import TurnedAway, Visitor, admission
from app.http.binding import Input
from app.http.endpoint import Call, endpoint, routes_of
from app.http.principal import CHALLENGE
from app.http.problems import Problem
from realtime import protocol
from realtime.crdt import merge
from realtime.exchange import Answer, Incomplete, Question
from realtime.framing import join, split, updates_of
from realtime.hub import Refused
from realtime.protocol import Close
from realtime.wire import Malformed

T = TypeVar("T")

UPDATE = "application/octet-stream"
MESSAGES = "application/vnd.yjs.messages"
VERSION = "Interlink-Version"
_NOTHING = "AA"  # the state vector of who has nothing
WAIT = 30.0  # seconds; less than proxies and rooms have patience for
BODY = 8 * 1024 * 1024

_FORMS: dict[str, Any] = {UPDATE: None, MESSAGES: None}
_PROBLEMS: dict[int, tuple[int, str]] = {
    Close.MALFORMED: (400, "malformed"),
    Close.SIGN_IN: (401, "sign_in_needed"),
    Close.FORBIDDEN: (403, "forbidden"),
    Close.NOT_FOUND: (404, "not_found"),
    Close.FORGED: (409, "forged_author"),
    Close.TOO_LARGE: (413, "too_large"),
    Close.TOO_FAST: (429, "too_fast"),
    Close.REDACTED: (503, "text_redacted"),
}
_HEADERS = {
    401: {CHALLENGE: 'Bearer realm="interlink"'},
    413: {"Connection": "close"},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "1"},
}


class Wanted(Input):
    """What you have, and how long to wait for more.

    `state_vector` is a Yjs state vector in base64url (absent: you have nothing). `known` is the
    `Interlink-Version` of the last answer: with `wait`, in seconds, the answer comes as soon as there
    is another version. `client` is your own Yjs client id, whose presence you are not told.
    """

    state_vector: str | None = Field(None, max_length=60_000)
    known: str | None = Field(None, max_length=100)
    wait: float = Field(0, ge=0, le=WAIT, allow_inf_nan=False)
    client: int | None = Field(None, ge=0, le=2**53 - 1)


@endpoint(
    "GET",
    "/api/v1/documents/{id}/updates",
    scope="live",
    summary="Read or follow a live document",
    produces=_FORMS,
)
async def read(call: Call, id: UUID, query: Wanted) -> Response:
    """What you lack of what is committed, in the form that `Accept` asks for; 204 if nothing came in time."""
    return await _exchange(call, id, query, [])


@endpoint(
    "POST",
    "/api/v1/documents/{id}/updates",
    scope="live",
    summary="Write in a live document",
    produces=_FORMS,
    consumes=_FORMS,
    limit=BODY,
)
async def write(call: Call, id: UUID, query: Wanted) -> Response:
    """Hand over changes; answered once they are committed, with what you lack then.

    A 409 `update_incomplete` means that they lean on changes that are not here: send those too.
    Sending changes again is harmless.
    """
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        raise Problem(415, "wrong_content_type", f"send {UPDATE} or {MESSAGES}")
    try:
        body = await call.request.body()
    except ClientDisconnect:
        raise Problem(400, "bad_request", "the body did not arrive whole") from None
    if kind == UPDATE:
        return await _exchange(call, id, query, [protocol.update(body)])
    try:
        return await _exchange(call, id, query, split(body))
    except Malformed:
        raise _problem(Close.MALFORMED, "malformed message") from None


async def _exchange(call: Call, document: UUID, query: Wanted, frames: Sequence[bytes]) -> Response:
    plain = MESSAGES not in call.request.headers.get("accept", "")
    given: list[bytes] = []
    if query.state_vector is not None or plain:
        given = [protocol.step1(_decoded(query.state_vector or _NOTHING))]
    question = Question([*frames, *given], query.known, query.wait, not plain, query.client)
    assert call.principal is not None
    may_write, credential = "write" in call.principal.scopes, call.principal.credential
    visitor = Visitor(call.person, may_write=may_write, credential=credential)

    async def answered() -> Answer:
        return await call.system.exchanges.run(await admission(call.system, visitor, document), question)

    try:
        answer = await _unless_gone(call.request, answered())
    except (Refused, TurnedAway) as refusal:
        raise _problem(refusal.code, str(refusal)) from None
    except Incomplete:
        raise Problem(
            409, "update_incomplete", "this leans on changes that are not here: send those too"
        ) from None
    return _response(answer, plain)


def _response(answer: Answer, plain: bool) -> Response:
    headers = {"Cache-Control": "no-store", VERSION: answer.version}
    if not answer.frames:
        return Response(None, 204, headers)
    body = merge(updates_of(answer.frames)) if plain else join(answer.frames)
    return Response(body, headers=headers, media_type=UPDATE if plain else MESSAGES)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _problem(Close.MALFORMED, "the state vector is not base64url") from None


def _problem(code: int, reason: str) -> Problem:
    status, name = _PROBLEMS.get(code, (503, "unavailable"))
    return Problem(status, name, reason, headers=_HEADERS.get(status, {}))


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work, but not for a client that hung up."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Problem(400, "bad_request", "the client hung up")
        return task.result()
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


routes = routes_of(read, write)
