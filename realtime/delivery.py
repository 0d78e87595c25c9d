"""One edit from the server itself, on somebody's behalf, through the same rules and journal as any other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from realtime.hub import Hub, Refused
from realtime.ports import Admission
from realtime.protocol import Close, Edit
from realtime.update import walk

_PATIENCE = 30.0  # seconds


async def deliver(hub: Hub, admission: Admission, update: bytes) -> None:
    """Return once the update is committed; raises Refused, and Malformed.

    One that was refused because it could not be committed in time may be committed later.
    """
    edit = Edit(update, walk(update), step2=False)
    outlet = _Outlet()
    seat = await hub.join(admission, lambda member, cell: outlet)
    try:
        seat.receive(edit, asyncio.get_running_loop().time(), datetime.now(UTC))
        async with asyncio.timeout(_PATIENCE):
            taken = await outlet.answered
    except TimeoutError:
        raise Refused(Close.SHUTTING_DOWN, "this is not saved yet") from None
    finally:
        seat.leave()
    if not taken:
        raise Refused(Close.FORBIDDEN, "you may not edit this document")


class _Outlet:
    """Implements Outlet: hears nothing but the answer."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def deliver(self, frame: bytes) -> None:
        """Others' edits do not concern it."""

    def answer(self, taken: bool) -> None:
        """The one answer to the one edit."""
        if not self.answered.done():
            self.answered.set_result(taken)

    def rights(self, may_edit: bool) -> None:
        """The answer says what became of it."""

    def close(self, code: int, reason: str) -> None:
        """It was put out before the answer, or with it."""
        if not self.answered.done():
            self.answered.set_exception(Refused(Close(code), reason))
