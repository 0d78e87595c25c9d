"""Two real nodes deliver the same webhooks; what the killed one held, the other delivers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.acceptance.test_webhooks import (
    PATIENCE,
    a_webhook,
    check_all_in_order,
    events_of,
    go_on,
    histories,
    slow,
    stands,
    told,
    until,
)
from tests.app.subscriptions.receivers import receiving
from tests.serving import ServerProcess

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def nodes(tmp_path: Path, database: str, redis_url: str) -> Iterator[list[ServerProcess]]:
    """Two nodes of one installation."""
    environment = {
        "DATABASE_URL": database,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "the same on every node",
        "WEBHOOK_ALLOW_PRIVATE": "1",
        "WEBHOOK_TIMEOUT": "5",
        "LOG_LEVEL": "error",
    }
    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        started = [ServerProcess(tmp_path / f"node{i}", **environment) for i in range(2)]
        for each in started:
            stack.callback(each.end)
        list(threads.map(ServerProcess.start, started))
        yield started


async def test_the_node_that_delivers_is_killed(nodes: list[ServerProcess]) -> None:
    """Each has an address of its own here, without PUBLIC_URL: so events tell which node sent them."""
    async with httpx.AsyncClient(base_url=nodes[0].url, timeout=60) as ana:
        body = {"email": "ana@example.org", "name": "Ana", "language": "en"}
        token = (await ana.post("/auth/demo", json=body)).json()["token"]
        ana.cookies.clear()
        ana.headers["Authorization"] = f"Bearer {token}"
        processes = await histories(ana)
        async with receiving(slow) as receiver, receiving(slow) as batches:
            one = await a_webhook(ana, receiver, *processes)
            many = await a_webhook(ana, batches, *processes, batch=3)
            await receiver.wait_for(4, PATIENCE)
            await batches.wait_for(2, PATIENCE)
            sender = told(receiver.received)[-1]["source"]
            [killed] = [node for node in nodes if node.url == sender]
            [other] = [node for node in nodes if node.url != sender]
            killed.kill()
            taken = [len(told(each.received)) for each in (receiver, batches)]
            go_on(receiver, batches)
            ana.base_url = httpx.URL(other.url)
            for webhook in (one, many):
                await until(lambda hook=webhook: stands(ana, hook), lag=0, parked=0, state="active")  # type: ignore[misc]
            events = await events_of(ana, *processes)
    assert max(taken) < len(events), "it was killed while deliveries flowed"
    for messages, webhook in ((receiver.received, one), (batches.received, many)):
        arrived = told(messages, webhook["secret"])
        assert other.url in {event["source"] for event in arrived}
        check_all_in_order([at(other, event) for event in arrived], events)


def at(node: ServerProcess, event: dict[str, Any]) -> dict[str, Any]:
    """An event as this node tells it."""
    schema = node.url + urlsplit(event["dataschema"]).path
    return event | {"source": node.url, "dataschema": schema}
