"""What the operator's tools ask: alive, ready, which version, which figures."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

import asyncpg
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app import metrics
from app.system import System
from app.views import ViewStatus
from domain.errors import Unavailable

READY_LAG = 10_000  # events that views may be behind


async def healthz(request: Request) -> Response:
    """200 as long as the process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """200 when database and views can serve people, else 503; the body names each check.

    `degraded` (where nodes are joined) names what is away without keeping people from anything.
    """
    system: System = request.app.state.system
    checks = await _checks(system)
    ready = all(value == "ok" for value in checks.values())
    body: dict[str, object] = {"ready": ready, "checks": checks}
    if system.bus is not None:  # a node without Redis serves people as well, only later by a moment
        body["degraded"] = {} if system.bus.up else {"redis": system.bus.trouble}
    return JSONResponse(body, status_code=200 if ready else 503)


async def version_(request: Request) -> Response:
    """The version of this interlink."""
    return JSONResponse({"name": "interlink", "version": version("interlink")})


async def metrics_(request: Request) -> Response:
    """Prometheus' text format."""
    collected = await metrics.registry(request.app.state.system)
    return Response(generate_latest(collected), media_type=CONTENT_TYPE_LATEST)


async def _checks(system: System) -> dict[str, str]:
    try:
        async with asyncio.timeout(5):
            await system.log.head()
            statuses = await system.views.status()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Unavailable) as error:
        return {"database": type(error).__name__}
    return {"database": "ok", **{f"view {status.name}": _state(status) for status in statuses}}


def _state(view: ViewStatus) -> str:
    if view.error is not None:
        return view.error
    return "ok" if view.lag_events <= READY_LAG else f"{view.lag_events} events behind"


routes = [
    Route("/healthz", healthz),
    Route("/readyz", readyz),
    Route("/version", version_),
    Route("/metrics", metrics_),
]
