"""The AsyncAPI document: a foreign parser takes it, and it says what is served."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from app.api.asyncapi.document import describe
from app.eventlog.schemas import Schemas
from domain.catalogue import EVENTS
from tests.nodejs import Node

WARNING = 1  # of the parser's severities; 0: error, 2: information, 3: hint
ADDRESS = "https://parks.example.org"


async def test_the_parser_of_asyncapi_finds_nothing_wrong(visitor: httpx.AsyncClient, node: Node) -> None:
    answer = await visitor.get("/asyncapi.json")
    assert answer.status_code == 200
    broken = answer.json()
    broken["components"]["messages"]["plan.node_added"]["payload"]["allOf"][0] = {"$ref": "#/nowhere"}
    found, control = json.loads(
        node.run("read_asyncapi.mjs", stdin=json.dumps([answer.json(), broken]), timeout=250)
    )
    assert [one for one in found["diagnostics"] if one["severity"] <= WARNING] == []
    assert {"/api/v1/events", "/api/v1/events/live", None} <= set(found["channels"])
    assert {"followStream", "followLive", "subscribeLive", "sendWebhook", "group.pull"} <= set(
        found["operations"]
    )
    assert {entry.name for entry in EVENTS} <= set(found["messages"])
    assert [one for one in control["diagnostics"] if one["severity"] == 0]


@pytest.mark.parametrize("name", [entry.name for entry in EVENTS])
def test_an_example_fits_its_message_and_the_schema_that_is_served(name: str) -> None:
    document = describe(ADDRESS)
    example = document["components"]["messages"][name]["examples"][0]["payload"]
    validator = _validator(document, f"#/components/messages/{name}/payload")
    validator.validate(example)
    assert not validator.is_valid(example | {"type": "another.type"})
    assert not validator.is_valid(example | {"data": {**example["data"], "e-mail": "somebody@example.org"}})
    served = Schemas().sent(name, EVENTS[name].schema_version, ADDRESS)
    assert served["$id"] == example["dataschema"]


def test_every_message_has_an_example_that_fits() -> None:
    document = describe(ADDRESS)
    for name, message in document["components"]["messages"].items():
        for part in ("payload", "headers"):
            if part in message:
                validator = _validator(document, f"#/components/messages/{name}/{part}")
                validator.validate(message["examples"][0][part])


def test_what_is_referred_to_is_there() -> None:
    document = describe(ADDRESS)
    references = list(_references(document))
    assert len(references) > 100
    for reference in references:
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


@pytest.mark.parametrize(
    ("address", "servers"),
    [
        ("http://127.0.0.1:8000", {"http": ("http", "127.0.0.1:8000"), "live": ("ws", "127.0.0.1:8000")}),
        (ADDRESS, {"http": ("https", "parks.example.org"), "live": ("wss", "parks.example.org")}),
    ],
    ids=["plain", "encrypted"],
)
def test_servers_are_those_of_the_address(address: str, servers: dict[str, tuple[str, str]]) -> None:
    found = {name: (one["protocol"], one["host"]) for name, one in describe(address)["servers"].items()}
    assert found == servers


def _validator(document: Any, reference: str) -> Draft7Validator:
    registry = Registry().with_resource("urn:asyncapi", Resource(document, DRAFT7))
    return Draft7Validator(
        {"$ref": f"urn:asyncapi{reference}"}, registry=registry, format_checker=FormatChecker()
    )


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from _references(member)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
