"""What workers of a pull group ask and get; how groups are fed is in tests/app/subscriptions."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, ValidationError

from app.api.pull_groups import Ack, Deliveries, Extend, Nack, Pull, _encoded
from app.eventlog.examples import example
from app.events.cloud_events import encode
from app.subscriptions.queue import ERROR_LENGTH, Leased
from app.subscriptions.taking import Taken
from domain.catalogue import EVENTS
from tests.app.api.conftest import Somebody
from tests.app.subscriptions.test_taking import a_group, pull

SOURCE = "https://parks.example.org"


def test_deliveries_are_sent_as_described_and_each_event_as_everywhere_else() -> None:
    taken = [
        Taken(Leased(str(uuid4()), uuid4(), n, n % 3 + 1, n % 2 == 0), example(entry.name, n))
        for n, entry in enumerate(EVENTS, 1)
    ]
    sent = _encoded(taken, SOURCE)
    assert [item["event"] for item in json.loads(sent)["items"]] == [
        json.loads(encode(one.event, SOURCE)) for one in taken
    ]
    items = Deliveries.model_validate_json(sent).items
    assert [(str(item.ack_id), item.attempt, item.replayed) for item in items] == [
        (one.lease.ack_id, one.lease.attempt, one.lease.replayed) for one in taken
    ]
    assert json.loads(_encoded([], SOURCE)) == {"items": []}


@pytest.mark.parametrize(
    ("model", "body", "fits"),
    [
        (Pull, {}, True),
        (Pull, {"max": 1000, "wait": 60}, True),
        (Pull, {"max": 0}, False),
        (Pull, {"max": 1001}, False),
        (Pull, {"wait": 60.1}, False),
        (Pull, {"wait": "NaN"}, False),
        (Ack, {"ack_ids": ["x"] * 1000}, True),
        (Ack, {"ack_ids": ["x"] * 1001}, False),
        (Ack, {"ack_ids": []}, False),
        (Ack, {"ack_ids": [""]}, False),
        (Ack, {"ack_ids": "x"}, False),
        (Nack, {"ack_id": "x" * 100, "delay": 86_400, "error": "x" * ERROR_LENGTH}, True),
        (Nack, {"ack_id": "x" * 101}, False),
        (Nack, {"ack_id": "x", "delay": 86_401}, False),
        (Nack, {"ack_id": "x", "delay": -0.1}, False),
        (Nack, {"ack_id": "x", "error": "x" * (ERROR_LENGTH + 1)}, False),
        (Nack, {"ack_id": "x", "action": "retry"}, False),
        (Extend, {"ack_id": "x", "seconds": 43_200}, True),
        (Extend, {"ack_id": "x", "seconds": 0.5}, False),
        (Extend, {"ack_id": "x", "seconds": 43_201}, False),
    ],
    ids=range(20),
)
def test_bodies_have_their_bounds(model: type[BaseModel], body: dict[str, Any], fits: bool) -> None:
    if fits:
        model.model_validate_json(json.dumps(body), strict=True)
        return
    with pytest.raises(ValidationError):
        model.model_validate_json(json.dumps(body), strict=True)


async def test_what_is_given_back_comes_again_waits_aside_or_never_comes(
    ana: Somebody, bruno: Somebody
) -> None:
    """One group through all that a worker may do."""
    await ana.a_process()
    types = ("person.registered", "process.started", "plan.opened")
    group = await a_group(ana, filter=[{"any": [{"exact": {"type": type}} for type in types]}])
    items: dict[str, str] = {}
    while items.keys() != set(types):
        items |= {item["event"]["type"]: item["ack_id"] for item in await pull(ana, group)}
    again, aside, never = (items[type] for type in types)

    async def said(path: str, **body: Any) -> int:
        count: int = (await ana.post(f"{group}/{path}", body))["count"]
        return count

    assert await said("extend", ack_id=again, seconds=600) == 1
    assert await said("nack", ack_id=again) == 1
    assert await said("nack", ack_id=aside, action="park", error="cannot read it") == 1
    assert await said("nack", ack_id=never, action="skip") == 1
    for path in ("nack", "extend"):
        assert [await said(path, ack_id=ack) for ack in (again, aside, never, str(UUID(int=0)))] == [0] * 4
    [item] = await pull(ana, group)
    assert (item["event"]["type"], item["attempt"]) == ("person.registered", 2)
    shown = await ana.get(group)
    assert (shown["parked"], shown["leased"]) == (1, 1)
    for path, body in {"pull": {}, "ack": {"ack_ids": [item["ack_id"]]}, "extend": {"ack_id": "x"}}.items():
        await bruno.post(f"{group}/{path}", body, status=404)
    assert await said("ack", ack_ids=[item["ack_id"], item["ack_id"], aside]) == 1
