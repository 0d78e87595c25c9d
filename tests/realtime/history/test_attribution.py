"""Filters over a chronicle: who wrote what, and what changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pycrdt

from realtime.history.attribution import Authors, Node, Run, compare, readable
from realtime.history.chronicle import Chronicle

ANA, BEN = uuid4(), uuid4()


class Turns:
    """People who write one document in turns; each turn is a moment."""

    def __init__(self) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.chronicle = Chronicle()
        self.moment = 0

    def deliver(self, person: UUID) -> int:
        self.moment += 1
        self.chronicle.feed(self.moment, person, self.doc.get_update())
        return self.moment

    @property
    def text(self) -> Any:
        return self.doc.get("content", type=pycrdt.Text)

    @property
    def blocks(self) -> Any:
        return self.doc.get("content", type=pycrdt.XmlFragment).children


def runs(content: list[Any]) -> list[tuple[Any, ...]]:
    return [(run.text, run.change, run.written, run.changed) for run in content if isinstance(run, Run)]


def test_a_format_that_came_and_one_that_went() -> None:
    turns = Turns()
    turns.text.insert(0, "one two")
    turns.text.format(0, 3, {"bold": True})
    first = turns.deliver(ANA)
    turns.text.format(0, 3, {"bold": None})
    turns.text.format(4, 7, {"italic": True})
    second = turns.deliver(BEN)
    content = compare(turns.chronicle, first, second, "text")
    assert runs(content) == [
        ("one", "formatted", 1, 2),
        (" ", None, 1, None),
        ("two", "formatted", 1, 2),
    ]
    assert [run.marks for run in content if isinstance(run, Run)] == [{}, {}, {"italic": True}]
    then = compare(turns.chronicle, first, first, "text")
    assert [run.marks for run in then if isinstance(run, Run)] == [{"bold": True}, {}]


def test_formatting_there_and_back_is_no_change() -> None:
    turns = Turns()
    turns.text.insert(0, "word")
    first = turns.deliver(ANA)
    turns.text.format(0, 4, {"bold": True})
    turns.deliver(BEN)
    turns.text.format(0, 4, {"bold": None})
    third = turns.deliver(BEN)
    assert runs(compare(turns.chronicle, first, third, "text")) == [("word", None, 1, None)]


def test_text_that_came_and_went_in_between_does_not_show() -> None:
    turns = Turns()
    turns.text.insert(0, "ab")
    first = turns.deliver(ANA)
    turns.text.insert(1, "gone")
    turns.deliver(BEN)
    del turns.text[1:5]
    third = turns.deliver(ANA)
    assert runs(compare(turns.chronicle, first, third, "text")) == [("ab", None, 1, None)]


def test_the_text_of_a_deleted_block_is_deleted_by_who_deleted_the_block() -> None:
    turns = Turns()
    turns.blocks.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("words")]))
    first = turns.deliver(ANA)
    del turns.blocks[0]
    second = turns.deliver(BEN)
    [block] = compare(turns.chronicle, first, second, "richtext")
    assert isinstance(block, Node)
    assert (block.change, block.changed) == ("deleted", second)
    assert runs(block.content) == [("words", "deleted", first, second)]
    assert compare(turns.chronicle, second, second, "richtext") == []


def test_attributes_as_they_were_and_who_changed_them() -> None:
    turns = Turns()
    turns.blocks.append(pycrdt.XmlElement("heading", {"level": "1", "lang": "lv"}))
    first = turns.deliver(ANA)
    turns.blocks[0].attributes["level"] = "2"
    second = turns.deliver(BEN)
    del turns.blocks[0].attributes["lang"]
    third = turns.deliver(ANA)

    def heading(before: int, after: int) -> Node:
        [node] = compare(turns.chronicle, before, after, "richtext")
        assert isinstance(node, Node)
        return node

    assert heading(first, first).attrs == {"level": "1", "lang": "lv"}
    assert (heading(first, first).change, heading(first, second).changed) == (None, second)
    assert heading(first, second).attrs == {"level": "2", "lang": "lv"}
    assert (heading(second, third).change, heading(second, third).changed) == ("changed", third)
    assert heading(third, third).attrs == {"level": "2"}


def test_line_breaks_and_empty_blocks_in_the_readable_text() -> None:
    turns = Turns()
    turns.blocks.append(
        pycrdt.XmlElement(
            "paragraph",
            {},
            [pycrdt.XmlText("a"), pycrdt.XmlElement("hardBreak", {}), pycrdt.XmlText("b")],
        )
    )
    turns.blocks.append(pycrdt.XmlElement("paragraph", {}))
    turns.blocks.append(
        pycrdt.XmlElement("bulletList", {}, [pycrdt.XmlElement("listItem", {}, [pycrdt.XmlText("c")])])
    )
    now = turns.deliver(ANA)
    content = compare(turns.chronicle, now, now, "richtext")
    assert "".join(text for text, _ in readable(content, "richtext")) == "a\nb\n\nc"
    authors = Authors(turns.chronicle, now, "richtext")
    assert [(part.start, part.end) for part in authors.of(0, 99)] == [(0, 1), (2, 3), (5, 6)]


def test_authors_of_a_range_are_cut_to_it() -> None:
    turns = Turns()
    for person, words in ((ANA, "aaa"), (BEN, "bbb"), (ANA, "ccc")):
        turns.text.insert(len(str(turns.text)), words)
        turns.deliver(person)
    authors = Authors(turns.chronicle, 3, "text")
    assert [(p.start, p.end, p.person, p.moment) for p in authors.of(2, 7)] == [
        (2, 3, ANA, 1),
        (3, 6, BEN, 2),
        (6, 7, ANA, 3),
    ]
    assert authors.of(3, 3) == []
    assert authors.of(6, 3) == []
    assert authors.of(9, 12) == []
    assert [(p.start, p.end) for p in authors.of(0, 1)] == [(0, 1)]
