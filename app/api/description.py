"""The API tells what it is: /openapi.json and /asyncapi.json for programs, /docs for people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.api.asyncapi.document import describe as describe_events
from app.http.endpoint import Call, endpoint, routes_of
from app.http.openapi import describe, endpoints_of, page

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
section { border-top: 1px solid; margin-top: 2rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid; padding: 0.25rem 0.5rem; text-align: left; vertical-align: top; }
nav li { padding: 0.25rem 0; }
code { overflow-wrap: anywhere; }
"""
_KEPT = {"Cache-Control": "public, max-age=300"}


def describing(others: Sequence[BaseRoute]) -> list[Route]:
    """Routes that describe `others` and themselves."""

    @cache
    def document(address: str) -> dict[str, Any]:
        return describe([*endpoints_of(others), *endpoints_of(own)], address)

    events = cache(describe_events)

    @cache
    def html(address: str) -> str:
        return page(document(address))

    @endpoint(
        "GET",
        "/openapi.json",
        scope=None,
        summary="This interface, for programs",
        produces={"application/json": dict[str, object]},
    )
    async def openapi(call: Call) -> Response:
        """OpenAPI 3.1."""
        return JSONResponse(document(call.system.settings.address), headers=_KEPT)

    @endpoint(
        "GET",
        "/asyncapi.json",
        scope=None,
        summary="The events, and every way by which they come, for programs",
        produces={"application/json": dict[str, object]},
    )
    async def asyncapi(call: Call) -> Response:
        """AsyncAPI 3.0."""
        return JSONResponse(events(call.system.settings.address), headers=_KEPT)

    @endpoint("GET", "/docs", scope=None, summary="This interface, for people", produces={"text/html": str})
    async def docs(call: Call) -> Response:
        """The same as a page."""
        return HTMLResponse(html(call.system.settings.address), headers=_KEPT)

    @endpoint("GET", "/docs/style.css", scope=None, summary="How that page looks", produces={"text/css": str})
    async def style(call: Call) -> Response:
        """A few rules of layout."""
        return Response(_STYLE, headers=_KEPT, media_type="text/css")

    own = routes_of(openapi, asyncapi, docs, style)
    return own
