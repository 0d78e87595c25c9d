"""`ws /api/v1/events/live`: the event log over a websocket; app/events/live.py has the protocol."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from app.api.events import tail_of
from app.door import check_origin
from app.events.access_log import Reader
from app.events.following import Following
from app.events.live import SUBPROTOCOL, serve, subscription
from app.http.consistency import check_reached
from app.http.problems import Problem
from app.live_socket import open_socket
from app.sign_in import COOKIE, Principal
from app.system import System
from domain.errors import Unavailable
from realtime.ports import SocketClosed
from realtime.protocol import Close
from realtime.seat import Refused

logger = logging.getLogger(__name__)

_REASON = 123  # bytes in a close frame (RFC 6455, section 5.5)
_FAREWELL = 5.0  # seconds that a slow reader gets to take the close frame


class TextFrames:
    """The text frames of an accepted websocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str:
        """The next one; raises SocketClosed, and Refused for a binary one."""
        try:
            message = await self._websocket.receive()
        except RuntimeError:
            raise SocketClosed from None
        if message["type"] == "websocket.disconnect":
            raise SocketClosed
        text: str | None = message.get("text")
        if text is None:
            raise Refused(Close.MALFORMED, "messages are text frames of JSON")
        return text

    async def send(self, text: str) -> None:
        """Send one, waiting for the reader when it is slow; raises SocketClosed."""
        try:
            await self._websocket.send({"type": "websocket.send", "text": text})
        except (WebSocketDisconnect, RuntimeError, OSError):
            raise SocketClosed from None


async def live_events(websocket: WebSocket) -> None:
    """One connection.

    A refusal is told by a close code after accepting: browsers hide why an upgrade was refused.
    """
    offered = SUBPROTOCOL in websocket.scope.get("subprotocols", ())
    await websocket.accept(SUBPROTOCOL if offered else None)
    try:
        if not offered:
            raise Refused(Close.MALFORMED, f"the subprotocol {SUBPROTOCOL} is needed")
        await _serve(websocket)
    except SocketClosed:
        return
    except Refused as refusal:
        await _close(websocket, refusal.code, str(refusal))
    except Problem as problem:
        await _close(websocket, Close.MALFORMED, f"{problem.code}: {problem.detail}")
    except Unavailable:
        await _close(websocket, Close.SHUTTING_DOWN, "try again")
    except Exception:
        logger.exception("an event connection failed")
        await _close(websocket, Close.SHUTTING_DOWN, "try again")


async def _serve(websocket: WebSocket) -> None:
    system: System = websocket.app.state.system
    principal = await _principal(system, websocket)
    frames = TextFrames(websocket)
    after, wanted = await subscription(frames)
    await check_reached(system, after, "after")
    tail, source = tail_of(websocket.app), system.settings.address
    following = Following(
        system,
        tail,
        principal.person,
        after=after,
        where=wanted.narrowed(),
        wanted=partial(wanted.matches, source=source),
    )
    note = partial(system.accesses.note, Reader(principal.person, principal.token, "socket"))
    await serve(frames, tail, following, principal.credential, note)


async def _principal(system: System, websocket: WebSocket) -> Principal:
    """By `?token=`, by bearer token, or by session cookie, in this order; raises Refused."""
    scheme, _, credentials = websocket.headers.get("authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    principal: Principal | None = None
    if secret := websocket.query_params.get("token") or bearer:
        principal = await system.sign_in.bearer(secret)
    elif cookie := websocket.cookies.get(COOKIE):
        principal = await system.sign_in.session(cookie)
        if principal is not None:
            check_origin(system, websocket)
    if principal is None:
        raise Refused(Close.SIGN_IN, "sign in")
    if "read" not in principal.scopes:
        raise Refused(Close.FORBIDDEN, "this needs the scope read")
    return principal


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state is not WebSocketState.CONNECTED:
        return
    short = reason.encode("utf-8", "replace")[:_REASON].decode("utf-8", "ignore")
    try:
        async with asyncio.timeout(_FAREWELL):
            await websocket.close(code, short)
    except (WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
        logger.debug("a connection that was to be closed was gone already")
    open_socket(websocket).finish()


routes: list[BaseRoute] = [WebSocketRoute("/api/v1/events/live", live_events, name="live_events")]
