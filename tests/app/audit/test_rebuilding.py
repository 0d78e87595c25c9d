"""What events say when they are replayed: states and texts, and what could not be read of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pycrdt
import pytest

from app.audit.rebuilding import Rebuilding
from domain.plan import Plan
from domain.ports import RecordedEvent
from tests.app.audit.histories import History

HISTORY = History(3, 24, erasure=True)
EVENTS = [record.event for record in HISTORY.records]
CREATED = next(event for event in EVENTS if event.type == "document.created")
EDITED = next(event for event in EVENTS if event.type == "document.edited")
NODE_ADDED = Plan.NodeAdded.TOPIC


def rebuilt(events: list[RecordedEvent]) -> Rebuilding:
    found = Rebuilding()
    for event in events:
        found.feed(event)
    return found


def states(found: Rebuilding) -> dict[UUID, Any]:
    return {UUID(state["stream"]): state for state in map(json.loads, found.states())}


def typed(*pieces: str) -> list[bytes]:
    """Updates by one person, each of one piece of text."""
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=5)
    updates = []
    for piece in pieces:
        before = doc.get_state()
        text = doc.get("content", type=pycrdt.Text)
        text += piece
        updates.append(doc.get_update(before))
    return updates


def texts(*updates: bytes, payload: bytes = CREATED.payload) -> tuple[list[bytes], list[int]]:
    """The texts of one document that had these bursts, at positions from 1, and what can't be read."""
    bursts = [replace(EDITED, position=at, attachment=data) for at, data in enumerate(updates, 1)]
    stream = EDITED.stream
    found = rebuilt([replace(CREATED, stream=stream, position=9, payload=payload), *bursts])
    return [text for _, text in found.documents()], found.unreadable


def test_every_stream_has_its_state_in_the_order_in_which_they_began() -> None:
    found = rebuilt(EVENTS)
    told = states(found)
    assert list(told) == list(dict.fromkeys(event.stream for event in EVENTS))
    assert found.stopped is None
    for stream, state in told.items():
        own = [event for event in EVENTS if event.stream == stream]
        assert (state["version"], state["stopped_at"]) == (len(own), None)
        assert state["kind"] == own[0].type.partition(".")[0]
        assert "_pending_events" not in state["state"]
    plan = Plan.create_id(HISTORY.processes[0])
    added = [
        json.loads(event.payload) for event in EVENTS if (event.stream, event.type) == (plan, NODE_ADDED)
    ]
    assert {node["title"] for node in told[plan]["state"]["nodes"].values()} == {n["title"] for n in added}


def test_the_same_events_give_the_same_bytes() -> None:
    assert list(rebuilt(EVENTS).states()) == list(rebuilt(EVENTS).states())
    for line in rebuilt(EVENTS).states():
        told = json.loads(line)
        assert json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() == line


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "plan.burnt"},
        {"schema_version": 99},
        {"payload": b"{}"},
        {"payload": b"\xff"},
        {"payload": b"[" * 100_000},
        {"version": 77},
    ],
    ids=str,
)
def test_a_stream_stops_where_it_cannot_be_replayed_and_the_others_go_on(wrong: dict[str, Any]) -> None:
    plan = Plan.create_id(HISTORY.processes[0])
    own = [at for at, event in enumerate(EVENTS) if event.stream == plan]
    at = own[2]
    found = rebuilt([*EVENTS[:at], replace(EVENTS[at], **wrong), *EVENTS[at + 1 :]])
    assert found.stopped == at + 1
    told, whole = states(found), states(rebuilt(EVENTS))
    assert (told[plan]["version"], told[plan]["stopped_at"]) == (2, at + 1)
    assert {stream for stream in whole if told[stream] != whole[stream]} == {plan}


def test_the_first_position_that_stopped_is_told() -> None:
    broken = [replace(event, payload=b"") if event.position in (4, 2) else event for event in EVENTS]
    assert rebuilt(broken).stopped == 2
    assert rebuilt(list(reversed(broken[:4]))).stopped == 2


def test_texts_are_those_of_all_bursts_whatever_their_order() -> None:
    first, second, third = typed("one ", "two ", "three")
    assert texts(first, second, third) == ([b"one two three"], [])
    assert texts(third, first, second) == ([b"one two three"], [])
    assert texts(first, third) == ([b"one "], []), "what it leans on never came"
    assert texts() == ([b""], [])
    many = typed(*(f"{number} " for number in range(100)))
    assert texts(*reversed(many)) == texts(*many) != ([b""], [])


@pytest.mark.parametrize("bad", [b"", b"\x00\x01 no update", b"\xff" * 50])
def test_a_burst_that_cannot_be_read_is_left_out_and_named(bad: bytes) -> None:
    first, second = typed("one ", "two ")
    assert texts(first, bad, second) == ([b"one two "], [2])


@pytest.mark.parametrize("payload", [b"{}", b"[]", b"", b"\xff", b"[" * 100_000, b'{"format":"x"}'])
def test_a_document_that_says_nothing_of_its_format_is_rich_text(payload: bytes) -> None:
    doc: pycrdt.Doc[pycrdt.XmlFragment] = pycrdt.Doc()
    fragment = doc.get("content", type=pycrdt.XmlFragment)
    fragment.children.append(pycrdt.XmlElement("paragraph")).children.append(pycrdt.XmlText("said"))
    assert texts(doc.get_update(), payload=payload) == ([b"said"], [])


def test_a_burst_of_no_document_is_passed_over() -> None:
    found = rebuilt([EDITED])
    assert list(found.documents()) == []
    assert found.stopped == EDITED.position
    assert list(found.states()) == []


def test_a_document_is_named_by_its_stream() -> None:
    names = [name for name, _ in rebuilt(EVENTS).documents()]
    streams = [event.stream for event in EVENTS if event.type == "document.created"]
    assert names == [f"documents/{stream}.txt" for stream in streams]
