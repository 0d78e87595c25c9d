"""Alive, ready, which version: answered from what a system says of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from app import health
from app.health import READY_LAG
from app.views import ViewStatus
from domain.errors import Unavailable
from tests.memory_log import MemoryLog


def a_view(name: str = "plan", *, lag: int = 0, error: str | None = None) -> ViewStatus:
    return ViewStatus(name, "1", 5, 5 + lag, lag, 0.0, datetime.now(UTC), True, error, None, None)


async def ask(path: str, *views: ViewStatus, bus: Any = None, failure: Exception | None = None) -> Any:
    async def status() -> list[ViewStatus]:
        if failure is not None:
            raise failure
        return list(views)

    app = Starlette(routes=health.routes)
    app.state.system = SimpleNamespace(log=MemoryLog(), views=SimpleNamespace(status=status), bus=bus)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get(path)


async def test_ready_are_views_that_are_not_far_behind() -> None:
    answer = await ask("/readyz", a_view(), a_view("access", lag=READY_LAG))
    assert answer.status_code == 200
    checks = {"database": "ok", "view plan": "ok", "view access": "ok"}
    assert answer.json() == {"ready": True, "checks": checks}


async def test_one_view_that_is_far_behind_or_stopped_is_named() -> None:
    answer = await ask("/readyz", a_view(lag=READY_LAG + 1), a_view("access"), a_view("list", error="gone"))
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "ok",
        "view plan": f"{READY_LAG + 1} events behind",
        "view access": "ok",
        "view list": "gone",
    }


@pytest.mark.parametrize(
    "failure",
    [
        Unavailable("the password is secret"),
        OSError("secret"),
        TimeoutError("secret"),
        asyncpg.PostgresError("secret"),
        asyncpg.InterfaceError("secret"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_database_that_is_away_is_told_by_kind_and_alive_all_the_same(failure: Exception) -> None:
    answer = await ask("/readyz", failure=failure)
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"database": type(failure).__name__}}
    alive = await ask("/healthz", failure=failure)
    assert (alive.status_code, alive.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("bus", "told"),
    [
        (SimpleNamespace(up=True, trouble=""), {}),
        (SimpleNamespace(up=False, trouble="ConnectionError"), {"redis": "ConnectionError"}),
    ],
    ids=["up", "down"],
)
async def test_nodes_that_are_not_joined_serve_people_all_the_same(bus: Any, told: dict[str, str]) -> None:
    answer = await ask("/readyz", a_view(), bus=bus)
    assert (answer.status_code, answer.json()["degraded"]) == (200, told)


async def test_the_version_is_that_of_what_is_installed() -> None:
    assert (await ask("/version")).json() == {"name": "interlink", "version": version("interlink")}
