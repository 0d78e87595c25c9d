"""A sample of `make fuzz`."""

from __future__ import annotations

import pytest

from realtime import protocol
from realtime.hocuspocus import protocol as hocuspocus
from realtime.protocol import Refusal
from tests.fuzz.frames import H, Y, h_seeds, y_seeds
from tests.fuzz.target import Target

BATCHES = 12  # of a thousand frames


@pytest.mark.parametrize("speaks", [Y, H])
def test_no_frame_harms_anybody(speaks: str) -> None:
    outcomes = set()
    for number in range(BATCHES):
        target = Target(speaks, 1, number)
        for frame in target.frames():
            target.throw(frame)
        target.finish()
        outcomes |= set(target.outcomes)
    assert outcomes >= {"closed 4400", "put out 4409", "Edit", "Step1", "Awareness"}, "it reaches everything"


def test_seeds_are_good_frames() -> None:
    refused = [f for f in y_seeds() if isinstance(protocol.parse(f, 2**20), Refusal)]
    assert refused == [protocol.denied("hello")], "only a server says that"
    refused = [f for f in h_seeds() if isinstance(hocuspocus.parse(f, 2**20), Refusal)]
    assert len(refused) == 2, "only a server says these"
