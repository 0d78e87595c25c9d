"""What auditors take away of a process: the archive that proves itself, and who did what as PROV-O."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from uuid import UUID

from pydantic import Field
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.events import reader
from app.audit.export import export
from app.audit.own import evidence
from app.audit.provenance import CLOSING, MEDIA_TYPE, OPENING, Provenance
from app.http.binding import Input
from app.http.consistency import MAX_POSITION, check_reached
from app.http.endpoint import Call, endpoint, routes_of
from app.http.principal import authenticate
from domain.errors import Forbidden, NotFound, Unavailable
from domain.ports import EventFilter, RecordedEvent

ZIP = "application/zip"
AT_ONCE = 2  # archives being made on this node
PLACES = 8  # archives on this node, those that wait to be made and those being sent included
EACH = 2  # of them for one person
_CHUNK = 2**18  # bytes
_PAGE = 500  # events

_PRIVATE = {"Cache-Control": "private, no-store"}


class Turns:
    """So many archives are made at once, and so many kept for those who are taking them, and no more."""

    def __init__(self, at_once: int = AT_ONCE, places: int = PLACES, each: int = EACH) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._places, self._each = places, each
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def place(self, person: UUID) -> Iterator[None]:
        """A place for one archive during the block; raises Unavailable when there is none left."""
        if self._taken.total() >= self._places or self._taken[person] >= self._each:
            raise Unavailable("too many exports are under way", retry_after=10)
        self._taken[person] += 1
        try:
            yield
        finally:
            self._taken[person] -= 1
            self._taken += Counter()  # forget who has none

    def turn(self) -> asyncio.Semaphore:
        """To be held while an archive is made."""
        return self._turns


def _turns(call: Call) -> Turns:
    """The one Turns of this application, made when it is first needed."""
    state = call.request.app.state
    if not hasattr(state, "export_turns"):
        state.export_turns = Turns()
    found: Turns = state.export_turns
    return found


@endpoint(
    "GET",
    "/api/v1/processes/{process}/export",
    scope="read",
    summary="Take a process away, with what proves it",
    produces={ZIP: None},
)
async def archive(call: Call, process: UUID) -> Response:
    """The archive that `interlink verify` checks, for whoever may view the whole process."""
    await _check_whole(call, process)
    headers = {**_PRIVATE, "Content-Disposition": f'attachment; filename="interlink-{process}.zip"'}
    if call.request.method == "HEAD":
        return Response(None, headers=headers, media_type=ZIP)
    async with AsyncExitStack() as stack:
        stack.enter_context(_turns(call).place(call.person))
        folder = await asyncio.to_thread(TemporaryDirectory, prefix="interlink-export-")
        stack.callback(folder.cleanup)
        path = Path(folder.name) / "export.zip"
        async with _turns(call).turn():
            given = partial(call.system.accesses.note, reader(call, "export"))
            own = await evidence(call.system.settings, call.system.pool)
            await export(call.system.pool, path, own, process=process, given=given)
        await _check_whole(call, process)  # it may have taken a while
        headers["Content-Length"] = str((await asyncio.to_thread(path.stat)).st_size)
        return _Lent(_bytes(call, process, path), headers, stack.pop_all())


class _Lent(StreamingResponse):
    """A file that is there until it was sent, or until its reader is gone."""

    def __init__(self, content: AsyncIterator[bytes], headers: dict[str, str], held: AsyncExitStack) -> None:
        super().__init__(content, headers=headers, media_type=ZIP)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


async def _bytes(call: Call, process: UUID, path: Path) -> AsyncIterator[bytes]:
    """The file, as long as the reader may have it."""
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            await _check_whole(call, process)
            yield chunk


class Part(Input):
    """Which events: those after one log position and before another, both left out."""

    after: Annotated[int, Field(ge=0, le=MAX_POSITION)] = 0
    before: Annotated[int, Field(ge=1, le=MAX_POSITION)] | None = None


@endpoint(
    "GET",
    "/api/v1/processes/{process}/provenance",
    scope="read",
    summary="Who did what, because of what",
    produces={MEDIA_TYPE: dict[str, object]},
)
async def provenance(call: Call, process: UUID, query: Part) -> Response:
    """The process in W3C PROV-O as JSON-LD, a line for each node, for whoever may view all of it."""
    await _check_whole(call, process)
    await check_reached(call.system, query.after, "after")
    if call.request.method == "HEAD":
        return Response(None, headers=_PRIVATE, media_type=MEDIA_TYPE)
    return StreamingResponse(_document(call, process, query), headers=_PRIVATE, media_type=MEDIA_TYPE)


async def _document(call: Call, process: UUID, query: Part) -> AsyncIterator[bytes]:
    told, note = Provenance(), partial(call.system.accesses.note, reader(call, "export"))
    yield OPENING
    async for events in _events(call, process, query):
        await _check_whole(call, process)
        note(events)
        yield b"".join(map(told.piece, events))
    yield CLOSING


async def _events(call: Call, process: UUID, query: Part) -> AsyncIterator[list[RecordedEvent]]:
    """Pages of the process's events up to the log's end as it is now."""
    log = call.system.log
    end = await log.head() + 1
    after, before = query.after, end if query.before is None else min(query.before, end)
    while after + 1 < before:
        where = EventFilter(process=process)
        page = list(await log.read(after=after, before=before, limit=_PAGE, where=where))
        if page:
            yield page
        if len(page) < _PAGE:
            return
        after = page[-1].position


async def _check_whole(call: Call, process: UUID) -> None:
    """Return if whoever asks may still view the whole process; raises Forbidden, NotFound."""
    await call.system.authorization.require(call.person, "view", process)
    if not await call.system.authorization.sees_whole(call.person, process):
        raise Forbidden("this needs the right to view the whole process")
    if await authenticate(call.request, call.system.sign_in) != call.principal:
        raise NotFound("no such process")


routes = routes_of(archive, provenance)
