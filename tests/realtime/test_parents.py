"""What may be in what."""

from __future__ import annotations

from typing import Any

import pycrdt
import pytest

from realtime.content import Content
from realtime.crdt import EngineError, Replica
from realtime.parents import Parents
from realtime.update import may_hold, walk
from tests.realtime.samples import updates


def doc_with_everything() -> tuple[pycrdt.Doc[Any], bytes]:
    """A paragraph (0) with a text (1) in it, plain letters (3 to 5), a deleted paragraph (6)."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=7)
    fragment = doc.get("xml", type=pycrdt.XmlFragment)
    fragment.children.append(pycrdt.XmlElement("p", {}, [pycrdt.XmlText("t")]))
    doc.get("content", type=pycrdt.Text).insert(0, "abc")
    fragment.children.append(pycrdt.XmlElement("p", {}, []))
    del fragment.children[1]
    return doc, doc.get_update()


def item_in(parent: tuple[int, int]) -> bytes:
    """Client 9 puts a letter into something of client 7."""
    return bytes((1, 1, 9, 0, 4, 0, *parent, 1, 0x61, 0))


@pytest.mark.parametrize(
    ("clock", "holds"),
    [(0, True), (1, True), (2, False), (3, False), (5, False), (6, True), (7, None)],
    ids=["element", "text in it", "its letter", "letter", "last letter", "deleted element", "nothing there"],
)
def test_what_holds_others(clock: int, holds: bool | None) -> None:
    doc, state = doc_with_everything()
    assert may_hold(state, 7, clock) is holds
    assert may_hold(state, 8, clock) is None
    replica = Replica()
    replica.apply(state)
    content = Content(replica)
    assert content.may_hold(7, clock) is holds
    update = item_in((7, clock))
    assert Parents(content).fit(update, walk(update), ()) is bool(holds)
    if holds is False:
        with pytest.raises(EngineError):
            replica.apply(update)
    elif holds:
        doc.apply_update(update)


def test_what_is_on_its_way_counts() -> None:
    _, state = doc_with_everything()
    parents = Parents(Content(Replica()))
    good, bad = item_in((7, 1)), item_in((7, 3))
    assert not parents.fit(good, walk(good), ())
    assert parents.fit(good, walk(good), (b"\x00\x00", state))
    assert not parents.fit(bad, walk(bad), (b"\x00\x00", state))


def test_what_was_admitted_is_remembered() -> None:
    parents = Parents(Content(Replica()))
    update = item_in((7, 0))
    parents.remember({(7, 0)})
    assert parents.fit(update, walk(update), ())
    for clock in range(20_000):
        parents.remember({(8, clock)})
    assert not parents.fit(update, walk(update), ()), "not without bound"


def test_all_that_editors_write_fits() -> None:
    replica = Replica()
    parents = Parents(Content(replica))
    for data in updates(count=200)[:-3]:
        update = walk(data)
        if all(start <= replica.clocks().get(client, 0) for client, start, _ in update.inserts):
            assert parents.fit(data, update, ())
            replica.apply(data)
