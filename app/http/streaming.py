"""Answers that go on for hours, written to the connection as it is where the server below is uvicorn.

One event goes to many streams. Put into HTTP form once and written to each transport, it costs each of
them a system call and little more; through the middleware, and uvicorn's own `send`, twice that.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_EXTENSION = "interlink.response"

Write: TypeAlias = Callable[[bytes], bool]
"""Writes a chunk of an answer that has begun; False: nothing was, the reader is behind or gone."""


class StreamingProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol (`http=StreamingProtocol`), its answers reachable from the application."""

    def on_headers_complete(self) -> None:
        """Let the application find the answer to this request in its scope."""
        super().on_headers_complete()
        cycle: RequestResponseCycle | None = self.cycle  # a handshake has none, or an older one
        if cycle is not None and cycle.scope is self.scope:
            scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # a TypedDict of uvicorn's
            scope.setdefault("extensions", {})[_EXTENSION] = weakref.ref(cycle)


def direct_writer(scope: Scope) -> Write | None:
    """What writes to a request's connection; None where the server has no such thing.

    To be used once the answer's head was sent, by an answer without `Content-Length`, and with what
    `chunk` gives.
    """
    found = (scope.get("extensions") or {}).get(_EXTENSION)
    cycle: Any = None if found is None else found()
    if cycle is None:
        return None

    def write(data: bytes) -> bool:
        if cycle.disconnected or cycle.flow.write_paused:
            return False
        cycle.transport.write(data)
        return True

    return write


def chunk(data: bytes) -> bytes:
    """A part of an answer as it goes over the wire (RFC 9112, 7.1); `data` is not empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)
