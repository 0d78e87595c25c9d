"""The y-websocket protocol, without I/O: a frame becomes a message or a refusal with its close code.

One message per frame, both ways (stable clients read only the first). Source: y-protocols 1.0
`sync.js`, `auth.js`, `awareness.js`; y-websocket 3.1 `y-websocket.js`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from realtime.update import Unsupported, Update, walk
from realtime.wire import Malformed, read_bytes, read_state_vector, read_varuint, sized, varuint

SYNC, AWARENESS, AUTH, QUERY_AWARENESS = range(4)
STEP1, STEP2, UPDATE = range(3)

HEARTBEAT = b"\x01\x01\x00"  # presence of nobody: keeps a client from thinking the server gone
QUERY = b"\x03"  # asks for presence: makes a silent client speak


class Close(IntEnum):
    """Why a connection ends. Clients take 4400–4499 as final and come back after the others."""

    MALFORMED = 4400
    SIGN_IN = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404
    FORGED = 4409
    TOO_LARGE = 4413
    SHUTTING_DOWN = 4503
    HEARTBEAT_LOST = 4508
    REDACTED = 4510
    TOO_FAST = 4529


@dataclass(slots=True)
class Refusal:
    """The connection must end."""

    code: Close
    reason: str


@dataclass(slots=True)
class Step1:
    """The peer tells what it has, and wants the rest."""

    state_vector: bytes


@dataclass(slots=True)
class Edit:
    """The peer hands over changes: an update as they happen, or (`step2`) its answer to a step1."""

    data: bytes
    update: Update
    step2: bool


@dataclass(slots=True)
class Awareness:
    """The peer tells of presence; the body is parsed by awareness.py."""

    body: bytes


@dataclass(slots=True)
class QueryAwareness:
    """The peer wants to know who is there."""


Message = Step1 | Edit | Awareness | QueryAwareness


def parse(frame: bytes, limit: int) -> Message | Refusal:
    """What a client's frame of at most `limit` bytes says. Never raises."""
    if len(frame) > limit:
        return Refusal(Close.TOO_LARGE, "frame too large")
    try:
        return _parse(frame)
    except Unsupported as error:
        return Refusal(Close.MALFORMED, str(error))
    except Malformed:
        return Refusal(Close.MALFORMED, "malformed message")


def _parse(frame: bytes) -> Message:
    kind, at = read_varuint(frame, 0)
    if kind == QUERY_AWARENESS:
        _at_end(frame, at)
        return QueryAwareness()
    if kind == SYNC:
        step, at = read_varuint(frame, at)
        body, at = read_bytes(frame, at)
        _at_end(frame, at)
        if step == STEP1:
            read_state_vector(body)
            return Step1(body)
        if step in (STEP2, UPDATE):
            return Edit(body, walk(body), step == STEP2)
    elif kind == AWARENESS:
        body, at = read_bytes(frame, at)
        _at_end(frame, at)
        return Awareness(body)
    raise Malformed("unknown kind of message")


def _at_end(frame: bytes, at: int) -> None:
    if at != len(frame):
        raise Malformed("bytes left over")


def step1(state_vector: bytes) -> bytes:
    """The frame that asks for what the sender of this state vector lacks."""
    return b"\x00\x00" + sized(state_vector)


def step2(update: bytes) -> bytes:
    """The frame that answers a step1."""
    return b"\x00\x01" + sized(update)


def update(data: bytes) -> bytes:
    """The frame that carries changes."""
    return b"\x00\x02" + sized(data)


def awareness(entries: list[bytes]) -> bytes:
    """The frame that carries encoded presence entries."""
    return b"\x01" + sized(varuint(len(entries)) + b"".join(entries))


def denied(reason: str) -> bytes:
    """The frame that says why writing is not allowed."""
    return b"\x02\x00" + sized(reason.encode())
