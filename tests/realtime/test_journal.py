"""The committer: batches, failures, order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import pytest

from realtime.journal import Journal
from realtime.metrics import Metrics
from realtime.ports import Entry, Rejected
from tests.realtime.memory_store import MemoryStore

DOCUMENT = uuid4()


def entry(update: bytes = b"x", document: UUID = DOCUMENT) -> Entry:
    return Entry(document, uuid4(), uuid4(), datetime.now(UTC), update, 1, 0)


class Fussy(MemoryStore):
    """Cannot hold one particular update."""

    async def append(self, origin: UUID, sequence: int, entries: Sequence[Entry]) -> Sequence[int | None]:
        if any(each.update == b"poison" for each in entries):
            raise Rejected
        return await super().append(origin, sequence, entries)


@pytest.fixture
def store() -> MemoryStore:
    return Fussy()


@pytest.fixture
async def journal(store: MemoryStore) -> AsyncIterator[Journal]:
    journal = Journal(store, Metrics())
    journal.start()
    yield journal
    await journal.stop(5)


async def test_what_queues_while_a_commit_runs_is_one_commit(journal: Journal, store: MemoryStore) -> None:
    done: list[Sequence[int | None]] = []
    store.hold()
    journal.put(entry(), done.append)
    await asyncio.sleep(0.01)
    for _ in range(50):
        journal.put(entry(), done.append)
    store.let_go()
    await journal.settled()
    assert [len(rows) for rows in done] == [1, 50]
    assert store.appends == 2
    assert [row for rows in done for row in rows] == list(range(1, 52))


async def test_each_room_hears_of_its_own(journal: Journal) -> None:
    rooms: dict[int, list[int | None]] = {0: [], 1: []}
    tellers = [partial(rooms[room].extend) for room in rooms]
    for i in range(10):
        journal.put(entry(), tellers[i % 2])
    await journal.settled()
    assert [len(rows) for rows in rooms.values()] == [5, 5]


async def test_it_tries_until_it_can(journal: Journal, store: MemoryStore) -> None:
    done: list[Sequence[int | None]] = []
    store.failing = True
    journal.put(entry(), done.append)
    while journal._metrics.commit_failures < 3:  # noqa: ASYNC110  a number, not an event
        await asyncio.sleep(0.01)
    assert done == []
    store.failing = False
    await journal.settled()
    assert done == [[1]]


async def test_a_lost_answer_doubles_nothing(journal: Journal, store: MemoryStore) -> None:
    done: list[Sequence[int | None]] = []
    store.lose_answers = 1
    journal.put(entry(), done.append)
    await journal.settled()
    assert done == [[1]]
    assert len(store.rows[DOCUMENT]) == 1


async def test_one_poisoned_entry_stalls_nobody(journal: Journal) -> None:
    done: list[Sequence[int | None]] = []
    for update in (b"a", b"poison", b"b"):
        journal.put(entry(update), done.append)
    elsewhere: list[Sequence[int | None]] = []
    journal.put(replace(entry(b"c"), document=uuid4()), elsewhere.append)
    await journal.settled()
    assert done == [[1, None, None]], "what came after it may lean on it"
    assert elsewhere == [[2]]


async def test_what_follows_a_refused_entry_is_refused_too(journal: Journal, store: MemoryStore) -> None:
    """Somebody else got the client id meanwhile, on another node: nothing more under it may be stored."""
    done: list[int | None] = []
    elsewhere: list[int | None] = []
    store.clients[DOCUMENT][7] = uuid4()
    store.hold()
    journal.put(replace(entry(), claims=(7,)), done.extend)
    while not store.appends:  # noqa: ASYNC110  a number, not an event
        await asyncio.sleep(0)
    journal.put(entry(), done.extend)  # after the commit began: it will be in the next one
    journal.put(replace(entry(), document=uuid4()), elsewhere.extend)
    store.let_go()
    await journal.settled()
    assert done == [None, None]
    assert elsewhere == [1]
    assert store.rows[DOCUMENT] == []
    journal.put(entry(), done.extend)
    await journal.settled()
    assert done == [None, None, 2], "the room was loaded again meanwhile"


async def test_a_room_that_fails_stalls_nobody(journal: Journal) -> None:
    done: list[Sequence[int | None]] = []

    def fail(rows: Sequence[int | None]) -> None:
        raise ZeroDivisionError

    journal.put(entry(), fail)
    journal.put(entry(), done.append)
    await journal.settled()
    assert done == [[2]]


async def test_stopping_waits_only_so_long(store: MemoryStore) -> None:
    journal = Journal(store, Metrics())
    journal.start()
    store.failing = True
    journal.put(entry(), lambda _: None)
    assert await journal.stop(0.1) is False
