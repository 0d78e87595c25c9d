"""The AsyncAPI 3.0 document of an installation: which events there are, and every way by which they come.

Operations are told from the server's side, as AsyncAPI wants it: `send` is what it gives, `receive`
what it takes.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from app.api.asyncapi import live, pages, pull, webhooks
from app.api.asyncapi.messages import event_messages
from app.api.asyncapi.schemas import shared

_PARTS = (pages, live, webhooks, pull)


def describe(address: str) -> dict[str, Any]:
    """The document for the installation at `address`, its public URL."""
    messages = event_messages(address)
    found: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "id": f"{address}/asyncapi.json",
        "info": _info(address),
        "defaultContentType": "application/json",
        "servers": _servers(address),
        "channels": {},
        "operations": {},
        "components": {
            "messages": messages,
            "schemas": shared(),
            "securitySchemes": _SECURITY,
            "tags": {name: {"name": name} for name in _subjects(messages)},
        },
    }
    for part in _PARTS:
        channels, operations, own = part.described(list(messages), address)
        found["channels"] |= channels
        found["operations"] |= operations
        found["components"]["messages"] = found["components"]["messages"] | own
    return found


_SECURITY: dict[str, Any] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A personal access token with the scope `read`",
    },
    "query": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": "The same token, where headers can't be set",
    },
    "session": {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "interlink_session",
        "description": "Our own pages' session",
    },
}


def _info(address: str) -> dict[str, Any]:
    return {
        "title": "interlink events",
        "version": version("interlink"),
        "description": (
            "One ordered log of co-production, as CloudEvents 1.0. `sequence` is an event's position; "
            "whoever keeps the newest position that was dealt with loses nothing and doubles nothing. "
            f"What is asked and answered besides is described at {address}/openapi.json."
        ),
        "license": {"name": "EUPL-1.2", "url": "https://spdx.org/licenses/EUPL-1.2.html"},
        "contact": {"name": "Whoever runs this installation", "url": address},
        "tags": [{"name": "events"}],
        "externalDocs": {"description": "The HTTP interface", "url": f"{address}/docs"},
    }


def _servers(address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    secure = parts.scheme == "https"
    path = {"pathname": parts.path.rstrip("/")} if parts.path.strip("/") else {}
    about = {
        "http": ("https" if secure else "http", "Pages, lines, streams and pull groups"),
        "live": ("wss" if secure else "ws", "The websocket"),
    }
    ways = {"http": ("token", "session"), "live": ("token", "query", "session")}
    return {
        name: {
            "host": parts.netloc,
            "protocol": protocol,
            "description": text,
            "security": [{"$ref": f"#/components/securitySchemes/{way}"} for way in ways[name]],
        }
        | path
        for name, (protocol, text) in about.items()
    }


def _subjects(names: dict[str, Any]) -> list[str]:
    return sorted({name.partition(".")[0] for name in names})
