"""lib0 encoding, as far as Yjs uses it: bounded and strict, on `bytes` with explicit offsets.

Readers take the data and an offset and return the value and the offset after it; they raise
Malformed and nothing else. Source: lib0 0.2, `encoding.js` and `decoding.js`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

MAX_INTEGER = 2**53 - 1  # what a JavaScript number holds exactly
_MAX_SHIFT = 49  # eight bytes: more than 53 bits
_MAX_DEPTH = 64  # of nested values; the engine recurses natively and must never run out of stack


class Malformed(ValueError):
    """The bytes are not what the format says."""


def read_varuint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned integer of up to 53 bits."""
    try:
        byte = data[at]
        if byte < 0x80:
            return byte, at + 1
        value, shift = byte & 0x7F, 7
        while True:
            at += 1
            byte = data[at]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > _MAX_SHIFT:
                raise Malformed("integer too long")
    except IndexError:
        raise Malformed("cut short") from None
    if value > MAX_INTEGER:
        raise Malformed("integer too large")
    return value, at + 1


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Bytes with their length before them."""
    size, at = read_varuint(data, at)
    end = at + size
    if end > len(data):
        raise Malformed("cut short")
    return data[at:end], end


def read_string(data: bytes, at: int) -> tuple[str, int]:
    """UTF-8 text with its length in bytes before it."""
    raw, at = read_bytes(data, at)
    try:
        return raw.decode(), at
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None


def read_json(data: bytes, at: int) -> int:
    """Step over JSON text, checking that it is JSON."""
    text, at = read_string(data, at)
    if text == "undefined":  # what Yjs writes for it
        return at
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    return at


def _no_constant(name: str) -> None:
    raise ValueError(name)


def skip_any(data: bytes, at: int, depth: int = 0) -> int:
    """Step over one lib0 `any` value."""
    if depth > _MAX_DEPTH:
        raise Malformed("nested too deeply")
    if at >= len(data):
        raise Malformed("cut short")
    tag = data[at]
    at += 1
    if tag in (127, 126, 121, 120):  # undefined, null, false, true
        return at
    if tag == 125:
        return _skip_varint(data, at)
    if tag in _FIXED:
        at += _FIXED[tag]
        if at > len(data):
            raise Malformed("cut short")
        return at
    if tag == 119:
        return read_string(data, at)[1]
    if tag == 116:
        return read_bytes(data, at)[1]
    if tag not in (117, 118):
        raise Malformed("unknown kind of value")
    count, at = read_varuint(data, at)
    for _ in range(count):
        if tag == 118:
            _, at = read_string(data, at)
        at = skip_any(data, at, depth + 1)
    return at


_FIXED = {124: 4, 123: 8, 122: 8}  # float32, float64, bigint64


def _skip_varint(data: bytes, at: int) -> int:
    for end in range(at, min(at + 8, len(data))):
        if data[end] < 0x80:
            return end + 1
    raise Malformed("integer cut short or too long")


def varuint(value: int) -> bytes:
    """An unsigned integer."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(data: bytes) -> bytes:
    """Bytes with their length before them."""
    return varuint(len(data)) + data


def read_state_vector(data: bytes) -> dict[int, int]:
    """A Yjs state vector: how many clocks of each client are known. Must fill `data` exactly."""
    count, at = read_varuint(data, 0)
    vector: dict[int, int] = {}
    for _ in range(count):
        client, at = read_varuint(data, at)
        vector[client], at = read_varuint(data, at)
    if at != len(data):
        raise Malformed("bytes left over")
    return vector


def state_vector(vector: Mapping[int, int]) -> bytes:
    """The encoding of a state vector."""
    known = [(client, clock) for client, clock in vector.items() if clock]
    return varuint(len(known)) + b"".join(varuint(client) + varuint(clock) for client, clock in known)


Range = tuple[int, int, int]
"""(client, first clock, clock after the last)."""


def read_delete_set(data: bytes, at: int) -> tuple[list[Range], int]:
    """The ranges that a Yjs delete set (format v1) names, in its order."""
    ranges: list[Range] = []
    clients, at = read_varuint(data, at)
    for _ in range(clients):
        client, at = read_varuint(data, at)
        count, at = read_varuint(data, at)
        for _ in range(count):
            clock, at = read_varuint(data, at)
            size, at = read_varuint(data, at)
            if not size or clock + size > MAX_CLOCK:
                raise Malformed("impossible range")
            ranges.append((client, clock, clock + size))
    return ranges, at


MAX_CLOCK = 2**31 - 1  # engines count clocks in 32 bits


def delete_set(ranges: Iterable[Range]) -> bytes:
    """The encoding of a delete set."""
    by_client: dict[int, list[bytes]] = {}
    for client, start, end in ranges:
        by_client.setdefault(client, []).append(varuint(start) + varuint(end - start))
    parts = [varuint(len(by_client))]
    for client, spans in by_client.items():
        parts += (varuint(client), varuint(len(spans)), *spans)
    return b"".join(parts)
