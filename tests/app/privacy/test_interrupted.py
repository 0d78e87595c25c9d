"""Erasures that are killed, and that somebody writes into."""

from __future__ import annotations

import asyncio
import os
import time
from uuid import UUID

import asyncpg
import pytest

from app.privacy import erasure as erasing
from app.privacy.erasure import carry_out_due, erase
from app.privacy.requests import Erasure, ErasureRequests
from app.system import System
from domain.catalogue import EVENTS
from domain.errors import Unavailable
from domain.ports import EventFilter
from tests.acceptance.forgetting import in_database
from tests.acceptance.searching import words_in
from tests.app.api.conftest import Somebody
from tests.app.api.test_versions import Typist
from tests.serving import INTERLINK

SECRET, LATE = "because Zebedee-Marker said so", "Zebedee-Marker was late"
_WAITING = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass AND database = (
    SELECT oid FROM pg_database WHERE datname = current_database()
))
"""
_WRITE = """
INSERT INTO document_updates
    (document_id, person_id, session, received_at, inserted, deleted, origin, sequence, update)
VALUES ($1, $2, $3, now(), 1, 0, $3, 1, $4)
"""


async def a_shared_document(ana: Somebody, bruno: Somebody, system: System) -> tuple[str, list[Typist]]:
    """A document in which both wrote."""
    process = await bruno.a_process()
    await bruno.let_in(ana, process, "view", "edit")
    document = (await bruno.a_document((await bruno.a_task(process))[-1]))["document"]
    typists = [Typist(each, system, document) for each in (ana, bruno)]
    for typist, words in zip(typists, (SECRET, " Bruno's."), strict=True):
        await typist.sync(seal=False)
        typist.text.insert(len(str(typist.text)), words)
        await typist.sync(seal=False)
    return document, typists


async def traces(database: str) -> set[str]:
    return {place for place, data in await in_database(database) if words_in(data, ["Zebedee-Marker"])}


async def says(document: str, who: Somebody, wanted: str) -> None:
    """Wait until the document reads so: open rooms follow the log."""
    path, found = f"/api/v1/documents/{document}/content", ""
    deadline = time.monotonic() + 60
    while found != wanted:
        assert time.monotonic() < deadline, found
        found = (await who.client.get(path, params={"format": "text"})).text


@pytest.mark.parametrize("table", ["event_rewrites", "persons"])  # before its transaction, and in the midst
async def test_what_was_killed_is_finished_by_another(
    database: str, system: System, ana: Somebody, bruno: Somebody, table: str
) -> None:
    document, _ = await a_shared_document(ana, bruno, system)
    connection = await asyncpg.connect(database)
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
        environment = {**os.environ, "DATABASE_URL": database, "DATA_DIR": str(system.settings.data_dir)}
        options = (str(ana.person), "--reason", "objection", "--yes")
        killed = await asyncio.create_subprocess_exec(INTERLINK, "erase", *options, env=environment)
        async with asyncio.timeout(60):
            while not await connection.fetchval(_WAITING, table):  # noqa: ASYNC110  in another process
                await asyncio.sleep(0.02)
        killed.kill()
        await killed.wait()
    await connection.close()
    assert await system.people.names([ana.person])
    requests = ErasureRequests(system.pool)
    async with asyncio.timeout(60):
        while await requests.pending(ana.person) is not None:
            await carry_out_due(system)
    await says(document, bruno, " Bruno's.")
    assert await traces(database) == set()
    assert len(await system.log.read(where=EventFilter(types=("person.erased",)))) == 1


async def test_what_was_written_after_staging_goes_too(
    database: str, system: System, ana: Somebody, bruno: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, [hers, _] = await a_shared_document(ana, bruno, system)
    stage, waiting = erasing._stage, [LATE]

    async def stage_and_write(system: System, erasure: Erasure, command: UUID) -> object:
        staged = await stage(system, erasure, command)
        if waiting:  # by a connection that has yet to hear that it ended
            hers.text.insert(0, waiting.pop())
            await system.pool.execute(_WRITE, UUID(document), ana.person, command, hers.doc.get_update())
        return staged

    monkeypatch.setattr(erasing, "_stage", stage_and_write)
    with pytest.raises(Unavailable):
        await erase(system, ana.person, basis="objection", text="redact", by=None)
    await carry_out_due(system)
    assert await ErasureRequests(system.pool).pending(ana.person) is None
    await says(document, bruno, " Bruno's.")
    assert await traces(database) == set()


async def test_others_write_on_throughout(
    database: str, system: System, ana: Somebody, bruno: Somebody
) -> None:
    document, [_, typist] = await a_shared_document(ana, bruno, system)
    over = asyncio.Event()

    async def write() -> int:
        count = 0
        while not over.is_set() or count < 5:
            typist.text.insert(len(str(typist.text)), "+")
            await typist.sync(seal=False)
            count += 1
        return count

    writing = asyncio.create_task(write())
    await erase(system, ana.person, basis="objection", text="redact", by=None)
    over.set()
    written = await writing
    await says(document, bruno, " Bruno's." + "+" * written)
    assert await traces(database) == set()
    [erased] = await system.log.read(where=EventFilter(types=("person.erased",)))
    assert EVENTS.payload(erased)["documents"] == [document]
