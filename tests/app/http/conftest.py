"""A tiny application with each kind of endpoint, and a system that only knows who people are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette

from app import http
from app.http.endpoint import Endpoint, routes_of
from app.settings import Settings
from app.sign_in import Principal

ANA = UUID("00000000-0000-4000-8000-00000000a11a")
TOKEN = "ilk_good"
READING = "ilk_reading"
COOKIE = "good-cookie"
CSRF = "the session's token"


class FakeSignIn:
    """Knows one session and two tokens."""

    async def session(self, cookie: str) -> Principal | None:
        scopes = frozenset({"read", "write", "live"})
        return Principal(ANA, "session", scopes, CSRF, ANA) if cookie == COOKIE else None

    async def bearer(self, secret: str) -> Principal | None:
        scopes = {TOKEN: {"read", "write"}, READING: {"read"}}.get(secret)
        return None if scopes is None else Principal(ANA, "token", frozenset(scopes))


MakeClient = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def make_client() -> AsyncIterator[MakeClient]:
    """A client of an application of these endpoints (or other routes)."""
    clients: list[httpx.AsyncClient] = []

    def make(*endpoints: Endpoint, routes: Any = (), **parts: Any) -> httpx.AsyncClient:
        app = Starlette(
            routes=[*routes_of(*endpoints), *routes],
            middleware=http.middleware,
            exception_handlers=http.exception_handlers,
        )
        app.state.system = SimpleNamespace(
            sign_in=FakeSignIn(), settings=Settings.model_validate({}), **parts
        )
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
