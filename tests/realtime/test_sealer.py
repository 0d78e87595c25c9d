"""Rows become bursts, and snapshots keep up; the store is in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from realtime import backoff, crdt
from realtime.gate import Gate
from realtime.limits import Limits
from realtime.metrics import Metrics
from realtime.ports import Entry, Row
from realtime.sealer import Sealer, to_bursts, to_closed_bursts
from realtime.update import walk
from tests.realtime.memory_store import MemoryStore

ILZE, ANNA, LIGA = (uuid4() for _ in range(3))
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Desk:
    """People who write one after the other, each knowing all that was written before."""

    def __init__(self) -> None:
        self.docs: dict[UUID, pycrdt.Doc[Any]] = {}
        self.rows: list[Row] = []

    def write(self, person: UUID, *, alone: bool = False) -> None:
        doc = self.docs.setdefault(person, pycrdt.Doc(client_id=len(self.docs) + 1))
        if not alone:
            for row in self.rows:
                doc.apply_update(row.update)
        before = doc.get_state()
        text = doc.get("content", type=pycrdt.Text)
        text += f"{len(self.rows)} "
        number = len(self.rows) + 1
        at = AT + timedelta(seconds=number)
        self.rows.append(Row(number, person, at, doc.get_update(before), 2, 0))


def one_by_one(bursts: list[Any]) -> bool:
    """Whether each burst finds what it leans on in those before it."""
    gate = Gate({}, list)
    for burst in bursts:
        update = walk(burst.update)
        if not gate.complete(update):
            return False
        gate.admit(gate.news(update))
    return True


async def test_one_burst_for_each_person() -> None:
    desk = Desk()
    for person in (ILZE, ILZE, ANNA, ANNA, ANNA):
        desk.write(person)
    ilze, anna = await to_bursts(desk.rows)
    assert (ilze.person, ilze.rows, ilze.edits, ilze.inserted, ilze.deleted) == (ILZE, (1, 2), 2, 4, 0)
    assert (anna.began, anna.ended) == (desk.rows[2].received_at, desk.rows[4].received_at)
    assert walk(ilze.update).clients == {1}
    assert await to_bursts([]) == []


async def test_bursts_follow_what_they_lean_on() -> None:
    desk = Desk()
    desk.write(ILZE, alone=True)
    for person in (ANNA, LIGA, ILZE):  # Ilze began first, but ends leaning on both
        desk.write(person)
    desk.rows[0], desk.rows[3] = desk.rows[3], desk.rows[0]
    bursts = await to_bursts(desk.rows[1:3])
    assert [burst.person for burst in bursts] == [ANNA, LIGA]
    assert [burst.person for burst in await to_bursts(desk.rows[2:0:-1])] == [ANNA, LIGA], (
        "whatever came first"
    )


async def test_one_by_one_where_an_order_exists() -> None:
    desk = Desk()
    for person in (ILZE, ANNA, LIGA):
        desk.write(person)
    backwards = desk.rows[::-1]
    bursts = await to_bursts(backwards)
    assert [burst.person for burst in bursts] == [ILZE, ANNA, LIGA]
    assert one_by_one(bursts)
    desk.write(ILZE)  # a circle now
    bursts = await to_bursts(desk.rows)
    assert {burst.person for burst in bursts} == {ILZE, ANNA, LIGA}
    assert not one_by_one(bursts)


async def test_what_rows_lean_on_is_sealed_with_them() -> None:
    desk = Desk()
    for person in (ILZE, ANNA, LIGA):
        desk.write(person)
    desk.write(ILZE, alone=True)
    desk.write(ANNA)
    closed = await to_closed_bursts(desk.rows, {LIGA: 3})
    assert [(burst.person, burst.rows) for burst in closed] == [(ILZE, (1,)), (ANNA, (2,)), (LIGA, (3,))]
    assert one_by_one(closed)
    closed = await to_closed_bursts(desk.rows, {ILZE: 4})
    assert {burst.person: burst.rows for burst in closed} == {ILZE: (1, 4)}, "leans on nobody"
    closed = await to_closed_bursts(desk.rows, {ANNA: 2})
    assert {burst.person: burst.rows for burst in closed} == {ANNA: (2,), ILZE: (1,)}
    assert await to_closed_bursts(desk.rows, {}) == []


# --- with a store


class Stream:
    """One person's edits on their way into a store, sealed one burst each."""

    def __init__(self, store: MemoryStore, **limits: int) -> None:
        self.store, self.document, self.metrics = store, uuid4(), Metrics()
        self.sealer = Sealer(store, Limits(**limits), self.metrics)  # type: ignore[arg-type]
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
        self._count = 0
        self._origin = uuid4()

    async def burst(self, text: str) -> bool:
        before = self.doc.get_state()
        shared = self.doc.get("content", type=pycrdt.Text)
        shared += text
        update = self.doc.get_update(before)
        entry = Entry(self.document, ILZE, uuid4(), AT, update, len(text), 0)
        await self.store.append(self._origin, self._count, [entry])
        self._count += 1
        return await self.sealer.seal(self.document)


