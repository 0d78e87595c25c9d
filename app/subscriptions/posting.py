"""HTTP/1.1 POSTs to addresses that users chose, many a second, over connections that are kept.

What app/subscriptions/address_guard.py refuses is refused here for each new connection, which then goes to
an address that was checked. Nothing is followed, kept of cookies, taken from the environment's proxies,
or read without bound. It does what sending needs and no more, and costs a quarter of what a general client
does, which is most of what a delivery costs.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import httptools

from app.subscriptions.address_guard import (
    CONNECTING,
    Resolve,
    addresses,
    check_url,
    public_authorities,
    resolve,
)

HEAD = 64 * 1024  # bytes of an answer's head
BODY = 64 * 1024  # bytes of what follows; what comes after that is not looked at
KEPT = 5.0  # seconds that a connection waits to be used again; the name is looked up anew after that
_WAITING = 64  # connections to one receiver that wait to be used again

_Origin = tuple[str, str, int]


class BrokenAnswer(Exception):
    """What came back is no HTTP, or ended too early."""


@dataclass(slots=True)
class Answered:
    """An answer; the names of `headers` in lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class _Connection(asyncio.Protocol):
    """One exchange after another. `reusable`: it may be used again after the last one."""

    def __init__(self) -> None:
        self._ended: asyncio.Future[Answered] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer = Answered()
        self._head = 0
        self._whole_head = False
        self.transport: asyncio.Transport
        self.reusable = False
        self.silent = True  # nothing came of the answer
        self.idle_since = 0.0

    async def exchange(self, request: bytes) -> Answered:
        """Raises BrokenAnswer."""
        self._begin()
        self.silent, self.reusable = True, False
        self._ended = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            return await self._ended
        finally:
            self._ended = None
            if not self.reusable:
                self.transport.abort()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer, self._head, self._whole_head = Answered(), 0, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.silent = False
        if self._ended is None or self._ended.done() or self._parser is None:
            self.reusable = False  # whatever it is, nobody asked for it
            self.transport.abort()
            return
        if not self._whole_head:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.reusable = False
            self._fail(str(error))
            return
        if not self._whole_head and self._head > HEAD:
            self._fail("its head is too long")

    def eof_received(self) -> None:
        self._over()

    def connection_lost(self, error: Exception | None) -> None:
        self.reusable = False
        self._over()

    def _over(self) -> None:
        """An answer without a length ends with its connection; any other has then come too short."""
        headers = self._answer.headers
        open_ended = "content-length" not in headers and "transfer-encoding" not in headers
        if self._whole_head and open_ended:
            self._done()
        else:
            self._fail("it ended too early")

    def _fail(self, why: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(BrokenAnswer(why))

    def _done(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(self._answer)
            self._answer = Answered()  # whatever still comes is no part of it

    def on_message_begin(self) -> None:
        if self._ended is None or self._ended.done():
            self.reusable = False  # an answer that nobody asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._answer.status = self._parser.get_status_code()
        self._whole_head = True
        if self._answer.status == 101:
            self._fail("nobody asked for another protocol")

    def on_body(self, body: bytes) -> None:
        self._answer.body += body[: BODY - len(self._answer.body)]
        if len(self._answer.body) >= BODY:
            self._done()

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._answer.status < 200:  # the final one is yet to come (RFC 9110, 15.2)
            self._answer, self._whole_head = Answered(), False
            return
        if self._ended is not None and not self._ended.done():
            self.reusable = self._parser.should_keep_alive()
        self._done()


class Posting:
    """To be closed at the end."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._tls = ssl_context or public_authorities()
        self._idle: dict[_Origin, deque[_Connection]] = {}
        self._swept = time.monotonic()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """What was answered, whatever it was.

        Raises AddressRefused, OSError (ssl.SSLError too), TimeoutError (connecting), BrokenAnswer. How
        long an exchange may take is the caller's to say.
        """
        origin, head = _parsed(url, self._allow_private)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = b"%b%bContent-Length: %d\r\n\r\n%b" % (head, lines.encode("latin-1"), len(body), body)
        connection = self._kept(origin)
        if connection is not None:
            try:
                return await self._exchange(origin, connection, request)
            except BrokenAnswer:
                if not connection.silent:  # else it was closed at just this moment; that is nobody's failure
                    raise
        return await self._exchange(origin, await self._connect(origin), request)

    async def close(self) -> None:
        """Close what waits to be used again."""
        for waiting in self._idle.values():
            for connection in waiting:
                connection.transport.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # in which they end

    async def _exchange(self, origin: _Origin, connection: _Connection, request: bytes) -> Answered:
        answered = await connection.exchange(request)
        if connection.reusable:
            waiting = self._idle.setdefault(origin, deque())
            connection.idle_since = time.monotonic()
            waiting.append(connection)
            if len(waiting) > _WAITING:
                waiting.popleft().transport.abort()
        return answered

    def _kept(self, origin: _Origin) -> _Connection | None:
        """The connection used last, if it may be used again."""
        now = time.monotonic()
        if now - self._swept > KEPT:
            self._sweep(now)
        waiting = self._idle.get(origin)
        while waiting:
            connection = waiting.pop()
            if connection.reusable and now - connection.idle_since <= KEPT:
                return connection
            connection.transport.abort()
        return None

    def _sweep(self, now: float) -> None:
        self._swept = now
        for origin, waiting in list(self._idle.items()):
            while waiting and (now - waiting[0].idle_since > KEPT or not waiting[0].reusable):
                waiting.popleft().transport.abort()
            if not waiting:
                del self._idle[origin]

    async def _connect(self, origin: _Origin) -> _Connection:
        scheme, host, port = origin
        failure: OSError = OSError("the name has no address")
        for address in await addresses(host, port, self._resolve, allow_private=self._allow_private):
            try:
                return await self._open(address, port, host if scheme == "https" else None)
            except OSError as error:  # TimeoutError too
                failure = error
        raise failure

    async def _open(self, address: str, port: int, tls_name: str | None) -> _Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECTING):
            if tls_name is None:
                _, connection = await loop.create_connection(_Connection, address, port)
            else:
                _, connection = await loop.create_connection(
                    _Connection, address, port, ssl=self._tls, server_hostname=tls_name
                )
        return connection


@lru_cache(maxsize=1_000)
def _parsed(text: str, allow_private: bool) -> tuple[_Origin, bytes]:
    """Where to connect to, and how a request begins; raises AddressRefused."""
    url = check_url(text, allow_private=allow_private)
    port = url.port or (443 if url.scheme == "https" else 80)
    head = b"POST %b HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\n" % (url.raw_path, url.netloc)
    return (url.scheme, url.raw_host.decode("ascii").strip("[]"), port), head
