"""lib0 encoding against the engine's own, and strictly."""

from __future__ import annotations

import pycrdt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime import wire
from realtime.wire import Malformed


@given(st.integers(0, wire.MAX_INTEGER))
def test_integers_come_back(value: int) -> None:
    encoded = wire.varuint(value)
    assert wire.read_varuint(b"x" + encoded + b"y", 1) == (value, 1 + len(encoded))


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\xff" * 7 + b"\x7f", b"\x80" * 8 + b"\x00", wire.varuint(2**53)], ids=range(5)
)
def test_integers_have_an_end(data: bytes) -> None:
    with pytest.raises(Malformed):
        wire.read_varuint(data, 0)


@given(st.binary(max_size=300))
def test_bytes_come_back(value: bytes) -> None:
    encoded = wire.sized(value)
    assert wire.read_bytes(encoded, 0) == (value, len(encoded))
    with pytest.raises(Malformed):
        wire.read_bytes(encoded[:-1], 0)


def test_text_is_utf8() -> None:
    assert wire.read_string(b"\x02\xc4\x81", 0) == ("ā", 3)
    with pytest.raises(Malformed):
        wire.read_string(b"\x02\xc4\xc4", 0)


@given(st.dictionaries(st.integers(0, 2**53 - 1), st.integers(1, 2**31 - 1), max_size=5))
def test_state_vectors_come_back(vector: dict[int, int]) -> None:
    assert wire.read_state_vector(wire.state_vector(vector)) == vector


def test_state_vectors_are_the_engines() -> None:
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    doc["content"] = pycrdt.Text("abc")
    assert wire.read_state_vector(doc.get_state()) == {doc.client_id: 3}
    with pytest.raises(Malformed):
        wire.read_state_vector(doc.get_state() + b"\x00")


def test_delete_sets_come_back() -> None:
    ranges = [(1, 0, 5), (1, 7, 8), (300, 2, 1000)]
    encoded = wire.delete_set(ranges)
    assert wire.read_delete_set(encoded, 0) == (ranges, len(encoded))
    for impossible in ([(1, 3, 3)], [(1, 0, 2**31)]):
        with pytest.raises(Malformed):
            wire.read_delete_set(wire.delete_set(impossible), 0)


def test_values_nest_to_a_depth() -> None:
    assert wire.skip_any(b"\x75\x01" * 60 + b"\x7e", 0) == 121
    with pytest.raises(Malformed):
        wire.skip_any(b"\x75\x01" * 5000 + b"\x7e", 0)


@pytest.mark.parametrize(
    "value",
    [None, True, 1.5, 12345678901, -3, "ž", {"a": [1, {"b": False}]}, [1, "x"], b"\x00\x01"],
    ids=repr,
)
def test_values_of_the_engine_are_stepped_over(value: object) -> None:
    doc: pycrdt.Doc[pycrdt.Array[object]] = pycrdt.Doc()
    array = doc.get("a", type=pycrdt.Array)
    array.append(value)
    update = doc.get_update()
    marker = update.index(b"\x01a") + 2 + 1  # root name, count of values
    assert wire.skip_any(update, marker) == len(update) - 1


def test_json_is_json() -> None:
    assert wire.read_json(wire.sized(b'{"a":1}'), 0) == 8
    assert wire.read_json(wire.sized(b"undefined"), 0) == 10
    for bad in (b"{", b"NaN", b"[" * 5000):
        with pytest.raises(Malformed):
            wire.read_json(wire.sized(bad), 0)
