"""Read your own writes: a read may name the position that its answer must have taken in.

`If-Position-At-Least: N` or `?after=N`, with the position that a write answered.
"""

from __future__ import annotations

from starlette.requests import Request

from app.http.problems import FieldError, Problem
from app.system import System

HEADER = "If-Position-At-Least"
PARAMETER = "after"
MAX_POSITION = 2**63 - 1


def parse_position(text: str, field: str) -> int:
    """A log position written in decimal digits; raises a Problem (422)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_POSITION):
        error = FieldError(field, "position_invalid", "a whole number from 0 on is needed")
        raise Problem(422, "invalid", f"{field} is not a position", [error])
    return int(text)


async def check_reached(system: System, position: int, field: str) -> None:
    """Raise a Problem (422) for a position that the log has not given to any event yet."""
    if position > await system.log.head():
        error = FieldError(field, "position_ahead", "the log does not reach that far yet")
        raise Problem(422, "position_ahead", f"{field} names a position that does not exist yet", [error])


async def wait_for_position(system: System, request: Request) -> None:
    """Return once all views have taken in the position that the request names, if it names one.

    Raises a Problem (422) for what is no position of this log, and Unavailable when the views take
    too long.
    """
    wanted = 0
    for value in request.headers.getlist(HEADER):
        wanted = max(wanted, parse_position(value, HEADER))
    for value in request.query_params.getlist(PARAMETER):
        wanted = max(wanted, parse_position(value, PARAMETER))
    if wanted:
        await check_reached(system, wanted, HEADER)
        await system.views.wait_all(wanted)
