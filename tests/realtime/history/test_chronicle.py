"""A chronicle holds at every moment what the engine's replay to that moment shows."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

import pycrdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime import crdt
from realtime.history.attribution import NOW, Piece, Run, compare, readable
from realtime.history.chronicle import UNSEALED, Chronicle
from realtime.history.structs import GC, STRING, Item, encode
from tests.realtime.writers import Burst, Writers, state_of

FORMATS = ["text", "richtext"]


def told(bursts: list[Burst]) -> Chronicle:
    chronicle = Chronicle()
    for position, burst in enumerate(bursts, 1):
        chronicle.feed(position, burst.person, burst.update)
    return chronicle


def text_at(chronicle: Chronicle, moment: int, format: str) -> str:
    return "".join(text for text, _ in readable(compare(chronicle, moment, moment, format), format))


def as_json(content: list[Piece]) -> list[dict[str, Any]]:
    """The content as `crdt.json_of` gives it, neighbours with equal marks joined."""
    nodes: list[dict[str, Any]] = []
    for piece in content:
        if isinstance(piece, Run):
            node: dict[str, Any] = {"type": "text", "text": piece.text}
            if piece.marks:
                node["marks"] = piece.marks
            if nodes and nodes[-1]["type"] == "text" and nodes[-1].get("marks") == node.get("marks"):
                nodes[-1]["text"] += piece.text
            else:
                nodes.append(node)
        else:
            node = {"type": piece.type}
            if piece.attrs:
                node["attrs"] = piece.attrs
            if inner := as_json(piece.content):
                node["content"] = inner
            nodes.append(node)
    return nodes


def plain(json: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The engine's JSON with marks as a mapping, and neighbouring shared texts as one."""
    nodes: list[dict[str, Any]] = []
    for found in json:
        node = dict(found)
        if "marks" in node:
            node["marks"] = {mark["type"]: mark.get("attrs", True) for mark in node["marks"]}
        if "content" in node:
            node["content"] = plain(node["content"])
        last = nodes[-1] if nodes else None
        if last and last["type"] == node["type"] == "text" and last.get("marks") == node.get("marks"):
            last["text"] += node["text"]
        else:
            nodes.append(node)
    return nodes


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_every_moment_is_what_the_engine_replays(format: str, seed: int) -> None:
    writers = Writers(Random(seed), format)
    writers.write(60)
    chronicle = told(writers.log)
    assert chronicle.whole
    assert chronicle.moments == list(range(1, len(writers.log) + 1))
    for moment in range(len(writers.log) + 1):
        state = state_of(writers.log[:moment])
        assert text_at(chronicle, moment, format) == crdt.text_of(state, format)
        if format == "richtext":
            ours = as_json(compare(chronicle, moment, moment, format))
            assert ours == plain(crdt.json_of(state, format)["content"])


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_the_order_of_arrival_makes_no_difference(format: str, seed: int) -> None:
    random = Random(seed)
    writers = Writers(random, format)
    writers.write(50)
    straight = told(writers.log)
    shuffled = Chronicle()
    arrivals = list(enumerate(writers.log, 1)) * 2
    random.shuffle(arrivals)
    for position, burst in arrivals:
        shuffled.feed(position, burst.person, burst.update)
    assert shuffled.whole
    last = len(writers.log)
    for before, after in ((0, 0), (0, last), (last // 3, last // 2), (last // 2, last)):
        expected = compare(straight, before, after, format)
        assert compare(shuffled, before, after, format) == expected


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_what_was_unsealed_is_stamped_anew_by_the_log(format: str, seed: int) -> None:
    writers = Writers(Random(seed), format)
    writers.write(50)
    people = {person: UNSEALED + i for i, person in enumerate(writers.people)}
    chronicle = Chronicle()
    for burst in writers.log:
        chronicle.feed(people[burst.person], burst.person, burst.update)
    assert chronicle.moments == []
    assert text_at(chronicle, UNSEALED - 1, format) == ""
    assert text_at(chronicle, NOW, format) == crdt.text_of(state_of(writers.log), format)
    for position, burst in enumerate(writers.log, 1):
        chronicle.feed(position, burst.person, burst.update)
    straight = told(writers.log)
    assert chronicle.moments == straight.moments
    for before in range(0, len(writers.log), 4):
        expected = compare(straight, before, len(writers.log), format)
        assert compare(chronicle, before, len(writers.log), format) == expected


def test_what_never_found_what_it_leans_on_does_not_show() -> None:
    writers = Writers(Random(1), "text", people=2)
    writers.write(60)
    missing = [burst for burst in writers.log if burst.person != writers.people[0]]
    chronicle = told(missing)
    assert not chronicle.whole
    assert len(chronicle.moments) < len(missing)
    for position, burst in enumerate(writers.log, 1):
        chronicle.feed(position + 100, burst.person, burst.update)
    assert chronicle.whole
    now = text_at(chronicle, 10**6, "text")
    assert now == crdt.text_of(state_of(writers.log), "text")


def test_children_of_what_its_author_forgot_do_not_show() -> None:
    """An editor that forgets what it deleted sends GC structs, and items that hang on them."""
    doc: pycrdt.Doc[pycrdt.XmlFragment] = pycrdt.Doc(client_id=4)
    blocks = doc.get("content", type=pycrdt.XmlFragment).children
    with doc.transaction():
        blocks.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("gone")]))
        blocks.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("kept")]))
    del blocks[0]
    update = doc.get_update()
    assert b"gone" not in update, "the engine forgets too"
    chronicle = told([Burst(UUID(int=1), update)])
    assert chronicle.whole
    assert text_at(chronicle, 1, "richtext") == "kept"


def test_what_hangs_on_something_forgotten_is_forgotten() -> None:
    """As Yjs does it: GC structs have no place, and what stands beside one has none either."""

    def show(*items: Item) -> tuple[str, bool]:
        chronicle = told([Burst(UUID(int=1), encode_all(*items))])
        return text_at(chronicle, 1, "text"), chronicle.whole

    def encode_all(*items: Item) -> bytes:
        data = encode(5, [item for item in items if item.kind != GC], [])
        assert data
        gaps = b"".join(bytes((0, item.size)) for item in items if item.kind == GC)
        return bytes((1, len(items), 5, 0)) + gaps + data[4:]

    gone = Item(5, 0, 2, GC, None)
    kept = Item(5, 2, 1, STRING, "k", None, None, "content")
    assert show(gone, kept) == ("k", True)
    assert show(gone, Item(5, 2, 1, STRING, "l", (5, 1))) == ("", True)
    assert show(gone, kept, Item(5, 3, 1, STRING, "r", (5, 2), (5, 0))) == ("k", True)
