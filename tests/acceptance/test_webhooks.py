"""Webhooks of a real server to real receivers, when receivers misbehave and when everything is killed.

Whatever happens, each event arrives at least once and those of a stream in their order; what no receiver
takes is parked, told to its owner, and can be sent again.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Verifier

from tests.app.subscriptions.receivers import (
    Behaviour,
    Message,
    Receiver,
    answer,
    break_off,
    drip,
    flood,
    gibberish,
    hang_up,
    never,
    receiving,
)
from tests.ports import kept_port
from tests.serving import ServerProcess, served

pytestmark = [pytest.mark.acceptance, pytest.mark.faults, pytest.mark.timeout(600)]

SUBSCRIPTIONS = "/api/v1/subscriptions"
ATTEMPTS = 3
PATIENCE = 60  # seconds
NO_READING = {"not": {"prefix": {"type": "access."}}}


# Soon again, so that what takes three days takes seconds; else as anybody starts it.
SETTINGS = {"WEBHOOK_ALLOW_PRIVATE": "1", "WEBHOOK_RETRY_DELAYS": "0,0.1,0.2", "LOG_LEVEL": "error"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Gives receivers their time: a machine that stands still for a moment is no failure of theirs."""
    with served(tmp_path_factory.mktemp("webhooks"), WEBHOOK_TIMEOUT="5", **SETTINGS) as running:
        yield running


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[ServerProcess]:
    """For receivers that take all the time there is."""
    with served(tmp_path, WEBHOOK_TIMEOUT="1", **SETTINGS) as running:
        yield running


@pytest.fixture
async def ana(server: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has webhooks."""
    async with signed_in(server) as client:
        yield client


@asynccontextmanager
async def signed_in(server: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    """Ana, at this server."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        body = {"email": "ana@example.org", "name": "Ana", "language": "en"}
        token = (await client.post("/auth/demo", json=body)).json()["token"]
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer to a write that must succeed."""
    answered = await client.post(path, json=body or {})
    assert answered.is_success, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def a_history(client: httpx.AsyncClient, nodes: int = 3) -> str:
    """A process in whose plan so many things happened."""
    process: str = (await post(client, "/api/v1/processes", {"title": "Work", "language": "en"}))["id"]
    for n in range(nodes):
        await post(client, f"/api/v1/processes/{process}/nodes", {"kind": "phase", "title": f"Phase {n}"})
    return process


async def a_webhook(
    client: httpx.AsyncClient, receiver: Receiver, *processes: str, **more: Any
) -> dict[str, Any]:
    """One for all that ever happened in some processes, but not who read it."""
    chosen = [{"any": [{"exact": {"process": process}} for process in processes]}, NO_READING]
    body = {
        "kind": "webhook",
        "name": "Mine",
        "url": receiver.url,
        "filter": chosen,
        "start": "beginning",
        **more,
    }
    return await post(client, SUBSCRIPTIONS, body)


async def events_of(client: httpx.AsyncClient, *processes: str) -> list[dict[str, Any]]:
    """All events of some processes, as the log tells them."""
    found: list[dict[str, Any]] = []
    for process in processes:
        page = await client.get("/api/v1/events", params={"process": process, "limit": 1000})
        found += [event for event in page.json() if not event["type"].startswith("access.")]
    return found


async def stands(client: httpx.AsyncClient, webhook: dict[str, Any]) -> dict[str, Any]:
    """What its owner sees of it."""
    found: dict[str, Any] = (await client.get(f"{SUBSCRIPTIONS}/{webhook['id']}")).json()
    return found


async def until(look: Callable[[], Awaitable[dict[str, Any]]], **wanted: Any) -> dict[str, Any]:
    """What is seen, once it is as wanted; raises AssertionError."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while not wanted.items() <= (found := await look()).items():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{wanted} was wanted, not {found}") from None
    return found


