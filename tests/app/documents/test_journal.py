"""What is appended is stored once, all of it or nothing, and under the right names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from app.database.postgres import Pool
from app.documents.journal import Journal
from realtime.ports import Entry, Rejected
from tests.app.documents.test_postgres import Writer

ORIGIN = uuid4()


@pytest.fixture
async def journal(pool: Pool) -> AsyncIterator[Journal]:
    journal = Journal(pool)
    yield journal
    await journal.close()


async def stored(pool: Pool) -> list[Entry]:
    """What is in the table, in order; claims left out."""
    columns = "document_id, person_id, session, received_at, update, inserted, deleted"
    return [Entry(*row) for row in await pool.fetch(f"SELECT {columns} FROM document_updates ORDER BY id")]


def without_claims(*entries: Entry) -> list[Entry]:
    return [replace(entry, claims=()) for entry in entries]


async def test_entries_are_stored_in_their_order_with_all_that_is_known(journal: Journal, pool: Pool) -> None:
    one, two = Writer(uuid4()), Writer(uuid4())
    entries = [one.type("a"), two.type("bc"), replace(one.type("d"), deleted=7)]
    ids = await journal.append(ORIGIN, 0, entries)
    assert ids == sorted(id for id in ids if id is not None)
    assert await stored(pool) == without_claims(*entries)
    owners = await pool.fetch("SELECT document_id, client_id, person_id FROM document_clients")
    assert {tuple(row) for row in owners} == {(w.document, w.doc.client_id, w.person) for w in (one, two)}


async def test_a_repeated_append_stores_nothing_twice(journal: Journal, pool: Pool) -> None:
    writer = Writer(uuid4())
    first, second, third = (writer.type(letter) for letter in "abc")
    ids = await journal.append(ORIGIN, 0, [first, second])
    assert await journal.append(ORIGIN, 0, [first, second]) == ids
    more = await journal.append(ORIGIN, 1, [second, third])
    assert more[0] == ids[1], "only a part was said before"
    assert await stored(pool) == without_claims(first, second, third)
    (other,) = await journal.append(uuid4(), 0, [first])
    assert other not in (*ids, *more), "another node counts for itself"


async def test_a_client_id_belongs_to_who_used_it_first(journal: Journal, pool: Pool) -> None:
    document = uuid4()
    owner, thief, later, elsewhere = Writer(document), Writer(document), Writer(document), Writer(uuid4())
    mine = owner.type("mine")
    await journal.append(ORIGIN, 0, [mine])
    stolen = replace(thief.type("stolen"), claims=(thief.doc.client_id, owner.doc.client_id))
    batch = [owner.type("more"), stolen, later.type("leans on it?"), owner.type("!"), elsewhere.type("ok")]
    results = await journal.append(ORIGIN, 1, batch)
    assert [result is None for result in results] == [False, True, True, True, False]
    assert await stored(pool) == without_claims(mine, batch[0], batch[4])
    again = replace(mine, claims=(owner.doc.client_id,))
    assert await journal.append(ORIGIN, 6, [again]) != [None], "to claim what is one's own is no theft"
    same = replace(elsewhere.type("x"), claims=(owner.doc.client_id,))
    assert await journal.append(ORIGIN, 7, [same]) != [None], "it is owned in one document"


async def test_what_cannot_be_stored_is_rejected_with_all_beside_it(journal: Journal, pool: Pool) -> None:
    writer, other = Writer(uuid4()), Writer(uuid4())
    bad, good = writer.type("x"), other.type("y")
    with pytest.raises(Rejected):
        await journal.append(ORIGIN, 0, [good, replace(bad, inserted=2**40)])
    assert await pool.fetchval("SELECT count(*) FROM document_clients") == 0
    with pytest.raises(Rejected):
        await journal.append(ORIGIN, 0, without_claims(good, replace(bad, deleted=2**40)))
    assert await stored(pool) == []
    assert await journal.append(ORIGIN, 0, [good, bad]), "and the journal goes on"


async def test_it_recovers_from_a_killed_connection(journal: Journal, pool: Pool, database: str) -> None:
    writer = Writer(uuid4())
    first, second = writer.type("a"), writer.type("b")
    await journal.append(ORIGIN, 0, [first])
    killer = await asyncpg.connect(database)
    await killer.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "  # ms, until it has ended
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await killer.close()
    async with asyncio.timeout(60):
        while True:
            try:
                await journal.append(ORIGIN, 1, [second])
                break
            except Exception:  # the driver has many words for it; who appends tries again on any
                await asyncio.sleep(0.05)
    assert await stored(pool) == without_claims(first, second)


async def test_an_append_that_is_given_up_leaves_nothing_half_done(journal: Journal, pool: Pool) -> None:
    writer = Writer(uuid4())
    entry = writer.type("x")
    async with pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE document_updates")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await journal.append(ORIGIN, 0, [entry])
    assert await pool.fetchval("SELECT count(*) FROM document_clients") == 0
    assert len(await journal.append(ORIGIN, 0, [entry])) == 1
    assert await stored(pool) == without_claims(entry)


async def test_it_keeps_one_connection_and_gives_it_back(journal: Journal, pool: Pool) -> None:
    writer = Writer(uuid4())
    taken = pool.get_size() - pool.get_idle_size()
    for sequence in range(3):
        await journal.append(ORIGIN, sequence, [writer.type("x")])
    assert pool.get_size() - pool.get_idle_size() == taken + 1
    await journal.close()
    await journal.close()
    assert pool.get_size() - pool.get_idle_size() == taken
    assert await journal.append(ORIGIN, 3, [writer.type("x")]), "the next one takes it again"
