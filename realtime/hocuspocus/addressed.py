"""How a room reaches a member on a socket that carries many documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime import protocol
from realtime.cell import Cell
from realtime.channel import Channel
from realtime.hocuspocus import protocol as hocuspocus
from realtime.member import Member
from realtime.protocol import STEP1

if TYPE_CHECKING:
    from realtime.hocuspocus.multiplex import Multiplex
    from realtime.hocuspocus.place import Place

_STEP1 = bytes((protocol.SYNC, STEP1))


class AddressedChannel(Channel):
    """One stay in a document. `over`: nothing of it goes out any more."""

    __slots__ = ("over", "place")

    def __init__(self, connection: Multiplex, member: Member, cell: Cell, place: Place) -> None:
        super().__init__(connection, member, cell, place.address)
        self.place = place
        self.over = False

    def deliver(self, frame: bytes) -> None:
        """Send a frame; that the server asks for something must not get lost in a diff."""
        if self.over:
            return
        if frame.startswith(_STEP1):
            self.place.receipts.ask()
            self.place.say(frame)
        else:
            super().deliver(frame)

    def catch_up(self, have: bytes) -> list[bytes]:
        """Frames that bring the reader to now; each step1 of its own was answered at once."""
        return [frame for frame in super().catch_up(have) if not frame.startswith(_STEP1)]

    def rights(self, may_edit: bool) -> None:
        """Tell what the member may do from now on."""
        if not self.over:
            self.place.say(hocuspocus.authenticated(may_edit))
