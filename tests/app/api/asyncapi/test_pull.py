"""Pull groups are described as they answer and are asked."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from pydantic import BaseModel, ValidationError

from app.api.pull_groups import Ack, Counted, Extend, Nack, Pull, routes
from app.http.openapi import endpoints_of
from tests.app.api.asyncapi.described import document, payload_fits

MODELS: dict[str, type[BaseModel]] = {"pull": Pull, "ack": Ack, "nack": Nack, "extend": Extend}


def test_every_request_has_its_channel_and_an_answer() -> None:
    served = {endpoint.path for endpoint in endpoints_of(routes)}
    channels = [document()["channels"][f"group.{name}"] for name in MODELS]
    assert {channel["address"] for channel in channels} == served
    for name in MODELS:
        reply = document()["operations"][f"group.{name}"]["reply"]["messages"]
        answer = "group.deliveries" if name == "pull" else "group.counted"
        assert [one["$ref"].rpartition("/")[2] for one in reply] == [answer]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("pull", {}),
        ("pull", {"max": 1000, "wait": 60}),
        ("pull", {"max": 1001}),
        ("pull", {"wait": 60.5}),
        ("pull", {"count": 1}),
        ("ack", {"ack_ids": ["x"]}),
        ("ack", {"ack_ids": []}),
        ("ack", {}),
        ("nack", {"ack_id": "x", "action": "skip", "delay": 86_400}),
        ("nack", {"ack_id": "x", "action": "drop"}),
        ("nack", {"ack_id": "", "delay": -1}),
        ("extend", {"ack_id": "x", "seconds": 1}),
        ("extend", {"ack_id": "x", "seconds": 0}),
    ],
    ids=str,
)
def test_a_body_fits_where_it_is_taken(name: str, body: dict[str, Any]) -> None:
    try:
        MODELS[name].model_validate_json(json.dumps(body), strict=True)
        taken = True
    except ValidationError:
        taken = False
    assert payload_fits(f"group.{name}", body) == taken


def test_what_is_answered_fits() -> None:
    assert payload_fits("group.counted", Counted(count=3).model_dump())
    [given] = document()["components"]["messages"]["group.deliveries"]["examples"]
    [item] = given["payload"]["items"]
    assert payload_fits("group.deliveries", {"items": [item | {"ack_id": str(uuid4())}] * 2})
    assert payload_fits("group.deliveries", {"items": []})
    assert not payload_fits("group.deliveries", {"items": [item | {"event": {"type": "x"}}]})
    assert not payload_fits("group.deliveries", {"items": [item | {"attempt": 0}]})
