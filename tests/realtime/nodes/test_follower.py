"""What other nodes committed comes into the rooms of this one, whatever the bus did with it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from realtime import crdt, protocol
from realtime.member import Member
from realtime.nodes import relay
from realtime.protocol import Edit
from realtime.update import walk
from tests.realtime.nodes.following import THERE, Typist, node, text, typed
from tests.realtime.peers import admission
from tests.realtime.simulation import EtherBus
from tests.realtime.test_cell import Heard
from tests.realtime.virtual_time import timeless

# --- one document


@timeless
async def test_what_was_committed_while_it_opened_is_read_at_once() -> None:
    async with node() as one:
        one.bus.subscribe = lambda *_: None  # type: ignore[method-assign]  # it is away, and tells nothing
        cell = await one.open(uuid4(), lost=typed("a", "b"))
        await asyncio.sleep(0.01)
        assert text(cell) == "ab"
        assert one.metrics.catch_ups > 0


@timeless
async def test_each_reading_goes_on_where_the_last_one_ended() -> None:
    async with node() as one:
        document, (first, second, third) = uuid4(), typed("a", "b", "c")
        one.store.log(document, first)
        cell = await one.open(document)
        await asyncio.sleep(0.01)
        assert set(one.store.readings) == {1}
        one.store.log(document, second)
        await one.store.commits(document, third)
        one.follower.behind(document)
        await asyncio.sleep(0.01)
        assert text(cell) == "abc"
        one.follower.behind(document)
        await asyncio.sleep(0.01)
        assert one.store.readings[-2:] == [1, 2]
        assert cell.room.abroad.here() == {THERE: 1}


@timeless
async def test_any_number_of_hints_during_a_reading_make_one_more() -> None:
    async with node() as one:
        document = uuid4()
        cell = await one.open(document)
        await asyncio.sleep(1)
        one.store.readings.clear()
        one.store.slow = 0.5
        for _ in range(20):
            one.follower.behind(document)
            await asyncio.sleep(0.01)
        await one.store.commits(document, *typed("x"))
        one.follower.behind(document)
        await asyncio.sleep(3)
        assert text(cell) == "x"
        assert len(one.store.readings) == 2


@timeless
async def test_bursts_that_lean_on_each_other_are_taken_together() -> None:
    async with node() as one:
        document = uuid4()
        ana, ben = Typist(), Typist()
        first = ben.types("ben ")
        ana.doc.apply_update(first)
        second = ana.types("ana ")
        ben.doc.apply_update(second)
        third = ben.types("ben again")
        cell = await one.open(document)
        one.store.log(document, second, crdt.merge([first, third]))
        await asyncio.sleep(10)
        assert text(cell) == "ben ana ben again"
        assert not cell.retired


@timeless
async def test_what_leans_on_what_is_nowhere_costs_the_room_in_the_end() -> None:
    async with node() as one:
        document, (_, second) = uuid4(), typed("a", "b")
        cell = await one.open(document, lost=[second])
        await asyncio.sleep(0.3)
        assert not cell.retired, "it may be on its way"
        await asyncio.sleep(30)
        assert cell.retired
        readings = len(one.store.readings)
        assert readings < 12
        await asyncio.sleep(30)
        assert len(one.store.readings) == readings, "nothing is read for a room that was given up"


@timeless
async def test_what_comes_in_time_spares_the_room() -> None:
    async with node() as one:
        document, (first, second) = uuid4(), typed("a", "b")
        cell = await one.open(document, lost=[second])
        await asyncio.sleep(0.3)
        await one.store.commits(document, first)
        await asyncio.sleep(30)
        assert text(cell) == "ab"
        assert not cell.retired


@timeless
async def test_a_store_that_fails_is_asked_until_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    async with node() as one:
        one.store.broken = True
        document = uuid4()
        cell = await one.open(document, lost=typed("x"))
        await asyncio.sleep(60)
        assert 20 < one.metrics.catch_up_failures < 80, "not at every moment"
        assert not cell.retired, "that the store fails is not the room's fault"
        assert "secret" not in caplog.text
        one.store.broken = False
        await asyncio.sleep(3)
        assert text(cell) == "x"


@timeless
async def test_an_edit_in_doubt_waits_until_the_store_was_read() -> None:
    async with node() as one:
        document, (first,) = uuid4(), typed("x")
        cell = await one.open(document)
        member = Member.of(admission(document))
        member.outlet = heard = Heard()
        await asyncio.sleep(1)
        one.store.broken = True
        cell.enter(member, 0.0)
        await one.store.commits(document, first, person=member.person)
        cell.receive(member, Edit(first, walk(first), step2=True), 0.0, datetime.now(UTC))
        await asyncio.sleep(5)
        assert heard.said == []
        one.store.broken = False
        await asyncio.sleep(5)
        assert heard.said == [protocol.update(first), True], "it was another node's commit, and is kept"


async def test_large_updates_come_whole() -> None:
    """They are looked at in a thread: on the clock of this machine."""
    async with node() as one:
        document, words = uuid4(), ["x" * 70_000, "y" * 40_000, "z" * 40_000]
        member, cell = Member.of(admission(document)), await one.open(document, lost=typed(*words))
        member.outlet = heard = Heard()
        cell.enter(member, asyncio.get_running_loop().time())
        async with asyncio.timeout(10):
            while len(text(cell)) < 150_000:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.005)
        assert text(cell) == "".join(words)
        assert len(heard.said) >= 2, "readers get it in parts"


# --- the bus


@timeless
async def test_what_the_bus_carries_is_there_without_a_reading() -> None:
    async with node() as one:
        document, (first, second) = uuid4(), typed("a", "b")
        cell = await one.open(document)
        await asyncio.sleep(1)
        readings = len(one.store.readings)
        one.bus.hear(THERE, document, relay.encode(relay.News(0, 1, (), first)))
        assert text(cell) == "a"
        assert len(one.store.readings) == readings
        cell.retire("a test says so")
        one.bus.hear(THERE, document, relay.encode(relay.News(1, 2, (), second)))
        assert text(cell) == "a", "a room that was given up hears nothing"


@timeless
async def test_a_gap_in_what_it_carries_is_read() -> None:
    async with node() as one:
        document, (first, second) = uuid4(), typed("a", "b")
        cell = await one.open(document)
        await asyncio.sleep(1)
        await one.store.commits(document, first, second)
        one.bus.hear(THERE, document, relay.encode(relay.News(1, 2, (), second)))
        await asyncio.sleep(0.1)
        assert text(cell) == "ab"


@timeless
async def test_when_it_begins_to_carry_all_is_read_and_everybody_asked_who_is_there() -> None:
    async with node() as one:
        other, asked = EtherBus(one.ether), list[relay.Message]()
        document = uuid4()
        other.subscribe(document, lambda _, data: asked.append(relay.parse(data)), lambda: None)
        cell = await one.open(document)
        await asyncio.sleep(1)
        assert asked == [relay.RollCall()]
        await one.store.commits(document, *typed("x"))
        one.bus.subscribed_again()  # it was away
        await asyncio.sleep(0.1)
        assert text(cell) == "x"
        assert asked == [relay.RollCall()] * 2


@timeless
async def test_a_closed_document_is_followed_no_more() -> None:
    async with node() as one:
        document = uuid4()
        cell = await one.open(document)
        await asyncio.sleep(1)
        one.follower.closed(document)
        one.follower.closed(document)
        readings, comparisons = len(one.store.readings), one.store.comparisons
        await one.store.commits(document, *typed("x"))
        one.bus.hear(THERE, document, relay.encode(relay.News(0, 1, (), typed("x")[0])))
        one.follower.behind(document)
        await asyncio.sleep(20)
        assert text(cell) == ""
        assert (len(one.store.readings), one.store.comparisons) == (readings, comparisons)


# --- all documents


@pytest.mark.parametrize(("up", "before", "after"), [(True, 3.0, 6.0), (False, 0.2, 0.8)])
def test_what_nobody_told_of_is_found_by_comparing(up: bool, before: float, after: float) -> None:
    @timeless
    async def story(*, sealed: bool) -> None:
        async with node() as one:
            one.bus.up = up
            document, other = uuid4(), uuid4()
            cell, _ = await one.open(document), await one.open(other)
            while not (compared := one.store.comparisons):  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.02)
            (update,) = typed("x")
            if sealed:
                one.store.log(document, update)
            else:
                await one.store.commits(document, update)
            one.store.readings.clear()
            await asyncio.sleep(before)
            assert (text(cell), one.store.comparisons) == ("", compared)
            await asyncio.sleep(after - before)
            assert text(cell) == "x"
            assert one.store.readings == [0], "the other document lacks nothing"

    story(sealed=False)
    story(sealed=True)


@timeless
async def test_comparing_survives_a_store_that_fails() -> None:
    async with node() as one:
        document = uuid4()
        cell = await one.open(document)
        await asyncio.sleep(1)
        one.store.broken = True
        await one.store.commits(document, *typed("x"))
        await asyncio.sleep(12)
        assert one.metrics.catch_up_failures == 2
        one.store.broken = False
        await asyncio.sleep(6)
        assert text(cell) == "x"
