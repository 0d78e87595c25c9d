"""JSON from strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.http.strict_json import DEPTH, NotJson, parse

REFUSED = [
    b"",
    b" ",
    b"{",
    b"nul",
    b"[1,]",
    b"{'a':1}",
    b'{"a":1}x',
    b'{"a":1,"a":2}',
    b'{"b":[{"a":1,"\\u0061":2}]}',
    b"NaN",
    b"[Infinity]",
    b"[-Infinity]",
    b"1e999",
    b"-1e999",
    b"9" * 5000,
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\\ud800"',
    b'["\\udc00\\ud800"]',
    b'{"\\ud800":1}',
    b'"\\u0000"',
    b'{"\\u0000":1}',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    "{}".encode("utf-32"),
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1),
    b'"\x01"',
    b'"a\nb"',
]


@pytest.mark.parametrize("data", REFUSED, ids=range(len(REFUSED)))
def test_refuses(data: bytes) -> None:
    with pytest.raises(NotJson):
        parse(data)


def test_gives_value_and_canonical_bytes() -> None:
    value, canonical = parse(b' {"b": [1, 2.5, null, true], "a": "\\u00e9\\ud83d\\ude00"} ')
    assert value == {"a": "é😀", "b": [1, 2.5, None, True]}
    assert canonical == '{"a":"é😀","b":[1,2.5,null,true]}'.encode()


def test_depth_is_allowed_up_to_the_limit() -> None:
    parse(b"[" * DEPTH + b"]" * DEPTH)


NAMES = st.text(st.characters(codec="ascii", min_codepoint=1))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii", min_codepoint=1)), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_takes_all_json_and_says_the_same_once_more(value: Any) -> None:
    found, canonical = parse(json.dumps(value).encode())
    assert found == value
    assert parse(canonical) == (value, canonical)


@given(st.binary())
@example(b'{"a":{"a":1},"b":1}')
def test_never_fails_otherwise(data: bytes) -> None:
    try:
        value, canonical = parse(data)
    except NotJson:
        return
    assert json.loads(canonical) == value
