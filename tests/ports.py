"""Loopback ports that stay one's own, also while nothing listens on them."""

from __future__ import annotations

import socket
import weakref


def kept_port(owner: object) -> int:
    """A port that the system gives to nobody by chance as long as the owner is there.

    Whoever asks for it by its number may listen on it, again and again; until then nobody answers there.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    weakref.finalize(owner, held.close)
    port: int = held.getsockname()[1]
    return port
