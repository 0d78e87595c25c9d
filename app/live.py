"""The door to live documents: `/live/{document}` speaks y-websocket. Who are you, may you, then the hub."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from app.authorization import DocumentAccess
from app.live_socket import open_socket
from app.system import System
from domain.errors import NotFound
from domain.ports import EventFilter, RecordedEvent
from realtime.ports import Admission
from realtime.protocol import Close

logger = logging.getLogger(__name__)

COOKIE = "interlink_session"
RIGHTS_EVENTS = (
    "process.right_granted",
    "process.right_revoked",
    "asset.disabled",
    "asset.restored",
    "plan.node_disabled",
    "plan.node_restored",
    "plan.node_moved",
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands at the door, and whether what they showed lets them write."""

    person: UUID
    may_write: bool


class TurnedAway(Exception):
    """The connection is refused with a close code."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code


async def live(websocket: WebSocket) -> None:
    """One y-websocket connection.

    A refusal is told by a close code after accepting: browsers hide why an upgrade was refused.
    """
    system: System = websocket.app.state.system
    await websocket.accept()
    try:
        admission = await admit(system, websocket)
    except TurnedAway as refusal:
        await _close(websocket, refusal.code, str(refusal))
        return
    except Exception:
        logger.exception("a live connection could not be checked")
        await _close(websocket, Close.SHUTTING_DOWN, "try again")
        return
    socket = open_socket(websocket)
    try:
        await system.hub.serve(socket, admission)
    finally:
        socket.finish()


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state is WebSocketState.CONNECTED:
        try:
            await websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError):
            logger.debug("a refused connection was gone already")


async def admit(system: System, websocket: WebSocket) -> Admission:
    """Let a connection in; raises TurnedAway."""
    try:
        document = UUID(websocket.path_params["document"])
    except ValueError:
        raise TurnedAway(Close.NOT_FOUND, "no such document") from None
    return await admission(system, await _visitor(system, websocket, document), document)


async def admission(system: System, visitor: Visitor, document: UUID) -> Admission:
    """What a visitor may do in a document; raises TurnedAway.

    Join the hub without awaiting anything in between: no revocation slips through then.
    """
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
    )


async def _visitor(system: System, websocket: WebSocket, document: UUID) -> Visitor:
    """By ticket or access token in the query, by bearer token, or by session cookie, in this order."""
    token = websocket.query_params.get("token")
    if token and (person := system.sign_in.read_ticket(token, document)) is not None:
        return Visitor(person, may_write=True)
    scheme, _, credentials = websocket.headers.get("authorization", "").partition(" ")
    secret = token or (credentials.strip() if scheme.lower() == "bearer" else "")
    if secret:
        principal = await system.sign_in.bearer(secret)
        if principal is None:
            raise TurnedAway(Close.SIGN_IN, "sign in")
        if "live" not in principal.scopes:
            raise TurnedAway(Close.FORBIDDEN, "this token is not for live documents")
        return Visitor(principal.person, may_write="write" in principal.scopes)
    if cookie := websocket.cookies.get(COOKIE):
        principal = await system.sign_in.session(cookie)
        if principal is not None:
            _check_origin(system, websocket)
            return Visitor(principal.person, may_write=True)
    raise TurnedAway(Close.SIGN_IN, "sign in")


def _check_origin(system: System, websocket: WebSocket) -> None:
    """A browser sends its cookie from any page: only our own pages may use it here."""
    origin = websocket.headers.get("origin")
    if origin is None:
        return  # not a browser
    ours = {websocket.headers.get("host", "").lower()}
    if system.settings.public_url:
        ours.add(urlsplit(system.settings.public_url).netloc.lower())
    if urlsplit(origin).netloc.lower() not in ours:
        raise TurnedAway(Close.FORBIDDEN, "not from this page")


routes: list[BaseRoute] = [WebSocketRoute("/live/{document}", live, name="live")]


async def watch_rights(system: System) -> None:
    """Let open connections follow grants, revocations and disabled things, for ever."""
    watch = RightsWatch(system)
    where = EventFilter(types=RIGHTS_EVENTS)
    after = await system.log.head()
    while True:
        try:
            async for events in system.log.follow(after, where=where):
                await watch.follow(events)
                after = events[-1].position
        except Exception as error:  # the log is away; what happened meanwhile is read when it is back
            logger.warning("rights are not followed for now: %s", type(error).__name__)
            await asyncio.sleep(0.5)


@dataclass(slots=True)
class RightsWatch:
    """Applies what events about rights mean to whoever is connected."""

    system: System
    _processes: dict[UUID, UUID] = field(default_factory=dict)

    async def follow(self, events: Sequence[RecordedEvent]) -> None:
        """Look again at everybody connected to documents of the processes that events are about."""
        changed = {event.process for event in events}
        connected = self.system.hub.open()
        known = self._processes
        self._processes = {document: known[document] for document, _ in connected if document in known}
        for document, person in connected:
            if self._processes.get(document) in (None, *changed):
                await self._look_again(document, person)

    async def _look_again(self, document: UUID, person: UUID) -> None:
        hub = self.system.hub
        try:
            access: DocumentAccess = await self.system.authorization.document(person, document)
        except NotFound:
            await hub.rights_changed(document, person, False, False)
            return
        self._processes[document] = access.process
        if access.enabled:
            await hub.rights_changed(document, person, True, "edit" in access.rights)
        else:
            await hub.close_document(document, Close.NOT_FOUND, "the document is disabled")
