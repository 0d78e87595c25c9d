"""Naming versions and bringing them back: once, whatever happens in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pycrdt
import pytest

from app.commands import document as commands
from app.database.postgres import Pool
from app.door import Visitor, admission
from app.system import System
from domain.catalogue import EVENTS
from domain.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from domain.ports import Context
from realtime import crdt
from realtime.delivery import deliver
from realtime.limits import Limits
from tests.builders import by
from tests.interop.live_server import Place, colleague, live_system, place


@pytest.fixture
async def live(pool: Pool) -> AsyncIterator[System]:
    async with live_system(pool, Limits()) as running:
        yield running


async def write(system: System, document: UUID, person: UUID, words: str) -> None:
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    doc.apply_update(await system.hub.read(document))
    text = doc.get("content", type=pycrdt.Text)
    text.insert(len(str(text).encode()), words)
    await deliver(
        system.hub, await admission(system, Visitor(person, may_write=True), document), doc.get_update()
    )


async def text(system: System, at: Place) -> str:
    return crdt.text_of(await system.hub.read(at.document), "text")


async def events(system: System, at: Place) -> list[str]:
    return [event.type for event in await system.log.read_stream(at.document)]


async def test_naming_what_is_there_now_seals_it_first(live: System) -> None:
    at = await place(live)
    await write(live, at.document, at.owner, "draft")
    done = await commands.name_version(live, by(at.owner), document=at.document, name="First", reason="Why")
    assert await events(live, at) == ["document.created", "document.edited", "document.version_named"]
    [event] = await live.log.read(after=done.position - 1)
    told = EVENTS.payload(event)
    assert told == {"version": str(done.id), "name": "First", "reason": "Why", "through": done.position - 1}
    assert (event.actor, event.process, event.tags) == (at.owner, at.process, (f"version:{done.id}",))


async def test_a_restoration_cut_off_before_its_event_is_not_done_twice(
    live: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await place(live)
    await write(live, at.document, at.owner, "agreed")
    named = await commands.name_version(live, by(at.owner), document=at.document, name="Agreed")
    await write(live, at.document, at.owner, " and more")
    context = Context(actor=at.owner)

    async def fail(*_: object) -> None:
        raise Unavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(commands, "_append", fail)
        with pytest.raises(Unavailable):
            await commands.restore_version(live, context, document=at.document, version=named.id)
    assert await text(live, at) == "agreed"
    await write(live, at.document, at.owner, " again")
    done = await commands.restore_version(live, context, document=at.document, version=named.id)
    assert await text(live, at) == "agreed again", "what was written meanwhile stays"
    assert await commands.restore_version(live, context, document=at.document, version=named.id) == done
    assert (await events(live, at)).count("document.restored") == 1
    stolen = Context(actor=await colleague(live, at, "view", "edit"), command_id=context.command_id)
    with pytest.raises(Conflict):
        await commands.restore(live, stolen, document=at.document, at=named.position)


async def test_one_that_cannot_be_written_leaves_no_event(
    live: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await place(live)
    await write(live, at.document, at.owner, "text")
    before = await events(live, at)

    async def sealed(document: UUID) -> bool:
        return False

    monkeypatch.setattr(commands, "_SEALING", (0.0, 0.0))
    monkeypatch.setattr(live.hub, "seal", sealed)
    with pytest.raises(Unavailable):
        await commands.name_version(live, by(at.owner), document=at.document, name="x")
    await live.hub.stop()
    with pytest.raises(Unavailable):
        await commands.restore(live, by(at.owner), document=at.document, at=0)
    assert [e for e in await events(live, at) if e != "document.edited"] == [
        e for e in before if e != "document.edited"
    ]


async def test_who_may(live: System) -> None:
    at = await place(live)
    await write(live, at.document, at.owner, "text")
    viewer, stranger = await colleague(live, at, "view"), uuid4()
    for person, error in ((viewer, Forbidden), (stranger, NotFound), (None, NotFound)):
        with pytest.raises(error):
            await commands.name_version(live, by(person), document=at.document, name="x")
        with pytest.raises(error):
            await commands.restore(live, by(person), document=at.document, at=0)
    with pytest.raises(NotFound):
        await commands.restore_version(live, by(at.owner), document=at.document, version=uuid4())
    other = await place(live)
    named = await commands.name_version(live, by(other.owner), document=other.document, name="x")
    with pytest.raises(NotFound):
        await commands.restore_version(live, by(at.owner), document=at.document, version=named.id)
    for name in ("", "x" * 101, "a\u202eb"):
        with pytest.raises(Invalid):
            await commands.name_version(live, by(at.owner), document=at.document, name=name)
    assert (await events(live, at)).count("document.version_named") == 0
