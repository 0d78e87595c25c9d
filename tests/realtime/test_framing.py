"""Frames in a body: back as they were, bounded, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime import framing, protocol, wire


@given(st.lists(st.binary(max_size=40)))
def test_bodies_are_split_as_they_were_joined(frames: list[bytes]) -> None:
    assert framing.split(framing.join(frames)) == frames


@given(st.binary(max_size=40))
@settings(max_examples=300)
def test_any_body_is_frames_or_malformed(body: bytes) -> None:
    try:
        assert framing.split(body) is not None
    except wire.Malformed:
        return


def test_there_is_an_end_to_how_many_there_may_be() -> None:
    with pytest.raises(wire.Malformed):
        framing.split(bytes(8 * 1024 * 1024))  # so many empty frames
    assert len(framing.split(bytes(5000))) == 5000


def test_updates_are_found_among_other_frames() -> None:
    frames = [protocol.HEARTBEAT, protocol.step1(b"\x00"), protocol.step2(b"a"), protocol.update(b"bc")]
    assert framing.updates_of(frames) == [b"a", b"bc"]
