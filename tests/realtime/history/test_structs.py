"""What an update holds is read as the engine reads it, and what is written is read back by it."""

from __future__ import annotations

import pycrdt
import pytest

from realtime.history.structs import STRING, Item, cut, decode, encode, units
from realtime.update import walk
from realtime.wire import Malformed
from tests.realtime.samples import updates


def test_items_cover_exactly_what_the_walker_finds() -> None:
    for data in updates(count=120):
        items, deletes = decode(data)
        walked = walk(data)
        assert deletes == walked.deletes
        runs: list[tuple[int, int, int]] = []
        for item in items:
            last = runs[-1] if runs else None
            if last and last[0] == item.client and last[2] == item.clock:
                runs[-1] = (last[0], last[1], item.clock + item.size)
            else:
                runs.append((item.client, item.clock, item.clock + item.size))
        assert runs == walked.inserts


def test_what_is_cut_short_or_too_long_is_malformed() -> None:
    for data in updates(count=20):
        for wrong in (data[:-1], data + b"\x00", data[: len(data) // 2]):
            with pytest.raises(Malformed):
                decode(wrong)
    with pytest.raises(Malformed):
        decode(b"\x01\x01\x01\x00\x1f\x00\x00")


def test_what_was_typed_in_a_row_is_one_item() -> None:
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=7)
    text = doc.get("content", type=pycrdt.Text)
    made: list[bytes] = []
    doc.observe(lambda event: made.append(event.update))
    for letter in "hello":
        text += letter
    text.insert(2, "X")
    items, _ = decode(pycrdt.merge_updates(*made))
    assert [(item.content, item.clock, item.size) for item in items] == [("hello", 0, 5), ("X", 5, 1)]


def test_the_engine_reads_what_is_written() -> None:
    root = Item(5, 0, 3, STRING, "a😀", None, None, "content")
    tail = Item(5, 3, 2, STRING, "bc", (5, 2), None)
    middle = Item(5, 5, 1, STRING, "-", (5, 0), (5, 1))
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    doc.apply_update(encode(5, [root, tail, middle], [(5, 3, 4)]))
    assert str(doc.get("content", type=pycrdt.Text)) == "a-😀c"
    again, deletes = decode(encode(5, [root, tail, middle], [(5, 3, 4)]))
    assert [(i.clock, i.content, i.origin, i.right_origin) for i in again] == [
        (0, "a😀bc", None, None),
        (5, "-", (5, 0), (5, 1)),
    ]
    assert deletes == [(5, 3, 4)]


def test_contents_are_cut_in_utf_16_units() -> None:
    assert cut("abc", 1) == ("a", "bc")
    assert cut("āb😀c", 2) == ("āb", "😀c")
    assert cut("a😀c", 2) == ("a�", "�c"), "as Yjs does with half a pair"
    assert cut((b"1", b"2", b"3"), 1) == ((b"1",), (b"2", b"3"))
    assert cut(None, 4) == (None, None)
    assert units("a😀ā") == 4
