"""Where websocket frames begin and end in a stream of bytes (RFC 6455, section 5.2).

Nearly every frame that a live client sends is ordinary: one short, masked, binary message. Those can
be unmasked and handed over at once; a complete parser, which takes ten times as long, sees the rest.
"""

from __future__ import annotations

_SHORT = 64 * 1024  # bytes of payload
_BINARY = 0x82  # the first byte of a binary message in one frame


class Framing:
    """Cuts one connection's incoming bytes; holds back the beginning of a short frame only."""

    __slots__ = ("_due", "_rest")

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a short frame, or of a header
        self._due = 0  # bytes still to come of a frame whose beginning was passed on

    def cut(self, data: bytes) -> list[tuple[bytes, int]]:
        """What can be passed on now, in order: each either a whole ordinary frame and where in it the
        masked payload begins (its mask is the four bytes before that), or other bytes and 0."""
        found: list[tuple[bytes, int]] = []
        if self._due:
            part, data = data[: self._due], data[self._due :]
            self._due -= len(part)
            found.append((part, 0))
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, size = 0, len(data)
        while at < size:
            payload, end = _bounds(data, at)
            if not end or (end > size and end - payload <= _SHORT):
                self._rest = data[at:]
                break
            frame = data[at:end] if at or end != size else data
            ordinary = data[at] == _BINARY and data[at + 1] & 0x80 and end - payload <= _SHORT
            found.append((frame, payload - at if ordinary else 0))
            self._due = max(0, end - size)
            at = end
        return found


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the payload of the frame at `at` begins and ends; (0, 0) if its header is not all there."""
    if len(data) < at + 2:
        return 0, 0
    second = data[at + 1]
    length, start = second & 0x7F, at + 2
    if length == 126:
        start += 2
        length = int.from_bytes(data[start - 2 : start])
    elif length == 127:
        start += 8
        length = int.from_bytes(data[start - 8 : start])
    if second & 0x80:
        start += 4
    return (start, start + length) if len(data) >= start else (0, 0)
