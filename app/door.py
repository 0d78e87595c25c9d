"""The door to live documents: who stands there, and what may they do inside."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from starlette.websockets import WebSocket

from app.sign_in import COOKIE
from app.system import System
from domain.errors import NotFound, Unavailable
from realtime.ports import Admission
from realtime.protocol import Close
from realtime.seat import Refused

logger = logging.getLogger(__name__)

AS_COOKIE = ("", "cookie")  # tokens that mean: I am who the session cookie says


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands at the door, and whether what they showed lets them write.

    `expires`: when what they showed does, None: not by itself. `credential`: the session or access
    token that they showed or got their ticket with, which may be ended any time.
    """

    person: UUID
    may_write: bool
    expires: datetime | None = None
    credential: UUID | None = None


class TurnedAway(Refused):
    """The connection is refused with a close code."""


async def admit(system: System, websocket: WebSocket) -> Admission:
    """Let a connection to one document in; raises TurnedAway."""
    document = _document(websocket.path_params["document"])
    token = websocket.query_params.get("token", "")
    return await admission(system, await _visitor(system, websocket, document, token), document)


async def admit_by_name(system: System, websocket: WebSocket, name: str, token: str) -> Admission:
    """Let a connection into one of its documents; raises TurnedAway, also when asking is not possible now."""
    try:
        document = _document(name)
        shown = "" if token in AS_COOKIE else token
        return await admission(system, await _visitor(system, websocket, document, shown), document)
    except TurnedAway:
        raise
    except Unavailable as error:
        raise TurnedAway(Close.SHUTTING_DOWN, "try again") from error
    except Exception as error:
        logger.exception("a live connection could not be checked")
        raise TurnedAway(Close.SHUTTING_DOWN, "try again") from error


def _document(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        raise TurnedAway(Close.NOT_FOUND, "no such document") from None


async def admission(system: System, visitor: Visitor, document: UUID) -> Admission:
    """What a visitor may do in a document; raises TurnedAway.

    For joining the hub soon: it knows of the visitor from now on, so that no revocation slips through.
    """
    asked = system.hub.expect(document, visitor.person)
    try:
        profile = await system.people.get(visitor.person)
        access = await system.authorization.document(visitor.person, document)
    except NotFound:
        raise TurnedAway(Close.NOT_FOUND, "no such document") from None
    if not access.enabled:
        raise TurnedAway(Close.NOT_FOUND, "the document is disabled")
    return Admission(
        document=document,
        person=visitor.person,
        session=uuid4(),
        name=profile.name,
        colour=profile.colour,
        may_edit=visitor.may_write and "edit" in access.rights,
        format=access.format,
        read_only=not visitor.may_write,
        expires=visitor.expires,
        credential=visitor.credential,
        asked=asked,
    )


async def _visitor(system: System, websocket: WebSocket, document: UUID, token: str) -> Visitor:
    """By ticket or access token, by bearer token, or by session cookie, in this order."""
    if token and (ticket := system.sign_in.read_ticket(token, document)) is not None:
        return Visitor(ticket.person, ticket.may_write, ticket.expires, ticket.credential)
    scheme, _, credentials = websocket.headers.get("authorization", "").partition(" ")
    secret = token or (credentials.strip() if scheme.lower() == "bearer" else "")
    if secret:
        principal = await system.sign_in.bearer(secret)
        if principal is None:
            raise TurnedAway(Close.SIGN_IN, "sign in")
        if "live" not in principal.scopes:
            raise TurnedAway(Close.FORBIDDEN, "this token is not for live documents")
        may_write = "write" in principal.scopes
        return Visitor(principal.person, may_write, principal.expires, principal.token)
    if cookie := websocket.cookies.get(COOKIE):
        principal = await system.sign_in.session(cookie)
        if principal is not None:
            check_origin(system, websocket)
            return Visitor(principal.person, may_write=True, credential=principal.session)
    raise TurnedAway(Close.SIGN_IN, "sign in")


def check_origin(system: System, websocket: WebSocket) -> None:
    """A browser sends its cookie from any page: only our own may use it here; raises TurnedAway."""
    origin = websocket.headers.get("origin")
    if origin is None:
        return  # not a browser
    ours = {websocket.headers.get("host", "").lower()}
    if system.settings.public_url:
        ours.add(urlsplit(system.settings.public_url).netloc.lower())
    if urlsplit(origin).netloc.lower() not in ours:
        raise TurnedAway(Close.FORBIDDEN, "not from this page")
