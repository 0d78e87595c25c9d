"""The engine behind its few functions."""

from __future__ import annotations

from typing import Any

import pycrdt
import pytest

from realtime import crdt
from realtime.crdt import EngineError, Replica


def richtext() -> bytes:
    """A heading, a paragraph with a bold word and a link, and a list."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    fragment = doc.get("content", type=pycrdt.XmlFragment)
    heading = fragment.children.append(pycrdt.XmlElement("heading", {"level": 2}))
    heading.children.append(pycrdt.XmlText("Pilsētas svētki"))
    paragraph = fragment.children.append(pycrdt.XmlElement("paragraph"))
    words = paragraph.children.append(pycrdt.XmlText("Nāc visi"))
    words.format(0, len("Nāc".encode()), {"bold": {}})
    items = fragment.children.append(pycrdt.XmlElement("bulletList"))
    for name in ("one", "two"):
        item = items.children.append(pycrdt.XmlElement("listItem"))
        inner = item.children.append(pycrdt.XmlElement("paragraph"))
        inner.children.append(pycrdt.XmlText(name))
    return doc.get_update()


def test_rich_text_reads_as_lines_and_as_json() -> None:
    state = richtext()
    assert crdt.text_of(state, "richtext") == "Pilsētas svētki\nNāc visi\none\ntwo"
    heading, paragraph, items = crdt.json_of(state, "richtext")["content"]
    assert (heading["type"], heading["attrs"]) == ("heading", {"level": 2})
    assert paragraph["content"] == [
        {"type": "text", "text": "Nāc", "marks": [{"type": "bold"}]},
        {"type": "text", "text": " visi"},
    ]
    assert [item["type"] for item in items["content"]] == ["listItem", "listItem"]
    assert crdt.json_of(Replica().state(), "richtext") == {"type": "doc", "content": []}


def test_what_is_composed_is_read_back() -> None:
    content = {
        "type": "doc",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": "ziņa"}]}],
    }
    assert crdt.json_of(crdt.compose(content), "richtext") == content


def test_plain_text() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc["content"] = pycrdt.Text("sveiki 😀")
    assert crdt.text_of(doc.get_update(), "text") == "sveiki 😀"
    assert crdt.json_of(doc.get_update(), "text") == {"text": "sveiki 😀"}


def test_failures_are_named() -> None:
    for call in (Replica().apply, crdt.check, Replica().diff, lambda data: crdt.merge([data, data])):
        with pytest.raises(EngineError):
            call(b"\x07bad")


def test_merging_many_is_the_same_in_effect() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    made: list[bytes] = []
    doc.observe(lambda event: made.append(event.update))
    text = doc.get("content", type=pycrdt.Text)
    for i in range(3000):
        text += chr(97 + i % 26)
    assert crdt.text_of(crdt.merge(made), "text") == str(text)
    assert crdt.merge([]) == b"\x00\x00"


def test_what_is_deleted_is_known() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=5)
    text = doc.get("content", type=pycrdt.Text)
    text += "abcdef"
    del text[1:3]
    replica = Replica()
    replica.apply(doc.get_update())
    assert replica.deleted() == [(5, 1, 3)]
    assert replica.clocks() == {5: 6}