async def test_a_snapshot_after_so_many_bursts_or_bytes() -> None:
    stream = Stream(MemoryStore(), snapshot_bursts=3, snapshot_bytes=1_000)
    made = []
    for text in ("a", "b", "c", "d", "x" * 2_000, "e"):
        assert await stream.burst(text)
        made.append(stream.metrics.snapshots)
    assert made == [0, 0, 1, 1, 2, 2]
    assert stream.metrics.sealed_events == 6
    through, state = stream.store.snapshots[stream.document]
    assert through == 5
    assert len(crdt.text_of(state, "text")) == 2_004
    assert stream.store.vectors[stream.document] == crdt.vector_of(state)


async def test_a_large_state_is_encoded_less_often() -> None:
    stream = Stream(MemoryStore(), snapshot_bursts=1_000, snapshot_bytes=1_000)
    await stream.burst("x" * 40_000)
    assert stream.metrics.snapshots == 1
    for expected, text in ((1, "y" * 9_000), (2, "y" * 2_000)):
        await stream.burst(text)
        assert stream.metrics.snapshots == expected, "a quarter of it has to come first"
    many = Stream(MemoryStore(), snapshot_bursts=2, snapshot_bytes=1)
    many.sealer.loaded(many.document, [], bytes(64 * 1024 * 5))
    for expected in (0, 0, 0, 0, 1):
        await many.burst("z")
        assert many.metrics.snapshots == expected


async def test_loading_counts_what_is_there() -> None:
    stream = Stream(MemoryStore(), snapshot_bursts=3)
    stream.sealer.loaded(stream.document, [b"one", b"two"])
    await stream.burst("a")
    assert stream.metrics.snapshots == 1
    stream.sealer.loaded(stream.document, [b"one", b"two"])
    stream.sealer.forget(stream.document)
    await stream.burst("b")
    assert stream.metrics.snapshots == 1


async def test_what_does_not_stand_on_its_own_is_not_looked_at_each_time() -> None:
    stream = Stream(MemoryStore(), snapshot_bursts=3)
    other: pycrdt.Doc[Any] = pycrdt.Doc(client_id=2)
    other.get("content", type=pycrdt.Text).insert(0, "never stored ")
    stream.doc.apply_update(other.get_update())
    loads = []
    for _ in range(7):
        assert await stream.burst("x")
        loads.append(stream.store.loads)
    assert loads == [0, 0, 1, 1, 1, 2, 2]
    assert stream.metrics.snapshots == 0
    assert not stream.store.snapshots


def failing(store: MemoryStore, method: str) -> Callable[[], None]:
    kept = getattr(store, method)

    async def fails(*_: Any, **__: Any) -> None:
        raise OSError("no database")

    setattr(store, method, fails)
    return lambda: setattr(store, method, kept)


@pytest.mark.parametrize("method", ["seal", "load"])
async def test_failing_is_tried_less_and_less_often(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(MemoryStore(), snapshot_bursts=1)
    heal = failing(stream.store, method)
    assert not await stream.burst("x")
    for _ in range(5):
        assert not await stream.sealer.seal(stream.document)
    assert stream.metrics.seal_failures == 1, "not tried in between"
    other = Stream(stream.store)
    other.sealer = stream.sealer
    heal()
    assert await other.burst("y"), "others are not concerned"
    assert await stream.sealer.seal(stream.document, urgent=True)
    assert await stream.sealer.seal(stream.document), "all is well again"
    assert not stream.store.rows[stream.document]
    monkeypatch.setattr(backoff.Backoff, "may_try", lambda *_: True)
    failing(stream.store, method)
    assert not await stream.burst("z")
    assert not await stream.sealer.seal(stream.document) or method == "load"


async def test_two_documents_at_a_time() -> None:
    store = MemoryStore()
    stream = Stream(store)
    running, most = 0, 0
    seal = store.seal

    async def slow(*arguments: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        await seal(*arguments)

    store.seal = slow  # type: ignore[method-assign]
    streams = [Stream(store) for _ in range(6)]
    for each in streams:
        each.sealer = stream.sealer
    assert all(await asyncio.gather(*(each.burst("x") for each in streams)))
    assert most == 2
