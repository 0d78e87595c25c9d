"""Events over a websocket: the protocol of `/api/v1/events/live`, subprotocol `cloudevents.json`.

The client sends `{"subscribe": {"after": N, "filter": …}}` once, and then `{"credit": n}` whenever it
has room for n events more. The server sends one CloudEvent in each text frame, as far as credit goes,
and besides, for which no credit is needed, at most once a second:

- `{"caughtup": position}`: everything up to here was sent; what follows is live.
- `{"checkpoint": position}`: everything up to here was looked at, and there is no more of it for this
  reader. It also comes every 15 seconds when there is nothing to say.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol
from uuid import UUID

from pydantic import Field, ValidationError

from app.events.filters import Filter
from app.events.following import Following
from app.events.sse import Note
from app.events.tail import Subscriber, Tail
from app.http import strict_json
from app.http.binding import Input
from app.http.consistency import MAX_POSITION
from domain.errors import Invalid
from realtime.protocol import Close
from realtime.seat import Refused

SUBPROTOCOL = "cloudevents.json"
CREDIT = 100  # events that may be sent before the client gives credit
MOST_CREDIT = 10_000  # events
MESSAGE = 64 * 1024  # characters of a client's message
PATIENCE = 10.0  # seconds until the client must have subscribed


class Frames(Protocol):
    """Text frames both ways; `receive` raises SocketClosed at the other side's end."""

    async def receive(self) -> str: ...
    async def send(self, text: str) -> None: ...


class Subscribe(Input):
    """Where to begin (positions after this one), and what is wanted: see app/events/filters.py."""

    after: int = Field(0, ge=0, le=MAX_POSITION)
    filter: Any = Field(default_factory=list)


class _First(Input):
    subscribe: Subscribe


class _More(Input):
    credit: int = Field(ge=1, le=MOST_CREDIT)


class Credit:
    """How many events may still be sent: `left`."""

    def __init__(self) -> None:
        self.left = CREDIT
        self._some = asyncio.Event()
        self._some.set()

    def add(self, more: int) -> None:
        """Let more through; raises Refused when it would be too many at once."""
        if self.left + more > MOST_CREDIT:
            raise Refused(Close.MALFORMED, f"no more than {MOST_CREDIT} events of credit at once")
        self.left += more
        self._some.set()

    def take(self, events: int) -> None:
        """Use it up."""
        self.left -= events
        if self.left == 0:
            self._some.clear()

    async def some(self) -> None:
        """Return once there is any."""
        await self._some.wait()


async def subscription(frames: Frames) -> tuple[int, Filter]:
    """The position and filter that the client subscribes to; raises Refused, SocketClosed."""
    try:
        async with asyncio.timeout(PATIENCE):
            wanted = _read(await frames.receive(), _First).subscribe
    except TimeoutError:
        raise Refused(Close.MALFORMED, f"subscribe within {PATIENCE:.0f} seconds") from None
    try:
        return wanted.after, Filter.parse(wanted.filter)
    except Invalid as error:
        raise Refused(Close.MALFORMED, f"{error.field}: {error}") from None


def _read(text: str, kind: type[Any]) -> Any:
    """A client's message; raises Refused."""
    if len(text) > MESSAGE:
        raise Refused(Close.TOO_LARGE, f"a message has at most {MESSAGE} characters")
    try:
        _, canonical = strict_json.parse(text.encode("utf-8", "surrogatepass"))
        return kind.model_validate_json(canonical, strict=True)
    except strict_json.NotJson as error:
        raise Refused(Close.MALFORMED, f"this is not JSON: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(Close.MALFORMED, f"{place}: {first['msg']}") from None


async def serve(
    frames: Frames, tail: Tail, following: Following, credential: UUID | None, note: Note
) -> None:
    """Send events until either side ends; raises Refused (why it ends), SocketClosed, Unavailable."""
    credit = Credit()
    async with tail.reading(credential) as subscriber:
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(_send(frames, following, subscriber, credit, note)),
            asyncio.create_task(_take_credit(frames, credit)),
            asyncio.create_task(subscriber.over.wait()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
        raise _over(tail)


async def _send(
    frames: Frames, following: Following, subscriber: Subscriber, credit: Credit, note: Note
) -> None:
    while not subscriber.over.is_set():
        before, behind = following.position, not following.at_head
        step = await following.next(subscriber, credit.left)
        credit.take(len(step.entries))
        for entry in step.entries:
            note((entry.event,))  # it may be the last that arrives
            await frames.send(entry.encoded.decode())
        if step.mark is not None:
            mark = "caughtup" if step.mark == "caughtup" else "checkpoint"
            await frames.send(f'{{"{mark}":{step.position}}}')
        if behind and step.position == before:  # what comes next needs credit
            await credit.some()


async def _take_credit(frames: Frames, credit: Credit) -> None:
    while True:
        credit.add(_read(await frames.receive(), _More).credit)


def _over(tail: Tail) -> Refused:
    if tail.closed:
        return Refused(Close.SHUTTING_DOWN, "the server is shutting down")
    return Refused(Close.SIGN_IN, "the sign-in has ended")
