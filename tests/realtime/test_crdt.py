"""The engine behind its few functions."""

from __future__ import annotations

import json
from typing import Any

import pycrdt
import pytest

from domain.errors import Conflict
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


def blocks(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "doc", "content": list(nodes)}


def said(text: str, **marks: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "text", "text": text}
    if marks:
        found["marks"] = [
            {"type": name, "attrs": value} if value else {"type": name}
            for name, value in sorted(marks.items())
        ]
    return found


def line(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(content)} if content else {"type": "paragraph"}


def test_marks_and_attributes_are_composed_and_read_back() -> None:
    content = blocks(
        {"type": "heading", "attrs": {"level": 2}, "content": [said("ādā 😀", bold={}), said(" plain")]},
        line(
            said("a", bold={}, italic={}),
            said("b", link={"href": "https://example.org", "target": "_blank"}),
            {"type": "hardBreak"},
            said("c"),
        ),
    )
    assert crdt.json_of(crdt.compose(content), "richtext") == content
    empty = blocks({"type": "image", "attrs": {"src": None, "alt": "x"}})
    assert crdt.json_of(crdt.compose(empty), "richtext")["content"][0]["attrs"] == {"alt": "x"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), b"\xff\xfe"])
def test_what_json_has_no_word_for_is_null(value: object) -> None:
    """Any editor may write it; whoever asks for the content as JSON gets an answer all the same."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    block = doc.get("content", type=pycrdt.XmlFragment).children.append(pycrdt.XmlElement("heading"))
    block.attributes["level"] = {"of": [value, 1.0, 1.5]}
    found = crdt.json_of(doc.get_update(), "richtext")
    assert found["content"] == [{"type": "heading", "attrs": {"level": {"of": [None, 1, 1.5]}}}]
    json.dumps(found, allow_nan=False)


def test_overlapping_marks_lose_the_editor_s_hash() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    paragraph = doc.get("content", type=pycrdt.XmlFragment).children.append(pycrdt.XmlElement("paragraph"))
    words = paragraph.children.append(pycrdt.XmlText("x"))
    words.format(0, 1, {"comment--abcdEF12": {"id": 1}})
    [node] = crdt.json_of(doc.get_update(), "richtext")["content"][0]["content"]
    assert node["marks"] == [{"type": "comment", "attrs": {"id": 1}}]


def applied(state: bytes, update: bytes) -> bytes:
    replica = Replica()
    replica.apply(state)
    replica.apply(update)
    return replica.state()


def test_inserting_adds_replaces_and_fills_what_is_empty() -> None:
    one, two = blocks(line(said("one"))), blocks(line(said("two")))
    for state in (Replica().state(), crdt.compose(blocks(line()))):
        update = crdt.insert(state, one, "richtext", client=7)
        assert crdt.json_of(applied(state, update), "richtext") == one
    state = crdt.compose(one)
    added = crdt.insert(state, two, "richtext", client=7)
    assert crdt.text_of(applied(state, added), "richtext") == "one\ntwo"
    replaced = crdt.insert(state, two, "richtext", client=7, replace=True)
    assert crdt.json_of(applied(state, replaced), "richtext") == two
    assert crdt.insert(applied(state, added), two, "richtext", client=7, replace=True) == b"\x00\x00"


def test_an_insertion_holds_nothing_but_itself() -> None:
    state = crdt.compose(blocks(line(said("x" * 10_000))))
    assert len(crdt.insert(state, blocks(line(said("two"))), "richtext", client=7)) < 100


def test_inserting_plain_text() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc["content"] = pycrdt.Text("one")
    state = doc.get_update()
    added = crdt.insert(state, {"text": "two"}, "text", client=7)
    assert crdt.text_of(applied(state, added), "text") == "one\ntwo"
    replaced = crdt.insert(state, {"text": "two"}, "text", client=7, replace=True)
    assert crdt.text_of(applied(state, replaced), "text") == "two"


def test_pictures_and_breaks_stand_inside_a_line() -> None:
    picture = {"type": "image", "attrs": {"src": "x", "alt": "y"}}
    content = blocks(
        line(said("a"), picture, said("b"), {"type": "hardBreak"}, said("c")), line(), line(said("d"))
    )
    assert crdt.text_of(crdt.compose(content), "richtext") == "ab\nc\n\nd"


def nested(depth: int) -> bytes:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    with doc.transaction():
        inner: Any = doc.get("content", type=pycrdt.XmlFragment)
        for _ in range(depth):
            inner = inner.children.append(pycrdt.XmlElement("blockquote"))
        inner.children.append(pycrdt.XmlText("deep"))
    return doc.get_update()


def test_however_deep_a_document_is_its_text_is_read() -> None:
    assert crdt.text_of(nested(20_000), "richtext") == "deep"
    assert crdt.json_of(nested(crdt.MAX_DEPTH - 1), "richtext")["type"] == "doc"
    with pytest.raises(Conflict) as refusal:
        crdt.json_of(nested(20_000), "richtext")
    assert refusal.value.code == "document_too_deep"
