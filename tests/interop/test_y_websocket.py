"""Stock y-websocket clients in Node against the live routes, a real hub and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from app.database.postgres import Pool
from realtime import crdt
from realtime.limits import Limits
from tests.builders import a_person
from tests.interop.live_server import colleague, live_system, place, served
from tests.nodejs import Node

pytestmark = pytest.mark.interop


async def run(node: Node, script: str, *arguments: str) -> Any:
    return json.loads(await asyncio.to_thread(node.run, script, *arguments, timeout=200))


async def test_stock_clients_co_edit(pool: Pool, node: Node) -> None:
    async with live_system(pool, Limits(seal_idle=0.2)) as system:
        at = await place(system)
        anna = await colleague(system, at, "view", "edit")
        tickets = [system.sign_in.ticket(person, at.document)[0] for person in (at.owner, anna)]
        async with served(system) as url:
            done = await run(node, "coedit.mjs", url, str(at.document), *tickets)
        assert crdt.text_of(await system.hub.read(at.document), "text") == done["text"]
        rows = await pool.fetch("SELECT client_id, person_id FROM document_clients")
        owners = {row["client_id"]: row["person_id"] for row in rows}
        assert {client: owners[client] for client in done["ids"]} == dict(
            zip(done["ids"], (at.owner, anna), strict=True)
        )
    events = await pool.fetch("SELECT actor FROM events WHERE type = 'document.edited'")
    assert {event["actor"] for event in events} == {at.owner, anna}
    assert await pool.fetchval("SELECT count(*) FROM document_updates") == 0, "stopping sealed everything"
    async with live_system(pool, Limits()) as again:
        state = await again.hub.read(at.document)
        assert crdt.text_of(state, "text") == done["text"], "from the log alone"


async def test_refusals_are_final_for_stock_clients(pool: Pool, node: Node) -> None:
    async with live_system(pool, Limits()) as system, served(system) as url:
        at = await place(system)
        stranger = await a_person(system)
        ticket, _ = system.sign_in.ticket(stranger, at.document)
        assert await run(node, "final_codes.mjs", url, str(at.document), ticket) == {
            "code": 4404,
            "attempts": 1,
        }
        await system.hub.stop()
        ticket, _ = system.sign_in.ticket(at.owner, at.document)
        turned_away = await run(node, "final_codes.mjs", url, str(at.document), ticket)
        assert turned_away["code"] == 4503
        assert turned_away["attempts"] > 1, "it comes back"
