"""Schemas as AsyncAPI takes them, and whether they say what is served."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from app.api.asyncapi.schemas import inlined, of, ref
from app.eventlog.examples import example
from app.events.cloud_events import encode
from app.events.filters import EXPRESSIONS, TEXT, Filter
from domain.catalogue import EVENTS
from domain.errors import Invalid
from tests.app.api.asyncapi.described import ADDRESS, fits


class Inner(BaseModel):
    word: str


class Outer(BaseModel):
    first: Inner
    many: list[Inner]
    named: dict[str, Inner]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for member in value.values() for found in references(member)]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []


def test_an_inlined_schema_stands_alone() -> None:
    found = of(Outer)
    assert references(found) == []
    assert not {"$defs", "$schema", "$id"} & found.keys()
    word = {"type": "string", "title": "Word"}
    for place in (
        found["properties"]["first"],
        found["properties"]["many"]["items"],
        found["properties"]["named"]["additionalProperties"],
    ):
        assert place["properties"] == {"word": word}


def test_a_definition_that_leads_to_another_is_followed() -> None:
    schema = {
        "$defs": {"A": {"items": {"$ref": "#/$defs/B"}}, "B": {"type": "string"}},
        "allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/elsewhere"}],
        "properties": {"$ref": {"type": "integer"}},
    }
    before = json.dumps(schema)
    assert inlined(schema) == {
        "allOf": [{"items": {"type": "string"}}, {"$ref": "#/elsewhere"}],
        "properties": {"$ref": {"type": "integer"}},  # a member of that name is no reference
    }
    assert json.dumps(schema) == before


def test_a_reference_leads_to_a_shared_schema() -> None:
    assert fits(ref("Filter")["$ref"], [])
    assert not fits(ref("Filter")["$ref"], {})


@pytest.mark.parametrize("name", [entry.name for entry in EVENTS])
def test_an_event_as_it_is_sent_is_a_cloud_event_and_one_with_nulls_is_none(name: str) -> None:
    sent = json.loads(encode(example(name), ADDRESS))
    assert fits("#/components/schemas/CloudEvent", sent)
    thin = {key: value for key, value in sent.items() if key != "data"} | {"dataref": f"{ADDRESS}/x"}
    assert fits("#/components/schemas/CloudEvent", thin)
    for attribute in ("actor", "process", "correlationid", "causationid"):
        assert not fits("#/components/schemas/CloudEvent", sent | {attribute: None})
    for attribute in ("id", "source", "type", "sequence", "specversion"):
        lacking = {key: value for key, value in sent.items() if key != attribute}
        assert not fits("#/components/schemas/CloudEvent", lacking)


def takes(given: Any) -> bool:
    try:
        Filter.parse(given)
    except Invalid:
        return False
    return True


TEXTS = st.sampled_from(["plan.", "x" * TEXT, "x" * (TEXT + 1), "", 1, None])
NAMES = st.sampled_from(["type", "subject", "Type", "", "a" * 20, "a" * 21, "a b", "1"])
COMPARED = st.dictionaries(NAMES, TEXTS, max_size=2)
EXPRESSION: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(st.sampled_from(["exact", "prefix", "suffix", "sql"]), COMPARED, max_size=2),
    lambda inner: (
        st.dictionaries(st.sampled_from(["all", "any", "exact"]), st.lists(inner, max_size=2), max_size=1)
        | st.dictionaries(st.sampled_from(["not", "all"]), inner, max_size=1)
    ),
    max_leaves=4,
)


@settings(max_examples=80)
@given(st.lists(EXPRESSION, max_size=2))
def test_a_filter_fits_where_the_server_takes_it(given: Any) -> None:
    assert fits("#/components/schemas/Filter", given) == takes(given)


def test_a_filter_has_as_many_expressions_as_are_taken() -> None:
    most: Any = [{"exact": {"type": "x"}}] * EXPRESSIONS
    assert fits("#/components/schemas/Filter", most)
    assert takes(most)
    assert not fits("#/components/schemas/Filter", [*most, most[0]])
    assert not takes([*most, most[0]])
