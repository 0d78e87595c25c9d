"""What items stand for is read as it was put in, and as JSON could say it."""

from __future__ import annotations

import json
import struct
from typing import Any

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.history import structs
from realtime.history.structs import ANY, BINARY, EMBED, JSON, STRING, Item, decode
from realtime.history.values import format_of, read_any, type_of, value_of
from realtime.wire import sized, skip_any, varuint

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


def made(kind: int, content: structs.Content) -> Item:
    return Item(5, 0, 1, kind, content, None, None, "content")


def encoded(value: Any) -> bytes:
    """As lib0 writes it (`writeAny`)."""
    if value is None or isinstance(value, bool):
        return bytes((126 if value is None else 120 if value else 121,))
    if isinstance(value, int):
        size = abs(value)
        first = size & 0x3F | (0x40 if value < 0 else 0)
        return bytes((125, first)) if size < 64 else bytes((125, first | 0x80)) + varuint(size >> 6)
    if isinstance(value, float):
        return b"\x7b" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x77" + sized(value.encode())
    if isinstance(value, list):
        return b"\x75" + varuint(len(value)) + b"".join(map(encoded, value))
    parts = (sized(name.encode()) + encoded(each) for name, each in value.items())
    return b"\x76" + varuint(len(value)) + b"".join(parts)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**31) + 1, 2**31 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(PLAIN, st.binary(max_size=3))
def test_a_value_is_read_to_its_end_and_no_further(value: Any, behind: bytes) -> None:
    data = b"\x00" + encoded(value)
    assert read_any(data + behind, 1) == (value, len(data))
    assert skip_any(data + behind, 1) == len(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x7f", None),  # undefined
        (b"\x7c" + struct.pack(">f", 0.5), 0.5),
        (b"\x7c" + struct.pack(">f", 3), 3),
        (b"\x7a" + struct.pack(">q", -(2**60)), -(2**60)),
        (b"\x7d\xbf\x01", 127),
        (b"\x7d\xff\x01", -127),
        (b"\x7d\x40", 0),  # -0
    ],
)
def test_other_spellings(data: bytes, value: Any) -> None:
    assert read_any(data, 0) == (value, len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\x7b" + struct.pack(">d", float("nan")),
        b"\x7b" + struct.pack(">d", float("-inf")),
        b"\x7c" + struct.pack(">f", float("inf")),
        b"\x74\x02\xff\xfe",
    ],
)
def test_what_json_has_no_word_for_is_nothing(data: bytes) -> None:
    """It would stand in the answers of the API, which are JSON."""
    assert read_any(data, 0) == (None, len(data))
    assert value_of(made(ANY, (b"\x76\x01\x01a\x75\x01" + data,))) == {"a": [None]}


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 8191, 8192, 2**31, 2**52])
def test_whole_numbers_of_any_length(value: int) -> None:
    for signed in (value, -value):
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        doc.get("map", type=pycrdt.Map)["n"] = float(signed)
        [item] = decode(doc.get_update())[0]
        assert item.kind == ANY
        assert value_of(item) == signed
        assert isinstance(value_of(item), int)


def test_values_are_what_was_put_in() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    put = {
        "n": 3,
        "m": -70,
        "x": 2.5,
        "big": 2**40,
        "t": True,
        "f": False,
        "none": None,
        "s": "ā",
        "l": [1, {"a": [2]}],
    }
    shared = doc.get("map", type=pycrdt.Map)
    for name, value in put.items():
        shared[name] = value
    items, _ = decode(doc.get_update())
    assert {item.key: value_of(item) for item in items} == put


def test_of_several_values_under_a_key_the_last_counts() -> None:
    assert value_of(made(STRING, "whole")) == "whole"
    assert value_of(made(ANY, (b"\x78", b"\x79"))) is False
    assert value_of(made(JSON, (sized(b"1"), sized(b'{"a":[2]}')))) == {"a": [2]}
    assert value_of(made(JSON, (sized(b"undefined"),))) is None
    assert value_of(made(EMBED, sized(b'{"image":"x"}'))) == {"image": "x"}


def test_what_is_not_plain_has_no_value() -> None:
    assert value_of(made(ANY, ())) is None
    assert value_of(made(JSON, ())) is None
    assert value_of(made(BINARY, sized(b"abc"))) is None
    assert value_of(made(structs.TYPE, b"\x01")) is None
    assert value_of(made(structs.DELETED, None)) is None


@given(TEXT, PLAIN)
def test_a_mark_has_a_name_and_a_value(name: str, value: Any) -> None:
    content = sized(name.encode()) + sized(json.dumps(value).encode())
    assert format_of(made(structs.FORMAT, content)) == (name, value)


def test_a_mark_that_is_not_quite_json_has_a_value_that_is() -> None:
    content = sized(b"bold") + sized(b'{"a": [NaN, -Infinity]}')
    assert format_of(made(structs.FORMAT, content)) == ("bold", {"a": [None, None]})


def test_shared_types_and_formats_say_what_they_are() -> None:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    block = doc.get("content", type=pycrdt.XmlFragment).children.append(pycrdt.XmlElement("heading", {}))
    text = block.children.append(pycrdt.XmlText("words"))
    text.format(0, 5, {"bold": True, "link": {"href": "x"}})
    items, _ = decode(doc.get_update())
    types = [type_of(item) for item in items if item.kind == structs.TYPE]
    assert types == [(structs.XML_ELEMENT, "heading"), (structs.XML_TEXT, "")]
    formats = [format_of(item) for item in items if item.kind == structs.FORMAT]
    assert ("bold", True) in formats
    assert ("bold", None) in formats
    assert ("link", {"href": "x"}) in formats
    assert type_of(made(structs.TYPE, b"\x05" + sized(b"hook"))) == (structs.XML_HOOK, "hook")
