"""The hocuspocus protocol, without I/O: a frame becomes a message or a refusal with its close code, and back.

One socket carries many documents: each frame begins with the document's name, or `name NUL session`
where one client opens a document twice; what comes back begins alike. Then a y-websocket message, or
one of the kinds here. Source: @hocuspocus/provider 4.8.0 `MessageReceiver.ts`, `OutgoingMessages/`;
@hocuspocus/common 4.8.0 `auth.ts`, `routingKey.ts`; @hocuspocus/server 4.7.0 `ClientConnection.ts`.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime import protocol
from realtime.protocol import AUTH, AWARENESS, QUERY_AWARENESS, SYNC, Close, Message, Refusal
from realtime.wire import Malformed, read_bytes, read_string, read_varuint, sized

SYNC_REPLY, STATELESS, BROADCAST, CLOSE, SYNC_STATUS, PING, PONG = range(4, 11)
TOKEN, DENIED, AUTHENTICATED = range(3)

MAX_NAME = 512  # bytes, the session's id included
MAX_TOKEN = 8 * 1024  # bytes

PING_FRAME = bytes((PING,))  # whole frames: what concerns the socket has no document
PONG_FRAME = bytes((PONG,))


@dataclass(slots=True)
class Ping:
    """Answer with a pong."""


@dataclass(slots=True)
class Pong:
    """The other side is there."""


@dataclass(slots=True)
class Token:
    """The client shows who it is, to enter a document or to stay in it.

    `version` is the client library's, which only newer ones tell.
    """

    token: str
    version: str | None


@dataclass(slots=True)
class Stateless:
    """An application's own message."""

    payload: str


@dataclass(slots=True)
class Detach:
    """The client is done with this document; the socket stays."""


Body = Message | Token | Stateless | Detach


@dataclass(slots=True)
class Envelope:
    """A frame whose body is not read yet. `address`: the name with its length, to put before answers."""

    address: bytes
    name: str
    kind: int
    frame: bytes
    at: int  # where the message begins: its kind, then its body

    @property
    def document(self) -> str:
        """What the client calls the document."""
        return self.name.partition("\0")[0]

    @property
    def step(self) -> int | None:
        """Of a sync message, which step it is; the rest stays unread. None for other messages."""
        if self.kind not in (SYNC, SYNC_REPLY):
            return None
        try:
            return read_varuint(self.frame, read_varuint(self.frame, self.at)[1])[0]
        except Malformed:
            return None


@dataclass(slots=True)
class Addressed:
    """A message to one document."""

    envelope: Envelope
    body: Body


def parse(frame: bytes, limit: int) -> Addressed | Ping | Pong | Refusal:
    """What a client's frame of at most `limit` bytes says. Never raises."""
    envelope = open_frame(frame, limit)
    if not isinstance(envelope, Envelope):
        return envelope
    body = read(envelope)
    return body if isinstance(body, Refusal) else Addressed(envelope, body)


def open_frame(frame: bytes, limit: int) -> Envelope | Ping | Pong | Refusal:
    """Whom a frame is for, its body unread: a stranger's must not cost more. Never raises."""
    if len(frame) > limit:
        return Refusal(Close.TOO_LARGE, "frame too large")
    if frame == PING_FRAME:
        return Ping()
    if frame == PONG_FRAME:
        return Pong()
    try:
        raw, at = read_bytes(frame, 0)
        if len(raw) > MAX_NAME:
            return Refusal(Close.MALFORMED, "the document's name is too long")
        return Envelope(frame[:at], raw.decode(), read_varuint(frame, at)[0], frame, at)
    except (Malformed, UnicodeDecodeError):
        return Refusal(Close.MALFORMED, "malformed message")


def read(envelope: Envelope) -> Body | Refusal:
    """What the envelope holds. Never raises."""
    kind = envelope.kind
    if kind in (SYNC, AWARENESS, QUERY_AWARENESS, SYNC_REPLY):
        message = envelope.frame[envelope.at :]
        if kind == SYNC_REPLY:  # a step that must not start another round; no client needs the difference
            message = bytes((SYNC,)) + envelope.frame[read_varuint(envelope.frame, envelope.at)[1] :]
        return protocol.parse(message, len(message))
    try:
        return _read_own(envelope)
    except Malformed as error:
        return Refusal(Close.MALFORMED, str(error) if kind in _SERVERS_ONLY else "malformed message")


_SERVERS_ONLY = (BROADCAST, SYNC_STATUS)


def _read_own(envelope: Envelope) -> Body:
    frame, kind = envelope.frame, envelope.kind
    _, at = read_varuint(frame, envelope.at)
    body: Body
    if kind == AUTH:
        which, at = read_varuint(frame, at)
        if which != TOKEN:
            raise Malformed("clients send tokens only")
        token, at = read_string(frame, at)
        if len(token) > MAX_TOKEN:
            raise Malformed("token too long")
        version, at = read_string(frame, at) if at < len(frame) else (None, at)
        body = Token(token, version)
    elif kind == STATELESS:
        payload, at = read_string(frame, at)
        body = Stateless(payload)
    elif kind == CLOSE:
        body = Detach()
    elif kind in _SERVERS_ONLY:
        raise Malformed("only a server sends this")
    else:
        raise Malformed("unknown kind of message")
    if at != len(frame):
        raise Malformed("bytes left over")
    return body


def address(name: str) -> bytes:
    """What goes before every message about the document of this name (or `name NUL session`)."""
    return sized(name.encode())


def ask_for_token() -> bytes:
    """The message that asks the client to show a token again."""
    return bytes((AUTH, TOKEN))


def denied(reason: str) -> bytes:
    """The message that says why the client may not enter this document."""
    return bytes((AUTH, DENIED)) + sized(reason.encode())


def authenticated(may_edit: bool) -> bytes:
    """The message that lets the client in, or tells it what it may do from now on."""
    return bytes((AUTH, AUTHENTICATED)) + sized(b"read-write" if may_edit else b"readonly")


def closed(reason: str) -> bytes:
    """The message that ends the client's stay in this document."""
    return bytes((CLOSE,)) + sized(reason.encode())


def sync_status(taken: bool) -> bytes:
    """The message that says whether what the client handed over is kept."""
    return bytes((SYNC_STATUS, taken))
