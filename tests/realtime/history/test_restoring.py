"""The way back to a moment gives exactly what stood then, and touches nothing that still stands."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

import pycrdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime import crdt
from realtime.history.chronicle import Chronicle
from realtime.history.restoring import restoration
from realtime.history.structs import decode
from realtime.update import EMPTY, walk
from tests.realtime.history.test_chronicle import FORMATS, told
from tests.realtime.writers import Burst, Writers, state_of

ANA = UUID(int=1)
MINE = 999  # the client id of the way back


class Written:
    """One person's document; each edit is a delivery."""

    def __init__(self, kind: type[Any]) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
        self.root = self.doc.get("content", type=kind)
        self.log: list[Burst] = []
        self._seen = self.doc.get_state()

    def deliver(self) -> None:
        self.log.append(Burst(ANA, self.doc.get_update(self._seen)))
        self._seen = self.doc.get_state()

    def back_to(self, moment: int) -> bytes:
        update = restoration(told(self.log), moment, MINE)
        self.doc.apply_update(update)
        return update


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_it_brings_back_exactly_what_was_there(format: str, seed: int) -> None:
    writers = Writers(Random(seed), format)
    writers.write(50)
    chronicle, now = told(writers.log), state_of(writers.log)
    for moment in range(0, len(writers.log) + 1, 2):
        replica = crdt.Replica()
        replica.apply(now)
        replica.apply(update := restoration(chronicle, moment, MINE))
        assert walk(update).clients <= {MINE}
        restored, then = replica.state(), state_of(writers.log[:moment])
        assert crdt.text_of(restored, format) == crdt.text_of(then, format)
        assert crdt.json_of(restored, format) == crdt.json_of(then, format)
    assert restoration(chronicle, len(writers.log), MINE) == EMPTY


@pytest.mark.parametrize("format", FORMATS)
def test_who_went_back_can_go_forward_again(format: str) -> None:
    writers = Writers(Random(4), format)
    writers.write(50)
    log, last = list(writers.log), len(writers.log)
    then = state_of(log)
    log.append(Burst(ANA, restoration(told(log), last // 2, MINE)))
    log.append(Burst(ANA, restoration(told(log), last, MINE + 1)))
    assert crdt.json_of(state_of(log), format) == crdt.json_of(then, format)


def test_what_stands_at_both_moments_is_left_alone() -> None:
    one = Written(pycrdt.Text)
    one.root += "keep this and that"
    one.deliver()
    del one.root[5:9]
    one.root.insert(5, "these ")
    one.deliver()
    caret = one.root.sticky_index(16, pycrdt.Assoc.AFTER)
    assert str(one.root)[16:] == "that"
    one.back_to(1)
    assert str(one.root) == "keep this and that"
    assert str(one.root)[caret.get_index() :] == "that"


def test_nothing_is_written_where_something_only_came() -> None:
    one = Written(pycrdt.Text)
    one.root += "kept"
    one.deliver()
    one.root += " and too much"
    one.root.insert(0, "far ")
    one.deliver()
    update = walk(one.back_to(1))
    assert str(one.root) == "kept"
    assert update.deletes == [(1, 4, 21)], "side by side in one run"
    assert update.inserts == [(MINE, 0, 1)], "its client id stands for this edit in any case"


def test_what_was_typed_in_one_go_comes_back_in_one_piece() -> None:
    one = Written(pycrdt.Text)
    for word in ("one ", "two ", "three"):
        one.root += word
        one.deliver()
    del one.root[0:13]
    one.deliver()
    items, _ = decode(one.back_to(3))
    assert [item.content for item in items] == ["one two three"]


def test_a_block_that_went_comes_back_with_all_that_stood_in_it() -> None:
    one = Written(pycrdt.XmlFragment)
    text = pycrdt.XmlText("words")
    one.root.children.append(pycrdt.XmlElement("heading", {"level": "2"}, [text]))
    text.format(0, 5, {"bold": True})
    text.insert(5, "!")
    one.deliver()
    then = str(one.root)
    assert "words" in then
    del one.root.children[0]
    one.root.children.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("instead")]))
    one.deliver()
    one.back_to(1)
    assert str(one.root) == then


def test_attributes_become_what_they_were() -> None:
    one = Written(pycrdt.XmlFragment)
    block = one.root.children.append(pycrdt.XmlElement("heading", {"level": "1", "lang": "lv"}))
    one.deliver()
    block.attributes["level"] = "2"
    del block.attributes["lang"]
    block.attributes["id"] = "new"
    one.deliver()
    one.back_to(1)
    assert dict(block.attributes) == {"level": "1", "lang": "lv"}


def test_an_attribute_that_came_back_by_itself_is_left_alone() -> None:
    one = Written(pycrdt.XmlFragment)
    block = one.root.children.append(pycrdt.XmlElement("heading", {"level": "1"}))
    one.deliver()
    block.attributes["level"] = "2"
    one.deliver()
    block.attributes["level"] = "1"
    one.deliver()
    assert one.back_to(1) == EMPTY


def test_before_the_beginning_there_is_nothing() -> None:
    one = Written(pycrdt.Text)
    one.root += "words"
    one.deliver()
    one.back_to(0)
    assert str(one.root) == ""
    assert restoration(Chronicle(), 0, MINE) == EMPTY
