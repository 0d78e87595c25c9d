"""Figures: requests by route template, and what the parts of a system count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.metrics import RequestMetrics, SystemCollector, requests, seconds
from realtime.metrics import Metrics
from tests.app.test_health import a_view


async def show(request: Request) -> Response:
    return PlainTextResponse("here", 203)


def routed(path: str) -> Starlette:
    methods = ["GET", "BREW"]
    return Starlette(routes=[Route(path, show, methods=methods)], middleware=[RequestMetrics.middleware()])


def counted() -> dict[tuple[str, str, str], float]:
    registry = CollectorRegistry()
    registry.register(requests)
    registry.register(seconds)
    [counter] = [one for one in registry.collect() if one.name == "interlink_http_requests"]
    return {
        (one.labels["method"], one.labels["route"], one.labels["status"]): one.value
        for one in counter.samples
        if one.name.endswith("_total")
    }


async def test_requests_are_counted_by_template_method_and_status_and_never_by_what_strangers_write() -> None:
    template = f"/{uuid4().hex}/{{id}}"
    before = counted()
    transport = httpx.ASGITransport(routed(template))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for id in range(3):
            await client.get(template.format(id=id))
        await client.request("BREW", template.format(id=1))
        strange = uuid4().hex
        await client.request(strange.upper(), f"/{strange}")
    new = {key: value - before.get(key, 0) for key, value in counted().items() if value != before.get(key)}
    assert new == {("GET", template, "203"): 3, ("OTHER", template, "203"): 1, ("OTHER", "other", "404"): 1}
    assert strange.encode() not in generate_latest(requests).lower() + generate_latest(seconds).lower()


async def test_what_is_no_http_passes_uncounted() -> None:
    passed: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append((scope["type"], send))

    async def send(message: Any) -> None: ...

    before = counted()
    await RequestMetrics(app)({"type": "websocket"}, send, send)  # type: ignore[arg-type]
    assert passed == [("websocket", send)]
    assert counted() == before


async def families(bus: Any = None, **live: Any) -> dict[str, Any]:
    async def status() -> list[Any]:
        return [a_view(lag=4), a_view("access")]

    async def fetch(sql: str, head: int) -> list[dict[str, Any]]:
        return [{"kind": "pull", "lag_events": head, "open": 2, "parked": 1, "disabled": 0}]

    metrics = Metrics()
    for name, value in live.items():
        setattr(metrics, name, value)
    system: Any = SimpleNamespace(
        hub=SimpleNamespace(metrics=metrics),
        bus=bus,
        views=SimpleNamespace(status=status),
        pool=SimpleNamespace(fetch=fetch),
    )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(await SystemCollector(system, head=7).prepare())
    text = generate_latest(registry).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Any) -> dict[tuple[str, ...], float]:
    return {tuple(one.labels.values()): one.value for one in family.samples}


async def test_what_goes_up_and_down_is_a_gauge_and_what_is_counted_a_counter() -> None:
    found = await families(rooms=3)
    assert values(found["interlink_log_position"]) == {(): 7}
    assert (found["interlink_live_rooms"].type, values(found["interlink_live_rooms"])) == ("gauge", {(): 3})
    gauges = {
        name for name, one in found.items() if name.startswith("interlink_live_") and one.type == "gauge"
    }
    told = {f"interlink_live_{name}" for name in ("rooms", "sessions", "journal_entries", "journal_bytes")}
    assert gauges == told | {"interlink_live_quarantined"}
    assert {one.type for one in found.values()} <= {"gauge", "counter"}


async def test_counts_by_code_have_a_label_for_each() -> None:
    [name] = [name for name, value in vars(Metrics()).items() if isinstance(value, dict)][:1]
    found = await families(**{name: {4401: 2, 4503: 1}})
    assert values(found[f"interlink_live_{name}"]) == {("4401",): 2, ("4503",): 1}


async def test_views_and_subscriptions_tell_how_far_behind_they_are() -> None:
    found = await families()
    assert values(found["interlink_view_lag_events"]) == {("plan",): 4, ("access",): 0}
    assert values(found["interlink_subscription_lag_events"]) == {("pull",): 7}
    assert values(found["interlink_subscription_parked"]) == {("pull",): 1}


@pytest.mark.parametrize("up", [True, False])
async def test_the_bus_is_told_of_where_there_is_one(up: bool) -> None:
    counts = SimpleNamespace(lag=0.25, published=1, received=2, dropped=3, strange=4, lost=5)
    found = await families(bus=SimpleNamespace(up=up, metrics=counts))
    assert values(found["interlink_bus_up"]) == {(): up}
    assert values(found["interlink_bus_lag_seconds"]) == {(): 0.25}
    assert [values(found[f"interlink_bus_{name}"])[()] for name in ("published", "dropped", "lost")] == [
        1,
        3,
        5,
    ]
    assert not [name for name in await families() if "bus" in name]
