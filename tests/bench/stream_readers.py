"""Many readers of one event stream, as light as can be: `stream_readers.py PORT COUNT AFTER TOKEN…`.

Says `ready` when all have caught up. Told how many events are to arrive altogether, it waits for them
and writes what arrived, to be read by `tests.bench.streams`: pairs of log position and monotonic time
(ns), as native 64-bit integers.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from array import array
from itertools import cycle, islice

import uvloop

_AT_ONCE = 50  # connections that are being made
_PATIENCE = 60  # seconds; what has not arrived then is lost
_FRAME = re.compile(rb"\nid: (\d+)\ndata: {\"specversion")


class Reader(asyncio.Protocol):
    """One connection that notes when events arrive."""

    def __init__(self, token: str, heard: list[tuple[int, bytes]]) -> None:
        self._request = (
            "GET /api/v1/events HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
            f"Authorization: Bearer {token}\r\nLast-Event-ID: {{}}\r\n\r\n"
        )
        self._heard = heard
        self._rest = b""
        self.caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ask(self, transport: asyncio.Transport, after: str) -> None:
        """Begin to read."""
        transport.write(self._request.format(after).encode())

    def data_received(self, data: bytes) -> None:
        """Note the time first."""
        now = time.monotonic_ns()
        if not self.caught_up.done():
            self._rest += data
            if b"event: caughtup" in self._rest:
                self.caught_up.set_result(None)
                self._rest = b""
            return
        self._heard.append((now, data))  # read later: looking into it takes time from the others

    def connection_lost(self, error: Exception | None) -> None:
        """The server must not end it."""
        if not self.caught_up.done():
            self.caught_up.set_exception(AssertionError(f"the stream ended: {self._rest[:200]!r}"))


async def main(port: int, count: int, after: str, tokens: list[str]) -> None:
    """Connect, read until as many have arrived as standard input tells, and write them."""
    heard: list[tuple[int, bytes]] = []
    loop, slots = asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE)

    async def connect(token: str) -> asyncio.Transport:
        async with slots:
            transport, reader = await loop.create_connection(lambda: Reader(token, heard), "127.0.0.1", port)
            reader.ask(transport, after)
            await reader.caught_up
            return transport

    transports = await asyncio.gather(*(connect(token) for token in islice(cycle(tokens), count)))
    print("ready", flush=True)
    expected = int(await loop.run_in_executor(None, sys.stdin.buffer.read))
    deadline, arrived, seen = time.monotonic() + _PATIENCE, array("q"), 0
    while len(arrived) < 2 * expected and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        for now, data in heard[seen:]:
            seen += 1
            for position in _FRAME.findall(data):
                arrived.extend((int(position), now))
    sys.stdout.buffer.write(arrived.tobytes())
    for transport in transports:
        transport.abort()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
