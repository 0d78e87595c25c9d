"""A chronicle holds at every moment what the engine's replay to that moment shows."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime import crdt
from realtime.attribution import Piece, Run, compare, readable
from realtime.chronicle import Chronicle
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
    for node in json:
        node = dict(node)
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
@settings(max_examples=60, deadline=None)
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
