"""Replicas from what is stored, in whatever order bursts lean on each other."""

from __future__ import annotations

import random
from typing import Any

import pycrdt
import pytest

from realtime import crdt
from realtime.crdt import Replica
from realtime.replay import Replay, replay
from realtime.wire import Malformed
from tests.realtime.samples import updates


def dialogue(turns: int) -> tuple[list[bytes], str]:
    """Two people who each write after what the other wrote; one update per turn."""
    docs = [pycrdt.Doc[Any](client_id=i + 1) for i in range(2)]
    made: list[bytes] = []
    for turn in range(turns):
        doc, other = docs[turn % 2], docs[1 - turn % 2]
        before = doc.get_state()
        text = doc.get("content", type=pycrdt.Text)
        text += f"{turn} "
        made.append(doc.get_update(before))
        other.apply_update(made[-1])
    return made, str(docs[0].get("content", type=pycrdt.Text))


async def test_two_bursts_that_lean_on_each_other() -> None:
    turns, expected = dialogue(20)
    bursts = [crdt.merge(turns[0::2]), crdt.merge(turns[1::2])]
    for order in (bursts, bursts[::-1]):
        replica, whole = await replay(None, order)
        assert whole
        assert crdt.text_of(replica.state(), "text") == expected
    _, whole = await replay(None, bursts[:1])
    assert not whole


async def test_any_order_gives_the_same() -> None:
    turns, expected = dialogue(60)
    chance = random.Random(2)
    for _ in range(20):
        chance.shuffle(turns)
        replica, whole = await replay(None, turns)
        assert whole
        assert crdt.text_of(replica.state(), "text") == expected


async def test_a_state_and_what_overlaps_it() -> None:
    turns, expected = dialogue(10)
    replica, whole = await replay(crdt.merge(turns[:6]), turns[3:])
    assert whole
    assert crdt.text_of(replica.state(), "text") == expected


async def test_every_kind_of_content() -> None:
    made = updates()
    replica, whole = await replay(None, made)
    assert whole
    again: pycrdt.Doc[Any] = pycrdt.Doc()
    again.apply_update(crdt.merge(made))
    assert replica.clocks() == clocks_of(again)


def clocks_of(doc: pycrdt.Doc[Any]) -> dict[int, int]:
    replica = Replica()
    replica.apply(doc.get_update())
    return replica.clocks()


def test_garbage_is_named() -> None:
    with pytest.raises(Malformed):
        Replay(Replica()).feed(b"\x07")
