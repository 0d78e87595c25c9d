"""Websockets as live documents use them: over ASGI, and faster where the server below allows it."""

from __future__ import annotations

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from realtime.ports import Socket, SocketClosed


def open_socket(websocket: WebSocket) -> Socket:
    """The Socket of an accepted websocket."""
    return AsgiSocket(websocket)


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

    async def close(self, code: int, reason: str) -> None:
        """Close with a code."""
        if self._websocket.application_state is WebSocketState.CONNECTED:
            try:
                await self._websocket.close(code, reason)
            except (WebSocketDisconnect, RuntimeError, OSError):
                return
