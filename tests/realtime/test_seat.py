"""A place in a room is taken once and given up once."""

from __future__ import annotations

from datetime import UTC, datetime

from realtime.protocol import Close
from realtime.seat import Refused, Seat
from tests.realtime.test_cell import Stage, edit

AT = datetime(2026, 1, 1, tzinfo=UTC)


async def test_what_its_member_says_is_said_in_its_room() -> None:
    stage = Stage()
    member, _ = stage.member()
    seat = Seat(member, stage.cell, lambda seat: None)
    written = edit()
    seat.receive(written, 5.0, AT)
    (entry,) = stage.journal.entries
    assert (entry.update, entry.person, entry.received_at) == (written.data, member.person, AT)
    assert member.heard == 5.0


async def test_it_is_given_up_once() -> None:
    stage, left = Stage(), list[Seat]()
    member, _ = stage.member()
    seat = Seat(member, stage.cell, left.append)
    seat.leave()
    seat.leave()
    assert left == [seat]


async def test_giving_it_up_again_meanwhile_changes_nothing() -> None:
    stage, left = Stage(), list[Seat]()
    member, _ = stage.member()

    def leaving(seat: Seat) -> None:
        left.append(seat)
        seat.leave()  # as when its connection ends because it left

    Seat(member, stage.cell, leaving).leave()
    assert len(left) == 1


def test_a_refusal_says_why() -> None:
    refused = Refused(Close.FORBIDDEN, "you may not see this document")
    assert refused.code == 4403
    assert str(refused) == "you may not see this document"
