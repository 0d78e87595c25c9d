"""A person's text out of documents: log, journal, snapshots, histories, open rooms; on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.documents import redaction
from app.documents.postgres import EDITED, PostgresDocumentStore
from app.documents.redaction import Staged
from app.system import System
from domain.errors import Unavailable
from realtime import crdt
from realtime.limits import Limits
from realtime.replay import committed_replica
from tests.interop.live_server import Place, colleague, live_system, place
from tests.realtime.peers import Peer, admission

QUICK = Limits(seal_idle=0.05, snapshot_bursts=1, unload_after=60.0)
SECRET = "what Ana said about her health"
TABLES = ("events", "event_rewrites", "document_updates", "document_snapshots", "past_states")


async def erase(system: System, person: UUID) -> Staged:
    """The three steps, as an erasure takes them."""
    staged = await redaction.stage(system, person, uuid4())
    await commit(system, staged)
    await redaction.replaced(system, staged.documents)
    return staged


async def commit(system: System, staged: Staged) -> None:
    async with system.pool.acquire() as connection, connection.transaction():
        await redaction.apply(connection, staged)
        await connection.execute("SELECT rewrite_events($1)", staged.erasure)


async def sealed(system: System, document: UUID) -> None:
    """Wait until everything is in the log; the hub seals in its own time, too."""
    async with asyncio.timeout(60):
        while await system.pool.fetchval("SELECT count(*) FROM document_updates"):
            if not await system.hub.seal(document):
                await asyncio.sleep(0.02)


async def in_tables(pool: Pool, text: str) -> list[str]:
    """Where these words stand in stored bytes."""
    marker = text.encode().hex()
    return [
        table
        for table in TABLES
        if await pool.fetchval(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%{marker}%'")
    ]


async def together(system: System, at: Place, ana: UUID) -> tuple[Peer, Peer]:
    """Ana and the owner, who have the document open."""
    peers = Peer(system.hub, admission(at.document, ana)), Peer(system.hub, admission(at.document, at.owner))
    for peer in peers:
        await peer.synced.wait()
    return peers


async def write(peer: Peer, text: str, other: Peer) -> None:
    peer.text += text
    await other.until(lambda: str(other.text).endswith(text))


async def test_nothing_is_left_anywhere_and_the_rest_stays(pool: Pool) -> None:
    async with live_system(pool, QUICK) as system:
        at = await place(system)
        ana = await colleague(system, at, "view", "edit")
        hers, others = await together(system, at, ana)
        await write(others, "Before. ", hers)
        await write(hers, SECRET, others)
        await write(others, " After.", hers)
        await hers.leave()
        assert SECRET in repr((await system.history.difference(at.document, "text", None, None)).content)
        await sealed(system, at.document)
        assert await in_tables(pool, SECRET)
        before = {row["position"]: row for row in await pool.fetch("SELECT * FROM events")}

        staged = await erase(system, ana)

        assert await in_tables(pool, SECRET) == []
        assert staged.documents == [at.document]
        await others.until(lambda: str(others.text) == "Before.  After.")
        assert crdt.text_of(await system.hub.read(at.document), "text") == "Before.  After."
        assert SECRET.encode() not in await system.hub.read(at.document)
        past = await system.history.difference(at.document, "text", None, None)
        assert SECRET not in repr(past.content)
        late = Peer(system.hub, admission(at.document, at.owner))
        await late.until(lambda: str(late.text) == "Before.  After.")
        assert SECRET.encode() not in late.heard
        await write(late, " On.", others)
        stored = await PostgresDocumentStore(pool, system.log).load(at.document)
        assert stored.epoch == 1
        state = (await committed_replica(stored)).state()
        assert crdt.text_of(state, "text") == "Before.  After. On."
        await check_replaced(pool, staged, before)


async def check_replaced(pool: Pool, staged: Staged, before: dict[int, Any]) -> None:
    """What was staged is what the log holds now, and its payloads tell of their attachments."""
    assert staged.replaced
    for position, old, new in staged.replaced:
        row = await pool.fetchrow("SELECT * FROM events WHERE position = $1", position)
        known = before[position]
        assert old == sha256(known["salt"] + known["payload"]).digest() == row["commitment"]
        assert new == sha256(row["salt"] + row["payload"]).digest()
        assert json.loads(row["payload"])["update"] == {
            "sha256": sha256(row["attachment"]).hexdigest(),
            "size": len(row["attachment"]),
        }
        assert (
            row["payload"]
            == json.dumps(
                json.loads(row["payload"]), ensure_ascii=False, separators=(",", ":"), sort_keys=True
            ).encode()
        )


async def test_what_others_wrote_again_goes_and_a_second_erasure_names_the_same_leaf(pool: Pool) -> None:
    async with live_system(pool, QUICK) as system:
        at = await place(system)
        ana = await colleague(system, at, "view", "edit")
        hers, others = await together(system, at, ana)
        await write(hers, SECRET, others)
        await sealed(system, at.document)
        del others.text[0 : len(SECRET)]
        await hers.until(lambda: str(hers.text) == "")
        await sealed(system, at.document)
        await write(others, f"Again: {SECRET}!", hers)
        await hers.leave()
        await sealed(system, at.document)
        first = await erase(system, ana)
        assert await in_tables(pool, SECRET) == []
        await others.until(lambda: str(others.text) == "Again: !")
        second = await erase(system, at.owner)
        leaves = {position: old for position, old, _ in first.replaced}
        both = [entry for entry in second.replaced if entry[0] in leaves]
        assert both
        assert all(old == leaves[position] for position, old, _ in both)
        await others.until(lambda: str(others.text) == "")
        assert (await PostgresDocumentStore(pool, system.log).load(at.document)).epoch == 2


async def test_who_wrote_on_is_staged_again(pool: Pool) -> None:
    async with live_system(pool, QUICK) as system:
        at = await place(system)
        ana = await colleague(system, at, "view", "edit")
        hers, others = await together(system, at, ana)
        await write(hers, "One. ", others)
        staged = await redaction.stage(system, ana, uuid4())
        await write(hers, SECRET, others)
        with pytest.raises(Unavailable):
            await commit(system, staged)
        await hers.leave()
        again = await redaction.stage(system, ana, staged.erasure)
        assert len(again.replaced) > len(staged.replaced)
        await commit(system, again)
        assert await in_tables(pool, SECRET) == []


async def test_a_snapshot_of_an_earlier_epoch_is_not_kept(pool: Pool) -> None:
    async with live_system(pool, QUICK) as system:
        at = await place(system)
        ana = await colleague(system, at, "view", "edit")
        hers, others = await together(system, at, ana)
        await write(hers, SECRET, others)
        await hers.leave()
        await sealed(system, at.document)
        store = PostgresDocumentStore(pool, system.log)
        loaded = await store.load(at.document)
        state = (await committed_replica(loaded)).state()
        await erase(system, ana)
        await store.save_snapshot(at.document, loaded.head, state, crdt.vector_of(state), epoch=loaded.epoch)
        assert await in_tables(pool, SECRET) == []


async def test_unreadable_text_of_the_person_goes_with_the_rest(pool: Pool) -> None:
    async with live_system(pool, QUICK) as system:
        at = await place(system)
        ana = await colleague(system, at, "view", "edit")
        row = await pool.fetchval(
            """
            INSERT INTO document_updates
                (document_id, person_id, session, received_at, inserted, deleted, origin, sequence, update)
            VALUES ($1, $2, $2, now(), 1, 0, $2, 1, $3) RETURNING id
            """,
            at.document,
            ana,
            b"\x07" + SECRET.encode(),
        )
        await pool.execute(
            "INSERT INTO document_set_aside (document_id, row_id, reason) VALUES ($1, $2, 'unreadable')",
            at.document,
            row,
        )
        staged = await erase(system, ana)
        assert staged.documents == [at.document]
        assert await in_tables(pool, SECRET) == []


async def test_who_wrote_nothing(pool: Pool) -> None:
    async with live_system(pool, QUICK) as system:
        at = await place(system)
        staged = await erase(system, await colleague(system, at, "view"))
        assert (staged.documents, staged.replaced) == ([], [])
        assert await pool.fetchval("SELECT count(*) FROM events WHERE type = $1", EDITED) == 0
