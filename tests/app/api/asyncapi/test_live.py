"""The frames of the websocket are described as they are taken and sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from app.events.live import MOST_CREDIT, Credit, subscription
from app.http.consistency import MAX_POSITION
from domain.catalogue import EVENTS
from realtime.seat import Refused
from tests.app.api.asyncapi.described import messages_of, payload_fits
from tests.app.events.in_memory import notes, system_in_memory
from tests.app.events.test_live import ANA, Client, serving


def is_subscription(frame: Any) -> bool:
    try:
        asyncio.run(subscription(Client(json.dumps(frame))))
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"after": 0},
        {"after": MAX_POSITION},
        {"after": MAX_POSITION + 1},
        {"after": -1},
        {"after": "5"},
        {"after": True},
        {"after": None},
        {"after": 1.5},
        {"since": 1},
        {"filter": []},
        {"filter": {"exact": {"type": "plan.opened"}}},
        {"filter": [{"not": {"any": [{"prefix": {"type": "plan."}}]}}]},
        {"filter": [{"like": {"type": "plan."}}]},
        {"filter": None},
        {"filter": "plan."},
    ],
    ids=str,
)
def test_a_subscription_fits_where_it_is_taken(asked: dict[str, Any]) -> None:
    for frame in ({"subscribe": asked}, {"subscribe": asked, "credit": 1}, {"subscribed": asked}, asked):
        assert payload_fits("live.subscribe", frame) == is_subscription(frame), frame


@pytest.mark.parametrize("credit", [0, 1, MOST_CREDIT, MOST_CREDIT + 1, "5", True, None, 1.5])
async def test_credit_fits_where_it_is_taken(credit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Credit, "add", lambda self, more: None)  # how much is open is not in the frame
    async with serving(system_in_memory()) as served:
        served.client.say(json.dumps({"credit": credit}))
        served.client.leave()
        refused = isinstance(await served.end(), Refused)
    assert payload_fits("live.credit", {"credit": credit}) == (not refused)


async def test_every_frame_that_is_sent_is_one_of_those_described() -> None:
    system = system_in_memory()
    await notes(system, ANA, 2)
    async with serving(system) as served:
        await served.client.until(3)
    *_, caught_up = served.client.heard
    assert payload_fits("live.caughtup", caught_up)
    assert not payload_fits("live.checkpoint", caught_up)
    assert set(messages_of("followLive")) == {e.name for e in EVENTS} | {"live.caughtup", "live.checkpoint"}
    assert messages_of("subscribeLive") == ["live.subscribe", "live.credit"]
