"""The ASGI application, and the process that serves it."""

from __future__ import annotations

import asyncio
import errno
import gc
import resource
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from app import api, health, http, live, pages
from app.http.streaming import StreamingProtocol
from app.live_socket import LiveProtocol
from app.metrics import RequestMetrics
from app.settings import ConfigurationError, Settings
from app.system import System
from app.wiring import database, system

log = structlog.get_logger(__name__)

STACK = 128 * 1024 * 1024  # bytes; see Limits.nested_items
GRACE = 10  # seconds that open requests get to finish at shutdown


class WebsocketsFirst:
    """Passes websockets by the middleware, which is all for HTTP: less to do and to hold for each."""

    def __init__(self, app: ASGIApp, websockets: Router) -> None:
        self._app = app
        self._websockets = websockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "websocket":
            scope["app"] = self._app
            await self._websockets(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def application(running: System) -> Starlette:
    """All HTTP routes over one running System (kept at `app.state.system`)."""
    app = Starlette(
        routes=[*health.routes, *api.routes, *pages.routes],
        middleware=[RequestMetrics.middleware(), *http.middleware],
        exception_handlers=http.exception_handlers,
    )
    app.state.system = running
    app.state.error_page = pages.error_page
    return app


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ConfigurationError when the port is busy or not ours to take."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Inherited by every connection: else Nagle's algorithm holds small frames back for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} on {host} is in use by another program: end it, or set PORT"
            ) from None
        raise ConfigurationError(f"cannot listen on {host} port {port}: {error.strerror}") from None
    return listener


class Server(uvicorn.Server):
    """uvicorn, which before it shuts down lets live documents be sealed and their sockets closed."""

    def __init__(self, app: Starlette, before_shutdown: Callable[[], Awaitable[None]]) -> None:
        config = uvicorn.Config(
            WebsocketsFirst(app, Router([*api.websockets, *live.routes])),
            http=StreamingProtocol,
            ws=LiveProtocol,
            ws_per_message_deflate=False,
            ws_max_size=8 * 1024 * 1024,
            ws_ping_interval=None,  # rooms have a heartbeat of their own
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=30,
        )
        super().__init__(config)
        self._before_shutdown = before_shutdown
        self.answering = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to whoever runs the event loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer requests, and say so."""
        await super().startup(sockets)
        self.answering.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is live first; then stop as uvicorn does."""
        await self._before_shutdown()
        await super().shutdown(sockets)


@asynccontextmanager
async def serving(settings: Settings, listener: socket.socket) -> AsyncIterator[System]:
    """A System that answers on `listener`, over a database of its own, until the block ends."""
    async with database(settings, keep_running=True) as url, system(settings, url) as running:
        app = application(running)

        async def before_shutdown() -> None:
            await api.close_streams(app)
            await running.hub.stop()

        server = Server(app, before_shutdown)
        task = asyncio.create_task(server.serve(sockets=[listener]), name="server")
        try:
            await server.answering.wait()
            yield running
        finally:
            server.should_exit = True
            await task


def deepen_stacks() -> None:
    """Let the CRDT engine recurse as deeply as a document within its limits may nest.

    It does so when something is deleted; where the stack ends, the process ends. The main thread's
    stack grows as needed up to this; that of a thread started from now on is address space only.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK if hard == resource.RLIM_INFINITY else min(STACK, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    if wanted < STACK:
        log.warning("small_stack", bytes=wanted, wanted=STACK)
    threading.stack_size(wanted)


async def serve(
    settings: Settings, listener: socket.socket, ready: Callable[[System], Awaitable[None]]
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is awaited once requests are answered."""
    deepen_stacks()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(settings, listener) as running:
        gc.collect()
        gc.freeze()  # what is there now stays: looking through it again would stop everybody
        await ready(running)
        await stop.wait()
        log.info("shutting_down")
