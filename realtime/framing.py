"""Frames of the y-websocket protocol one after another in one body, as requests carry them."""

from __future__ import annotations

from collections.abc import Iterable

from realtime import protocol
from realtime.wire import Malformed, read_bytes, sized

_MOST = 5000  # frames in one body
_UPDATES = (b"\x00\x01", b"\x00\x02")  # how frames with an update begin


def split(body: bytes) -> list[bytes]:
    """The frames of a body, each with its length (lib0 varuint) before it; raises Malformed."""
    frames: list[bytes] = []
    at = 0
    while at < len(body):
        if len(frames) == _MOST:
            raise Malformed("too many frames")
        frame, at = read_bytes(body, at)
        frames.append(frame)
    return frames


def join(frames: Iterable[bytes]) -> bytes:
    """The reverse of `split`."""
    return b"".join(map(sized, frames))


def updates_of(frames: Iterable[bytes]) -> list[bytes]:
    """The Yjs updates that frames carry."""
    return [body_of(frame) for frame in frames if frame[:2] in _UPDATES]


def body_of(frame: bytes) -> bytes:
    """What a sync or presence frame carries."""
    return read_bytes(frame, 1 if frame[0] == protocol.AWARENESS else 2)[0]
