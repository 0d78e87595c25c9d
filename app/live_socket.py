"""Websockets as live documents use them: over ASGI, and faster where the server below is uvicorn.

One edit goes to everybody in a room, so a frame is put into websocket form once and written to each
transport as it is: a server's frames are not masked, and so the same for all. What comes in is
handed over in the transport's own callback, without a queue and a task switch for each message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode

from app.live_framing import Framing
from realtime.ports import SocketClosed

try:
    from websockets.speedups import apply_mask
except ImportError:  # where no compiled one was installed
    from websockets.utils import apply_mask

_EXTENSION = "interlink.connection"


def open_socket(websocket: WebSocket) -> AsgiSocket:
    """The Socket of an accepted websocket."""
    connection = (websocket.scope.get("extensions") or {}).get(_EXTENSION)
    if connection is None:
        return AsgiSocket(websocket)
    return DirectSocket(websocket, connection)


class LiveProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket protocol (`ws=LiveProtocol`), reachable from the application."""

    offer: Callable[[bytes], bool] | None = None
    reads = True  # the reader keeps up

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(transport)
        self.write: Callable[[bytes], None] = transport.write
        self._framing = Framing()

    def handle_connect(self, event: Any) -> None:
        """Let the application find this connection in its scope."""
        super().handle_connect(event)
        scope: dict[str, Any] | None = getattr(self, "scope", None)
        if scope is not None:
            scope.setdefault("extensions", {})[_EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        """Hand ordinary messages over at once if somebody wants them so; the rest is parsed as ever.

        The parser gets whole frames (or, of long ones, all parts), so it never misses one.
        """
        if not self.handshake_initiated:
            super().data_received(data)
            return
        for frame, payload in self._framing.cut(data):
            if payload and self.offer is not None and not self.frames and self.queue.empty():
                message = apply_mask(frame[payload:], frame[payload - 4 : payload])
                if self.offer(message):
                    continue
            super().data_received(frame)

    def send_receive_event_to_app(self) -> None:
        """Hand a binary message over at once if somebody wants it so, else queue it."""
        if (
            self.offer is not None
            and self.curr_msg_data_type == "bytes"
            and not self.close_sent
            and self.queue.empty()
        ):
            data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
            if self.offer(bytes(data)):
                self.frames = []
                return
        super().send_receive_event_to_app()

    def handle_close(self, event: Any) -> None:
        """The other side ends it: write nothing more, and take nothing."""
        self.offer = None
        self.write = _nothing
        super().handle_close(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the session."""
        self.offer = None
        self.write = _nothing
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The reader falls behind."""
        self.reads = False
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.reads = True
        super().resume_writing()


class AsgiSocket:
    """Any ASGI server's websocket. Sending always goes through the session's writer."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> bytes:
        """The next message; text is none of this protocol and reads as an empty message."""
        try:
            message = await self._websocket.receive()
        except RuntimeError:
            raise SocketClosed from None
        if message["type"] == "websocket.disconnect":
            raise SocketClosed
        data: bytes | None = message.get("bytes")
        return data if data is not None else b""

    def send_now(self, data: bytes) -> bool:
        """ASGI offers no such thing."""
        return False

    async def send(self, data: bytes) -> None:
        """Send, waiting for the reader when it is slow."""
        try:
            await self._websocket.send({"type": "websocket.send", "bytes": data})
        except (WebSocketDisconnect, RuntimeError, OSError):
            raise SocketClosed from None

    def finish(self) -> None:
        """The server ends the connection when the application returns."""

    async def close(self, code: int, reason: str) -> None:
        """Close with a code."""
        if self._websocket.application_state is WebSocketState.CONNECTED:
            try:
                await self._websocket.close(code, reason)
            except (WebSocketDisconnect, RuntimeError, OSError):
                return


class DirectSocket(AsgiSocket):
    """A websocket on LiveProtocol."""

    def __init__(self, websocket: WebSocket, connection: LiveProtocol) -> None:
        super().__init__(websocket)
        self._connection = connection

    def attach(self, offer: Callable[[bytes], bool]) -> None:
        """Offer each message to this first; see PushSocket."""
        self._connection.offer = offer

    def finish(self) -> None:
        """Do not wait for a reader that did not even take the close frame in time."""
        if not self._connection.reads:
            self._connection.transport.abort()

    def send_now(self, data: bytes) -> bool:
        """Write at once, unless the reader is slow; one that is ending swallows all."""
        connection = self._connection
        if not connection.reads:
            return False
        if data is not _last.data:
            _last.encode(data)
        connection.write(_last.frame)
        return True


class _LastFrame:
    """The websocket form of the last message: the next reader mostly gets the same."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.frame = b""
        self._large: tuple[bytes | None, bytes] = (None, b"")

    def encode(self, data: bytes) -> None:
        """Make `frame` the message as an unmasked binary frame (RFC 6455, section 5.2).

        The last large one is remembered too: newcomers get the same state, and other things between.
        """
        self.data = data
        if data is self._large[0]:
            self.frame = self._large[1]
            return
        self.frame = Frame(Opcode.BINARY, data).serialize(mask=False)
        if len(data) > _LARGE:
            self._large = (data, self.frame)


_LARGE = 16 * 1024
_last = _LastFrame()


def _nothing(frame: bytes) -> None:
    """Where frames of a connection that is ending go."""
