"""Where live documents are served: `/live/{document}` speaks y-websocket, `/live` hocuspocus.

And what happens outside while they are open: rights change, things are disabled, sign-ins end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from app.authorization import CHANGES, DocumentAccess
from app.door import TurnedAway, admit, admit_by_name
from app.live_socket import open_socket
from app.system import System
from domain.errors import NotFound
from domain.ports import EventFilter, RecordedEvent
from realtime.protocol import Close

logger = logging.getLogger(__name__)

SIGN_INS_EVERY = 0.5  # seconds; one indexed query, and none while nobody is here by such means
RIGHTS_EVENTS = (
    *sorted(CHANGES),
    "asset.disabled",
    "asset.restored",
    "plan.node_disabled",
    "plan.node_restored",
)


async def live(websocket: WebSocket) -> None:
    """One y-websocket connection.

    A refusal is told by a close code after accepting: browsers hide why an upgrade was refused.
    """
    system: System = websocket.app.state.system
    await websocket.accept()
    try:
        admitted = await admit(system, websocket)
    except TurnedAway as refusal:
        # Most clients take no code as final and come back at once: let that be seldom.
        await asyncio.sleep(system.settings.live.refusal_pause)
        await _close(websocket, refusal.code, str(refusal))
        return
    except Exception:
        logger.exception("a live connection could not be checked")
        await _close(websocket, Close.SHUTTING_DOWN, "try again")
        return
    socket = open_socket(websocket)
    try:
        await system.hub.serve(socket, admitted)
    finally:
        socket.finish()


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state is WebSocketState.CONNECTED:
        try:
            await websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError):
            logger.debug("a refused connection was gone already")


async def live_many(websocket: WebSocket) -> None:
    """One hocuspocus connection: its documents, and who they are for, come in its messages."""
    system: System = websocket.app.state.system
    await websocket.accept()
    socket = open_socket(websocket)
    try:
        await system.hub.serve_many(socket, partial(admit_by_name, system, websocket))
    finally:
        socket.finish()


routes: list[BaseRoute] = [
    WebSocketRoute("/live", live_many, name="live_many"),
    WebSocketRoute("/live/{document}", live, name="live"),
]


async def watch_sign_ins(system: System) -> None:
    """End connections whose access token was revoked or whose session was closed, for ever."""
    while True:
        await asyncio.sleep(SIGN_INS_EVERY)
        try:
            credentials = system.hub.credentials()
            if credentials:
                for credential in await system.sign_in.ended(credentials):
                    system.hub.sign_out(credential)
        except Exception as error:
            logger.warning("sign-ins are not followed for now: %s", type(error).__name__)


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
