"""One message for each event type."""

from __future__ import annotations

import pytest

from app.api.asyncapi import messages
from app.api.asyncapi.messages import event_messages, in_channel, in_components, one_of
from domain.catalogue import EVENTS
from domain.registry import UnknownEventType
from tests.app.api.asyncapi.described import ADDRESS, fits, payload_fits

FOUND = event_messages(ADDRESS)


def test_each_type_has_a_message_that_says_what_it_means() -> None:
    assert list(FOUND) == [entry.name for entry in EVENTS]
    for name, message in FOUND.items():
        assert message["summary"] == message["description"].partition("\n")[0] != ""
        version = EVENTS[name].schema_version
        assert message["externalDocs"]["url"] == f"{ADDRESS}/schemas/{name}/{version}.json"
        assert message["tags"] == [{"$ref": f"#/components/tags/{name.partition('.')[0]}"}]


def test_the_examples_of_all_types_stand_one_after_the_other() -> None:
    sequences = [int(message["examples"][0]["payload"]["sequence"]) for message in FOUND.values()]
    assert sequences == list(range(1, len(FOUND) + 1))


def test_an_event_is_of_its_own_message_only() -> None:
    payloads = {name: message["examples"][0]["payload"] for name, message in FOUND.items()}
    for name, payload in payloads.items():
        assert [other for other in FOUND if payload_fits(other, payload)] == [name]


def test_references_lead_to_messages_and_their_payloads() -> None:
    names = list(FOUND)[:2]
    for reference in one_of(names)["oneOf"]:
        assert fits(reference["$ref"], FOUND[reference["$ref"].split("/")[3]]["examples"][0]["payload"])
    assert in_components("a", "b") == {name: {"$ref": f"#/components/messages/{name}"} for name in "ab"}
    assert in_channel("events", "a") == [{"$ref": "#/channels/events/messages/a"}]


def test_a_type_without_example_is_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(name: str, position: int = 1) -> None:
        raise UnknownEventType(f"there is no example of {name}")

    monkeypatch.setattr(messages, "example", lacking)
    with pytest.raises(UnknownEventType):
        event_messages(ADDRESS)
