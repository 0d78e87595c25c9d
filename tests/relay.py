"""What stands between a browser and the server: a relay that can be cut, or lets no websocket through."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.ports import kept_port

_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Relay:
    """Listens on a port of its own. Set `connected` and `websockets` at any time; open ones follow."""

    def __init__(self, target: int) -> None:
        self.port = kept_port(self)
        self.refused = 0  # websockets
        self._target = target
        self._connected = True
        self._websockets = True
        self._open: set[tuple[asyncio.StreamWriter, bool]] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Nothing comes through until `mend`."""
        self._call(self._set(connected=False))

    def mend(self) -> None:
        self._call(self._set(connected=True))

    def block_websockets(self) -> None:
        """Refuse upgrades, and end the websockets there are."""
        self._call(self._set(websockets=False))

    def allow_websockets(self) -> None:
        self._call(self._set(websockets=True))

    def _call(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)  # type: ignore[arg-type]

    async def _set(self, *, connected: bool | None = None, websockets: bool | None = None) -> None:
        if connected is not None:
            self._connected = connected
            await self._listen() if connected else await self._close()
        if websockets is not None:
            self._websockets = websockets
        for writer, upgraded in list(self._open):
            if not self._connected or (upgraded and not self._websockets):
                writer.transport.abort()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()  # from now on connections are refused

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        entry = (writer, False)
        self._open.add(entry)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if not self._connected:  # it came just before the cut
                return
            upgrade = b"\r\nupgrade: websocket" in head.lower()
            if upgrade and not self._websockets:
                self.refused += 1
                writer.write(_REFUSAL)
                await writer.drain()
                return
            if upgrade:
                self._open.discard(entry)
                entry = (writer, True)
                self._open.add(entry)
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
            forth.write(head)
            try:
                await asyncio.gather(_pass(reader, forth), _pass(back, writer))
            finally:
                await _closed(forth)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(entry)
            await _closed(writer)

    def run(self, started: threading.Event) -> None:
        """The relay's own thread."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        started.set()
        self._loop.run_forever()

    def end(self) -> None:
        self.cut()
        self._call(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _finish(self) -> None:
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)


async def _pass(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            to.write(data)
            await to.drain()
    except OSError:
        pass
    finally:
        with suppress(OSError, RuntimeError):
            to.close()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


@contextmanager
def relay(target: int) -> Iterator[Relay]:
    """A relay to a port of this machine."""
    made = Relay(target)
    started = threading.Event()
    thread = threading.Thread(target=made.run, args=(started,), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield made
    finally:
        made.end()
        thread.join(60)
        made._loop.close()