def told(messages: list[Message], secret: str | None = None) -> list[dict[str, Any]]:
    """The events in messages, batches or not; each verified by the foreign library if a secret is given."""
    events: list[dict[str, Any]] = []
    for message in messages:
        if secret is not None:
            Verifier(secret).verify(message.body, message.headers)
        body = json.loads(message.body)
        events += body if isinstance(body, list) else [body]
    return events


def check_all_in_order(arrived: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """All of them, unchanged, and of each stream none before the one before it had arrived."""
    first: dict[str, dict[str, Any]] = {}
    for event in arrived:
        first.setdefault(event["id"], event)
    assert {id: event["sequence"] for id, event in first.items()} == {
        event["id"]: event["sequence"] for event in wanted
    }
    assert all(first[event["id"]] == event for event in wanted)
    streams: dict[str, list[int]] = {}
    for event in first.values():
        streams.setdefault(event["subject"], []).append(event["streamversion"])
    assert all(versions == sorted(versions) for versions in streams.values())
    assert max(map(len, streams.values())) > 2, "there was an order to keep"


SLOW: dict[str, tuple[Behaviour, str]] = {
    "silence": (never, "timeout"),
    "drip": (drip, "timeout"),
}
BAD: dict[str, tuple[Behaviour, str]] = {
    "broken": (answer(500), "answered 500"),
    "missing": (answer(404), "answered 404"),
    "redirect": (answer(307, "Location: http://127.0.0.1:1/"), "answered 307"),
    "half an answer": (break_off, "protocol"),
    "no HTTP": (gibberish, "protocol"),
    "hangs up": (hang_up, "protocol"),
}


async def test_what_no_receiver_takes_is_parked_told_and_sent_again(ana: httpx.AsyncClient) -> None:
    """Six receivers that each fail in their own way, at the same time."""
    await fail_and_recover(ana, BAD)


async def test_what_no_receiver_takes_in_time_is_parked_told_and_sent_again(impatient: ServerProcess) -> None:
    async with signed_in(impatient) as ana:
        await fail_and_recover(ana, SLOW)


async def fail_and_recover(ana: httpx.AsyncClient, receivers: dict[str, tuple[Behaviour, str]]) -> None:
    process = await a_history(ana, nodes=2)
    events = await events_of(ana, process)
    async with asyncio.TaskGroup() as group:
        for name, (behaviour, error) in receivers.items():
            group.create_task(fails_and_recovers(ana, process, events, behaviour, error), name=name)


async def fails_and_recovers(
    ana: httpx.AsyncClient, process: str, events: list[dict[str, Any]], behaviour: Behaviour, error: str
) -> None:
    """A webhook to a receiver that behaves badly until everything is parked, and then well."""
    async with receiving(behaviour) as receiver:
        webhook = await a_webhook(ana, receiver, process)
        path = f"{SUBSCRIPTIONS}/{webhook['id']}"
        shown = await until(lambda: stands(ana, webhook), parked=len(events))
        assert (shown["state"], shown["pending"], shown["leased"]) == ("failing", 0, 0)
        assert shown["last_error"] == error
        tries = told(receiver.received, webhook["secret"])
        assert len(tries) == ATTEMPTS * len(events)
        check_all_in_order(tries, events)
        parked = (await ana.get(f"{path}/parked")).json()["items"]
        assert [one["position"] for one in parked] == [int(event["sequence"]) for event in events]
        assert {(one["attempts"], one["error"]) for one in parked} == {(ATTEMPTS, error)}
        deliveries = (await ana.get(f"{path}/deliveries", params={"limit": 200})).json()["items"]
        outcomes = [one["outcome"] for one in deliveries]
        assert (outcomes.count("parked"), len(outcomes)) == (len(events), ATTEMPTS * len(events))

        receiver.behave, before = answer(204), len(receiver.received)
        assert (await post(ana, f"{path}/parked/replay"))["count"] == len(events)
        await until(lambda: stands(ana, webhook), parked=0, pending=0, leased=0, state="active")
        again = receiver.received[before:]
    check_all_in_order(told(again, webhook["secret"]), events)
    assert {message.headers.get("interlink-replayed") for message in again} == {"true"}


async def test_whoever_is_gone_is_sent_nothing_until_their_owner_goes_on(ana: httpx.AsyncClient) -> None:
    process = await a_history(ana)
    async with receiving(answer(410)) as receiver:
        webhook = await a_webhook(ana, receiver, process)
        shown = await until(lambda: stands(ana, webhook), state="disabled", leased=0)
        assert shown["last_error"] == "answered 410"
        before, witness = len(receiver.received), await a_webhook(ana, receiver, process)
        await until(lambda: stands(ana, witness), state="disabled")
        assert len([m for m in receiver.received[before:] if Verifies(webhook["secret"])(m)]) == 0
        receiver.behave = answer(204)
        await post(ana, f"{SUBSCRIPTIONS}/{webhook['id']}/resume")
        await until(lambda: stands(ana, webhook), lag=0, state="active")
        arrived = [message for message in receiver.received if Verifies(webhook["secret"])(message)]
    check_all_in_order(told(arrived), await events_of(ana, process))


class Verifies:
    """Whether a message is signed with a secret."""

    def __init__(self, secret: str) -> None:
        self._verifier = Verifier(secret)

    def __call__(self, message: Message) -> bool:
        try:
            self._verifier.verify(message.body, message.headers)
        except Exception:
            return False
        return True


async def test_a_busy_receiver_is_left_alone_for_as_long_as_it_asks(ana: httpx.AsyncClient) -> None:
    process = await a_history(ana)
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def busy_once(writer: asyncio.StreamWriter) -> None:
        times.append(loop.time())
        await (answer(429, "Retry-After: 1") if len(times) == 1 else answer(204))(writer)

    async with receiving(busy_once) as receiver:
        webhook = await a_webhook(ana, receiver, process)
        await until(lambda: stands(ana, webhook), lag=0, state="active")
        events = await events_of(ana, process)
    check_all_in_order(told(receiver.received, webhook["secret"]), events)
    assert len(times) == len(events) + 1
    assert times[1] - times[0] >= 1


@pytest.mark.parametrize("behaviour", [answer(200), flood], ids=["forgets", "never ends"])
async def test_what_a_receiver_took_and_lost_is_sent_again_on_request(
    ana: httpx.AsyncClient, behaviour: Behaviour
) -> None:
    """It says 200 and loses the message: nobody can know, but it can be mended."""
    process = await a_history(ana)
    events = await events_of(ana, process)
    async with receiving(behaviour) as receiver:
        webhook = await a_webhook(ana, receiver, process)
        await until(lambda: stands(ana, webhook), lag=0, parked=0, state="active")
        receiver.received.clear()
        body = {"from": int(events[0]["sequence"]), "to": int(events[-1]["sequence"])}
        await post(ana, f"{SUBSCRIPTIONS}/{webhook['id']}/replay", body)
        again = list(await receiver.wait_for(len(events), PATIENCE))
    check_all_in_order(told(again, webhook["secret"]), events)
    assert {message.headers.get("interlink-replayed") for message in again} == {"true"}


async def test_a_receiver_that_dies_in_the_middle_misses_nothing(ana: httpx.AsyncClient) -> None:
    processes = [await a_history(ana, nodes=6) for _ in range(3)]
    port = kept_port(slow)
    async with receiving(slow, port=port) as receiver:
        webhook = await a_webhook(ana, receiver, *processes)
        before = list(await receiver.wait_for(5, PATIENCE))
    await until(lambda: stands(ana, webhook), state="failing")
    async with receiving(port=port) as reborn:
        await until(lambda: stands(ana, webhook), pending=0, leased=0)
        parked = (await stands(ana, webhook))["parked"]
        await post(ana, f"{SUBSCRIPTIONS}/{webhook['id']}/parked/replay")
        await until(lambda: stands(ana, webhook), lag=0, parked=0, state="active")
    arrived = told([*before, *receiver.received[len(before) :], *reborn.received], webhook["secret"])
    events = await events_of(ana, *processes)
    assert {event["id"] for event in arrived} == {event["id"] for event in events}
    if not parked:
        check_all_in_order(arrived, events)


async def slow(writer: asyncio.StreamWriter) -> None:
    """Take a moment for each message, so that there is a middle of it."""
    await asyncio.sleep(0.2)
    await answer(204)(writer)


def go_on(*receivers: Receiver) -> None:
    """Take the rest at once."""
    for receiver in receivers:
        receiver.behave = answer(204)


async def test_killing_the_node_loses_nothing(server: ServerProcess, ana: httpx.AsyncClient) -> None:
    processes = await histories(ana)
    async with receiving(slow) as receiver, receiving(slow) as batches:
        one = await a_webhook(ana, receiver, *processes)
        many = await a_webhook(ana, batches, *processes, batch=5)
        await receiver.wait_for(4, PATIENCE)
        await batches.wait_for(2, PATIENCE)
        server.kill()
        taken = [len(told(each.received)) for each in (receiver, batches)]
        go_on(receiver, batches)
        await asyncio.to_thread(server.start)
        for webhook in (one, many):
            await until(lambda hook=webhook: stands(ana, hook), lag=0, parked=0, state="active")  # type: ignore[misc]
        events = await events_of(ana, *processes)
    assert max(taken) < len(events), "it was killed while deliveries flowed"
    check_all_in_order(told(receiver.received, one["secret"]), events)
    check_all_in_order(told(batches.received, many["secret"]), events)


async def test_killing_postgresql_loses_nothing(server: ServerProcess, ana: httpx.AsyncClient) -> None:
    processes = await histories(ana)
    async with receiving(slow) as receiver:
        webhook = await a_webhook(ana, receiver, *processes)
        await receiver.wait_for(4, PATIENCE)
        await asyncio.to_thread(server.kill_postgres)
        taken = len(receiver.received)
        go_on(receiver)
        await until(lambda: patiently(ana, webhook), lag=0, parked=0, state="active")
        events = await events_of(ana, *processes)
    assert taken < len(events), "it was killed while deliveries flowed"
    check_all_in_order(told(receiver.received, webhook["secret"]), events)


async def histories(client: httpx.AsyncClient) -> list[str]:
    """Processes in which enough happened to be in the middle of it for some seconds."""
    return list(await asyncio.gather(*(a_history(client, nodes=40) for _ in range(3))))


async def patiently(client: httpx.AsyncClient, webhook: dict[str, Any]) -> dict[str, Any]:
    """As `stands`, or nothing while the server has no database."""
    answered = await client.get(f"{SUBSCRIPTIONS}/{webhook['id']}")
    found: dict[str, Any] = answered.json() if answered.is_success else {}
    return found


def figure_of(figures: str, name: str) -> float:
    """What a metric of webhooks says; 0 if it is not there."""
    lines = [line for line in figures.splitlines() if line.startswith(f"interlink_webhook_{name}")]
    return float(lines[0].split()[-1]) if lines else 0.0


async def test_the_operator_sees_what_became_of_messages(ana: httpx.AsyncClient) -> None:
    process = await a_history(ana)
    async with receiving(answer(500)) as receiver:
        webhook = await a_webhook(ana, receiver, process)
        await until(lambda: stands(ana, webhook), state="failing")
    counted = ('attempts_total{outcome="retried"}', "seconds_count")

    async def counts() -> dict[str, Any]:
        told = (await ana.get("/metrics")).text
        return {"all": all(figure_of(told, name) > 0 for name in counted), "text": told}

    figures = (await until(counts, all=True))["text"]
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    named = set(re.findall(r"`(interlink_(?:webhook|subscription)_[a-z_]+)[`{]", page))
    assert len(named) == 6
    assert all(re.search(rf"^{name}(_count|{{)", figures, re.MULTILINE) for name in named)
    assert webhook["id"] not in figures
    labels = re.findall(r'="([^"]*)"', figures)  # a figure may hold any digits
    assert labels
    assert not any(str(receiver.port) in label for label in labels)
