"""Bringing an earlier text back is an edit like any other to a stock client that has the document open."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest

from app.commands import document as commands
from app.database.postgres import Pool
from app.system import System
from realtime import crdt
from realtime.limits import Limits
from tests.builders import by
from tests.interop.live_server import colleague, live_system, place, served
from tests.nodejs import Node

pytestmark = pytest.mark.interop

AGREED = "What was agreed by all of them."


async def said(system: System, document: UUID, words: str) -> bool:
    """Whether these words are committed."""
    return words in crdt.text_of(await system.hub.read(document), "text")


async def test_a_stock_client_takes_a_restored_text_in(pool: Pool, node: Node) -> None:
    async with live_system(pool, Limits(seal_idle=0.2)) as system, served(system) as url:
        at = await place(system)
        anna = await colleague(system, at, "view", "edit")
        tickets = [system.sign_in.ticket(person, at.document)[0] for person in (at.owner, anna)]
        await asyncio.to_thread(
            node.run, "write_once.mjs", url, str(at.document), tickets[0], AGREED, timeout=60
        )
        named = await commands.name_version(system, by(at.owner), document=at.document, name="Agreed")
        watching = asyncio.create_task(
            asyncio.to_thread(node.run, "restored.mjs", url, str(at.document), tickets[1], AGREED, timeout=60)
        )
        async with asyncio.timeout(60):
            while not await said(system, at.document, "Nobody"):  # noqa: ASYNC110  nothing tells us
                await asyncio.sleep(0.02)
        await commands.restore_version(system, by(at.owner), document=at.document, version=named.id)
        told = json.loads(await watching)
        assert told["text"] == AGREED
        assert told["caret"] == AGREED[-4:], "a caret in what stayed stays"
        assert told["pending"] is False
        assert (
            crdt.text_of(await system.hub.read(at.document), "text") == told["after"] == AGREED + " And more."
        )
        owners = await pool.fetch("SELECT DISTINCT person_id FROM document_clients")
        assert {owner["person_id"] for owner in owners} == {at.owner, anna}
        clients = await pool.fetchval("SELECT count(*) FROM document_clients WHERE person_id = $1", at.owner)
        assert clients == 2, "the restoring edit has a client id of its own"
