"""What nodes say to each other, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.nodes.relay import Message, News, Presence, RollCall, encode, parse
from realtime.wire import Malformed

numbers = st.integers(0, 2**53 - 1)
messages = st.one_of(
    st.builds(
        News,
        numbers,
        numbers,
        st.lists(st.tuples(st.integers(0, 2**32), st.uuids()), max_size=5).map(tuple),
        st.binary(max_size=50),
    ),
    st.builds(Presence, st.binary(max_size=50)),
    st.just(RollCall()),
)


@given(messages)
def test_what_is_said_is_understood(message: Message) -> None:
    assert parse(encode(message)) == message


@pytest.mark.parametrize(
    "data",
    [b"", b"\x03", b"\x00", b"\x00\x01\x02\x01\x07" + bytes(15), b"\x00\x80"],
)
def test_what_ends_early_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


@given(st.binary(max_size=60))
def test_noise_does_no_harm(data: bytes) -> None:
    try:
        parse(data)
    except Malformed:
        return
