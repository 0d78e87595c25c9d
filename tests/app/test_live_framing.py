"""Frames are found wherever the network cuts the stream, as the websockets library would find them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode, apply_mask

from app.live_framing import Framing

PAYLOADS = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([125, 126, 127, 65535, 65536, 65537, 70_000]).map(lambda size: b"x" * size),
)
FRAMES = st.builds(
    Frame, opcode=st.sampled_from(Opcode), data=PAYLOADS, fin=st.booleans(), rsv1=st.booleans()
)
STREAMS = st.lists(st.tuples(FRAMES, st.booleans()), max_size=8)
CUTS = st.lists(st.one_of(st.integers(1, 20), st.integers(1, 100_000)), min_size=1, max_size=30)


def segments(stream: bytes, sizes: list[int]) -> list[bytes]:
    cut, at, turn = [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        cut.append(stream[at : at + size])
        at, turn = at + size, turn + 1
    return cut


def written(frame: Frame, mask: bool) -> bytes:
    made = Frame(frame.opcode, frame.data, frame.fin).serialize(mask=mask)
    return bytes([made[0] | frame.rsv1 << 6]) + made[1:]


@given(STREAMS, CUTS)
def test_every_ordinary_frame_is_found_and_nothing_is_lost(
    frames: list[tuple[Frame, bool]], sizes: list[int]
) -> None:
    frames = [(f, m) for f, m in frames if f.opcode < 8 or (f.fin and len(f.data) <= 125)]
    stream = b"".join(written(frame, mask) for frame, mask in frames)
    framing = Framing()
    parts = [
        part
        for segment in segments(stream, sizes * (1 + len(stream) // 2000))
        for part in framing.cut(segment)
    ]
    assert b"".join(part for part, _ in parts) == stream
    ordinary = [apply_mask(part[at:], part[at - 4 : at]) for part, at in parts if at]
    assert ordinary == [
        bytes(frame.data)
        for frame, mask in frames
        if mask
        and frame.fin
        and not frame.rsv1
        and frame.opcode is Opcode.BINARY
        and len(frame.data) <= 65536
    ]


@given(st.binary(max_size=400), CUTS)
def test_any_bytes_pass_through_whole(stream: bytes, sizes: list[int]) -> None:
    framing = Framing()
    parts = [part for segment in segments(stream, sizes) for part, _ in framing.cut(segment)]
    passed = b"".join(parts)
    assert stream.startswith(passed)
    assert len(stream) - len(passed) <= 14 + 65536
