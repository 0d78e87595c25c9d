"""Rooms open once, are sealed and closed as time passes, and none of them costs another its time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from realtime import crdt
from realtime.ports import Burst
from realtime.quarantine import Quarantined
from realtime.redaction import deletion
from realtime.update import walk
from tests.realtime.inhabited import Store, node, shown, write
from tests.realtime.virtual_time import timeless

# --- opening


@timeless
async def test_any_number_share_one_load_whoever_gives_up_meanwhile() -> None:
    async with node() as one:
        document = uuid4()
        opening = [asyncio.create_task(one.rooms.open(document)) for _ in range(5)]
        await asyncio.sleep(0)
        opening[0].cancel()
        cells = await asyncio.gather(*opening[1:])
        assert len(set(cells)) == 1
        assert one.rooms.get(document) is await one.rooms.open(document) is cells[0]
        assert one.store.loads == one.metrics.loads == one.metrics.rooms == 1


@timeless
async def test_a_store_that_does_not_answer_keeps_nobody_out_for_long() -> None:
    async with node() as one:
        document, one.store.broken = uuid4(), OSError("no database")
        results = await asyncio.gather(*(one.rooms.open(document) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [OSError] * 3
        assert one.store.loads == 1
        one.store.broken = None
        assert await one.rooms.open(document) is one.rooms.get(document), "the failed load is not kept"


@timeless
async def test_what_cannot_be_read_is_not_read_again_at_once() -> None:
    async with node() as one:
        document, at = uuid4(), datetime.now(UTC)
        one.store.sealed[document] = [Burst(uuid4(), at, at, 1, 1, 0, b"\x07bad", ())]
        with pytest.raises(Quarantined):
            await one.rooms.open(document)
        loads = one.store.loads
        for reading in (one.rooms.open(document), one.rooms.read(document)):
            with pytest.raises(Quarantined):
                await reading
        assert one.store.loads == loads
        assert one.rooms.get(document) is None


@timeless
async def test_reading_opens_no_room_and_shows_only_what_is_committed() -> None:
    async with node() as one:
        document = uuid4()
        await one.store.left_behind(document, "stored")
        assert await shown(one.rooms, document) == "stored"
        assert one.rooms.get(document) is None
        cell, member, _ = await one.enters(document)
        one.store.hold()
        write(cell, member, "typed")
        assert await shown(one.rooms, document) == "stored"
        one.store.let_go()
        await one.journal.settled()
        assert len(await shown(one.rooms, document)) == len("storedtyped")


# --- time


@timeless
async def test_an_empty_room_is_sealed_and_closed_and_one_with_somebody_in_it_stays() -> None:
    async with node() as one:
        empty, full = uuid4(), uuid4()
        cell, member, _ = await one.enters(empty)
        other, stays, _ = await one.enters(full)
        write(cell, member, "gone")
        write(other, stays, "here")
        await one.journal.settled()
        one.leaves(cell, member)
        await asyncio.sleep(2)
        assert one.rooms.get(empty) is cell, "somebody may come back"
        await asyncio.sleep(2)
        assert one.rooms.get(empty) is None
        assert one.rooms.get(full) is other
        assert one.metrics.rooms == 1
        assert list(one.rooms.members()) == [stays]
        assert (one.store.text(empty), one.store.text(full)) == ("gone", "here")
        assert not any(one.store.rows.values())


@timeless
async def test_a_room_waits_for_what_it_has_accepted() -> None:
    async with node() as one:
        document = uuid4()
        cell, member, _ = await one.enters(document)
        one.store.hold()
        write(cell, member, "on its way")
        one.leaves(cell, member)
        await asyncio.sleep(30)
        assert one.rooms.get(document) is cell
        one.store.let_go()
        await asyncio.sleep(5)
        assert one.rooms.get(document) is None
        assert one.store.text(document) == "on its way"


@timeless
async def test_what_could_not_be_sealed_is_tried_again() -> None:
    async with node() as one:
        document = uuid4()
        cell, member, _ = await one.enters(document)
        write(cell, member, "written")
        await one.journal.settled()
        one.store.failing = True
        one.leaves(cell, member)
        await asyncio.sleep(20)
        assert one.metrics.seal_failures > 0
        assert one.rooms.get(document) is cell, "it knows what is not sealed"
        one.store.failing = False
        await asyncio.sleep(120)
        assert one.rooms.get(document) is None
        assert one.store.text(document) == "written"
        assert one.metrics.sealed_events == 1


@timeless
async def test_a_room_that_fails_costs_the_others_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with node() as one:
        (bad, _, said), good = await one.enters(uuid4()), await one.enters(uuid4())
        write(good[0], good[1], "fine")

        def fails(now: float) -> None:
            raise RuntimeError

        monkeypatch.setattr(bad, "tick", fails)
        await asyncio.sleep(2)
        assert bad.retired
        assert said[-1] == (4503, "the document is loaded again")
        assert one.store.text(good[0].room.document) == "fine"


# --- what a crash left


@timeless
async def test_what_a_crash_left_is_sealed_when_its_document_is_opened() -> None:
    async with node(seal_idle=3600.0) as one:
        await asyncio.sleep(1)
        document = uuid4()
        person = await one.store.left_behind(document, "left")
        await one.rooms.open(document)
        await asyncio.sleep(2)
        assert [burst.person for burst in one.store.sealed[document]] == [person]


@timeless
async def test_what_a_crash_left_is_sealed_though_nobody_opens_its_document() -> None:
    store, old, young = Store(), uuid4(), uuid4()
    await store.left_behind(old, "old", ago=61)
    await store.left_behind(young, "young", ago=30)
    async with node(store) as one:
        await asyncio.sleep(1)
        assert store.text(old) == "old"
        assert store.rows[young], "its node may be alive"
        await store.left_behind(later := uuid4(), "later", ago=61)
        await asyncio.sleep(31)
        assert store.text(later) == "later", "it is looked for again and again"
        assert one.metrics.rooms == 0


# --- rooms that are given up


@timeless
async def test_a_room_given_up_goes_with_the_last_who_was_in_it() -> None:
    async with node() as one:
        document = uuid4()
        (cell, first, _), (_, second, _) = await one.enters(document), await one.enters(document)
        cell.retire("a test says so")
        one.leaves(cell, first)
        await asyncio.sleep(1)
        assert one.rooms.get(document) is cell
        one.leaves(cell, second)
        await asyncio.sleep(1)
        assert one.rooms.get(document) is None
        assert one.metrics.rooms == 0


@timeless
async def test_its_successor_has_what_it_sent_to_the_journal_and_is_not_taken_for_it() -> None:
    async with node() as one:
        document = uuid4()
        cell, member, _ = await one.enters(document)
        one.store.hold()
        write(cell, member, "on its way")
        cell.retire("a test says so")
        opening = asyncio.create_task(one.rooms.open(document))
        await asyncio.sleep(5)
        assert not opening.done()
        one.store.let_go()
        await one.journal.settled()
        assert await shown(one.rooms, document) == "on its way", "a room given up is not believed"
        successor = await opening
        assert successor is not cell
        assert crdt.text_of(successor.room.content.state(), "text") == "on its way"
        one.leaves(cell, member)
        await asyncio.sleep(1)
        assert one.rooms.get(document) is successor, "who left was in the other"


# --- redaction and the end


@timeless
async def test_what_was_redacted_goes_from_an_open_room_and_everybody_begins_anew() -> None:
    async with node() as one:
        document = uuid4()
        cell, member, said = await one.enters(document)
        write(cell, member, "secret")
        await one.journal.settled()
        await asyncio.sleep(1)
        (burst,) = one.store.sealed[document]
        gone = deletion(walk(burst.update).inserts)
        one.store.sealed[document].append(Burst(burst.person, burst.began, burst.ended, 1, 0, 6, gone, ()))
        said.clear()
        await one.rooms.redacted(document)
        await asyncio.sleep(0.1)
        assert await shown(one.rooms, document) == ""
        assert [type(each) for each in said] == [bytes], "they can take it before they have to go"
        await asyncio.sleep(1)
        assert said[1:] == [(4510, "text was redacted: begin with an empty document")]
        await one.rooms.redacted(uuid4())  # not open here


@timeless
async def test_stopping_seals_everything_and_ends_what_is_under_way() -> None:
    async with node() as one:
        document, other = uuid4(), uuid4()
        cell, member, _ = await one.enters(document)
        write(cell, member, "written")
        await one.journal.settled()
        cell.retire("a test says so")
        write((healthy := await one.enters(other))[0], healthy[1], "more")
        await one.journal.settled()
        one.store.slow = 60.0
        opening = asyncio.create_task(one.rooms.open(uuid4()))
        await asyncio.sleep(0.1)
        await one.rooms.stop()
        assert (one.store.text(document), one.store.text(other)) == ("written", "more")
        with pytest.raises(asyncio.CancelledError):
            await opening
