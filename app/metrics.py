"""Figures for the operator, in Prometheus' text format. Labels hold route templates, never ids."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.audit import figures, self_check, witness
from app.subscriptions import delivery_log
from app.system import System

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

requests = Counter("interlink_http_requests", "HTTP requests", ["method", "route", "status"], registry=None)
seconds = Histogram(
    "interlink_http_request_seconds", "Time to the first byte", ["route"], registry=None, buckets=_BUCKETS
)


class RequestMetrics:
    """Counts HTTP requests by route template, and how long their first byte took."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    @classmethod
    def middleware(cls) -> Middleware:
        """As Starlette wants it."""
        return Middleware(cls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in _METHODS else "OTHER"
                requests.labels(method, route, message["status"]).inc()
                seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, observed)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class SystemCollector(Collector):
    """Reads the plain counters that the parts of a System keep."""

    def __init__(self, system: System, *, head: int) -> None:
        self._system = system
        self._head = head

    def collect(self) -> Iterator[Metric]:
        """One family for each counter or gauge."""
        yield GaugeMetricFamily("interlink_log_position", "Last position of the event log", value=self._head)
        for name, value in vars(self._system.hub.metrics).items():
            if isinstance(value, dict):
                family = CounterMetricFamily(
                    f"interlink_live_{name}", f"Live documents: {name}", labels=["code"]
                )
                for label, count in value.items():
                    family.add_metric([str(label)], count)
                yield family
            elif name in _GAUGES:
                yield GaugeMetricFamily(f"interlink_live_{name}", f"Live documents: {name}", value=value)
            else:
                yield CounterMetricFamily(f"interlink_live_{name}", f"Live documents: {name}", value=value)
        yield from self._bus()
        lag = GaugeMetricFamily(
            "interlink_view_lag_events", "Events a view has yet to apply", labels=["view"]
        )
        late = GaugeMetricFamily("interlink_view_lag_seconds", "Age of the oldest of them", labels=["view"])
        for view in self._statuses:
            lag.add_metric([view.name], view.lag_events)
            late.add_metric([view.name], view.lag_seconds)
        yield from (lag, late)
        yield from self._subscriptions()

    def _subscriptions(self) -> Iterator[Metric]:
        """What those that are not paused have yet to deliver, all of a kind together."""
        for name, (meaning, _) in _DELIVERIES.items():
            family = GaugeMetricFamily(f"interlink_subscription_{name}", meaning, labels=["kind"])
            for row in self._deliveries:
                family.add_metric([row["kind"]], row[name])
            yield family

    def _bus(self) -> Iterator[Metric]:
        """How Redis carries messages, where nodes are joined."""
        bus = self._system.bus
        if bus is None:
            return
        metrics = bus.metrics
        yield GaugeMetricFamily("interlink_bus_up", "Whether Redis carries messages", value=bus.up)
        yield GaugeMetricFamily(
            "interlink_bus_lag_seconds", "A message's time from here to here", value=metrics.lag
        )
        for name, meaning in _BUS.items():
            yield CounterMetricFamily(f"interlink_bus_{name}", meaning, value=getattr(metrics, name))

    async def prepare(self) -> SystemCollector:
        """Fetch what needs the database, before the synchronous collecting."""
        self._statuses = await self._system.views.status()
        columns = ", ".join(f"coalesce({sql}, 0)::bigint AS {name}" for name, (_, sql) in _DELIVERIES.items())
        self._deliveries = await self._system.pool.fetch(_DELIVERIES_OF.format(columns), self._head)
        return self


_DELIVERIES = {
    "lag_events": (
        "Most events of the log that any one has yet to look at",
        "max($1 - cursor) FILTER (WHERE state IN ('active', 'failing'))",
    ),
    "open": ("Deliveries that wait or are on lease", "sum(open)"),
    "parked": ("Deliveries that were given up", "sum(parked)"),
    "disabled": ("Subscriptions that no longer deliver", "count(*) FILTER (WHERE state = 'disabled')"),
}
_DELIVERIES_OF = """
SELECT kind, {} FROM subscriptions LEFT JOIN (
    SELECT subscription, count(*) FILTER (WHERE state <> 'parked') AS open,
        count(*) FILTER (WHERE state = 'parked') AS parked
    FROM deliveries GROUP BY subscription
) AS counted ON subscription = id
GROUP BY kind
"""

_BUS = {
    "published": "Messages to other nodes",
    "received": "Messages from other nodes",
    "dropped": "Messages not published: Redis was away or slow",
    "strange": "Messages not signed with this installation's key",
    "lost": "Times that Redis went away",
}
_GAUGES = frozenset({"rooms", "sessions", "journal_entries", "journal_bytes", "quarantined"})


async def registry(system: System) -> CollectorRegistry:
    """All figures of now, ready to be rendered."""
    collected = CollectorRegistry(auto_describe=False)
    collected.register(requests)
    collected.register(seconds)
    collected.register(self_check.checked)
    collected.register(witness.asked)
    collected.register(await figures.Figures.of(system).prepare())
    collected.register(delivery_log.attempts)
    collected.register(delivery_log.seconds)
    collected.register(await SystemCollector(system, head=await system.log.head()).prepare())
    return collected
