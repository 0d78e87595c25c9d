"""The hub with real rooms, journal and sessions; the store is in memory, sockets are pairs in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pycrdt
import pytest

from realtime import protocol
from realtime.hub import Hub
from realtime.limits import Limits
from realtime.protocol import Close
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import Peer, Pipe, admission

QUICK = Limits(seal_idle=0.0, unload_after=0.2)  # what is written is sealed at the next tick


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def hub(store: MemoryStore) -> AsyncIterator[Hub]:
    hub = Hub(store, limits=QUICK, tick=0.02)
    await hub.start()
    yield hub
    store.failing = False
    store.let_go()
    await hub.stop()


async def test_two_people_see_each_other(hub: Hub) -> None:
    document = uuid4()
    one, two = Peer(hub, admission(document)), Peer(hub, admission(document))
    await asyncio.gather(one.synced.wait(), two.synced.wait())
    one.text += "sveiki"
    await two.until(lambda: str(two.text) == "sveiki")
    two.text.insert(0, "¡hola! ")
    await one.until(lambda: str(one.text) == "¡hola! sveiki")
    assert pycrdt.Doc().get_state() != await hub.read(document)
    late = Peer(hub, admission(document))
    await late.until(lambda: str(late.text) == "¡hola! sveiki")


async def test_nothing_is_seen_before_it_is_committed(hub: Hub, store: MemoryStore) -> None:
    document = uuid4()
    one, two = Peer(hub, admission(document)), Peer(hub, admission(document))
    await asyncio.gather(one.synced.wait(), two.synced.wait())
    store.hold()
    before = len(one.heard)
    one.text += "secret"
    await one.until(lambda: store.appends > 0)
    late = Peer(hub, admission(document))
    await late.synced.wait()
    assert (str(two.text), str(late.text)) == ("", ""), "no reader sees it, nor a step2"
    assert len(one.heard) == before, "its author is not told it is saved"
    store.let_go()
    await two.until(lambda: str(two.text) == "secret")
    await late.until(lambda: str(late.text) == "secret")
    await one.until(lambda: len(one.heard) > before)


@pytest.mark.parametrize("lost_answers", [0, 2])
async def test_a_failing_store_loses_nothing(hub: Hub, store: MemoryStore, lost_answers: int) -> None:
    document = uuid4()
    one, two = Peer(hub, admission(document)), Peer(hub, admission(document))
    await asyncio.gather(one.synced.wait(), two.synced.wait())
    store.failing = not lost_answers
    store.lose_answers = lost_answers
    one.text += "kept"
    await one.until(lambda: hub.metrics.commit_failures >= 2)
    if not lost_answers:
        assert str(two.text) == ""
        assert hub.metrics.journal_entries == 1
    await one.leave()  # every client leaving must not lose it either
    store.failing = False
    await two.until(lambda: str(two.text) == "kept")
    await two.until(lambda: bool(store.sealed[document]))
    assert [burst.edits for burst in store.sealed[document]] == [1], "nothing doubled"
    assert hub.metrics.journal_entries == 0


async def test_many_join_a_cold_document_together(hub: Hub, store: MemoryStore) -> None:
    document = uuid4()
    first = Peer(hub, admission(document))
    await first.synced.wait()
    first.text += "x" * 1000
    await first.until(lambda: store.edits(document) == 1)
    await first.leave()
    await first.until(lambda: hub.metrics.rooms == 0)
    loads = store.loads
    peers = [Peer(hub, admission(document)) for _ in range(150)]
    async with asyncio.timeout(10):
        await asyncio.gather(*(peer.synced.wait() for peer in peers))
    assert store.loads == loads + 1
    assert all(len(str(peer.text)) == 1000 for peer in peers)


async def test_an_idle_room_is_sealed_and_unloaded(hub: Hub, store: MemoryStore) -> None:
    document, person = uuid4(), uuid4()
    one = Peer(hub, admission(document, person))
    await one.synced.wait()
    one.text += "first"
    one.text += " second"
    await one.leave()
    await one.until(lambda: hub.metrics.rooms == 0)
    assert not store.rows[document]
    assert [(b.person, b.edits, b.inserted) for b in store.sealed[document]] == [(person, 2, 12)]
    again = Peer(hub, admission(document))
    await again.until(lambda: str(again.text) == "first second")


async def test_a_slow_reader_is_bounded_and_catches_up(store: MemoryStore) -> None:
    hub = Hub(store, limits=Limits(outbound=20_000))
    await hub.start()
    document = uuid4()
    writer, reader = Peer(hub, admission(document)), Peer(hub, admission(document))
    await asyncio.gather(writer.synced.wait(), reader.synced.wait())
    reader.pipe.stalled = True
    for i in range(100):
        writer.text += f"{i:04}" * 500
        await asyncio.sleep(0)
    await writer.until(lambda: hub.metrics.journal_entries == 0 and store.edits(document) == 100)
    (session,) = [each for each in hub._connections if each.socket is reader.pipe]
    assert session._backlog_bytes <= 20_000
    reader.pipe.stalled = False
    await reader.until(lambda: str(reader.text) == str(writer.text))
    assert len(str(reader.text)) == 200_000
    assert hub.metrics.conflated > 0
    writer.text.insert(0, "!")
    await reader.until(lambda: str(reader.text).startswith("!"))
    await hub.stop()


async def test_rights_follow(hub: Hub) -> None:
    document, person = uuid4(), uuid4()
    one, two = Peer(hub, admission(document, person)), Peer(hub, admission(document))
    await asyncio.gather(one.synced.wait(), two.synced.wait())
    assert set(hub.open()) >= {(document, person)}
    await hub.rights_changed(document, person, True, False)
    await one.until(lambda: bool(one.denied))
    one.text += "no more"
    await one.until(lambda: one.pipe.closed is not None)
    assert one.pipe.closed is not None
    assert one.pipe.closed[0] == 4403
    three = Peer(hub, admission(document, person, may_edit=False))
    await three.synced.wait()
    await hub.rights_changed(document, person, True, True)
    three.text += "now"
    await two.until(lambda: str(two.text) == "now")
    await hub.rights_changed(document, person, False, False)
    await three.until(lambda: three.pipe.closed == (4403, "you may not see this document any more"))
    await hub.close_document(document, 4404, "disabled")
    await two.until(lambda: two.pipe.closed == (4404, "disabled"))


async def test_garbage_ends_its_sender_alone(hub: Hub) -> None:
    document = uuid4()
    good, bad = Peer(hub, admission(document)), Peer(hub, admission(document))
    await asyncio.gather(good.synced.wait(), bad.synced.wait())
    bad.say(b"\x00\x02\x03abc")
    await bad.task
    assert bad.pipe.closed == (4400, "malformed message")
    good.text += "fine"
    await good.until(lambda: len(good.heard) > 0)
    assert hub.metrics.refused[4400] == 1
    assert good.pipe.closed is None


async def test_too_fast(store: MemoryStore) -> None:
    hub = Hub(store, limits=Limits(updates_per_second=1, rate_window=5))
    await hub.start()
    one = Peer(hub, admission(uuid4()))
    for _ in range(6):
        one.say(protocol.update(b"\x00\x00"))
    await one.task
    assert one.pipe.closed == (4529, "too fast")
    await hub.stop()


async def test_stopping_sends_people_away_and_seals(store: MemoryStore) -> None:
    hub = Hub(store)
    await hub.start()
    document = uuid4()
    one = Peer(hub, admission(document))
    await one.synced.wait()
    one.text += "written"
    await asyncio.sleep(0)
    await hub.stop()
    assert one.pipe.closed == (4503, "shutting down")
    assert not store.rows[document]
    late = Peer(hub, admission(document))
    await late.task
    assert late.pipe.closed == (4503, "shutting down")


async def test_a_document_that_cannot_be_loaded_says_come_back(hub: Hub, store: MemoryStore) -> None:
    document = uuid4()
    one = Peer(hub, admission(document))
    await one.synced.wait()
    one.text += "good"
    await one.until(lambda: store.edits(document) == 1)
    await one.leave()
    await one.until(lambda: hub.metrics.rooms == 0)
    burst = store.sealed[document][0]
    store.sealed[document][0] = type(burst)(burst.person, burst.began, burst.ended, 1, 1, 0, b"\x07bad", ())
    broken = Peer(hub, admission(document))
    await broken.task
    assert broken.pipe.closed is not None
    assert broken.pipe.closed[0] == 4503
    assert hub.metrics.quarantined == 1
    store.sealed[document][0] = burst
    loads = store.loads
    refused = Peer(hub, admission(document))
    await refused.task
    assert refused.pipe.closed == (4503, "the document can't be read now")
    assert store.loads == loads, "not tried again at once"


async def test_connections_per_person_are_bounded(store: MemoryStore) -> None:
    hub = Hub(store, limits=Limits(connections_per_person=1))
    await hub.start()
    document, person = uuid4(), uuid4()
    one = Peer(hub, admission(document, person))
    await one.synced.wait()
    pipe = Pipe()
    await hub.serve(pipe, admission(document, person))
    assert pipe.closed == (4529, "too many connections")
    await one.leave()
    assert not hub.open()
    await hub.stop()


async def test_a_right_revoked_while_the_document_loads(hub: Hub, store: MemoryStore) -> None:
    document, person = uuid4(), uuid4()
    cut, muted, other = Pipe(), Pipe(), uuid4()
    serving = [
        asyncio.create_task(hub.serve(cut, admission(document, person))),
        asyncio.create_task(hub.serve(muted, admission(document, other))),
    ]
    while len(hub.open()) < 2:  # noqa: ASYNC110  both are counted before anything is awaited
        await asyncio.sleep(0)
    await hub.rights_changed(document, person, False, False)
    await hub.rights_changed(document, other, True, False)
    await serving[0]
    assert cut.closed == (4403, "you may not see this document any more")
    muted.inbound.put_nowait(protocol.update(bytes.fromhex("0101070004010174017800")))
    await serving[1]
    assert muted.closed is not None
    assert muted.closed[0] == 4403
    again = Peer(hub, admission(document, person))
    await again.synced.wait()


async def test_a_read_only_connection_stays_so(hub: Hub, store: MemoryStore) -> None:
    document, person = uuid4(), uuid4()
    admitted = replace(admission(document, person), read_only=True)
    one = Peer(hub, admitted)
    await one.synced.wait()
    await hub.rights_changed(document, person, True, True)
    one.text += "no"
    await one.until(lambda: one.pipe.closed is not None)
    assert not store.edits(document)


async def test_when_too_much_waits_for_the_database_edits_stay_with_their_client(store: MemoryStore) -> None:
    hub = Hub(store, limits=Limits(journal_bytes=100))
    await hub.start()
    document = uuid4()
    one = Peer(hub, admission(document))
    await one.synced.wait()
    store.hold()
    one.text += "x" * 200
    await one.until(lambda: hub.metrics.journal_bytes > 100)
    one.text += "y"
    await one.until(lambda: one.pipe.closed is not None)
    assert one.pipe.closed == (4503, "edits can't be saved now")
    store.let_go()
    await one.until(lambda: hub.metrics.journal_bytes == 0)
    again = Peer(hub, admission(document, one.person), doc=one.doc)
    await again.synced.wait()
    await again.until(lambda: store.edits(document) == 2)
    await hub.stop()


async def test_a_room_that_is_loaded_again_has_what_was_on_its_way(hub: Hub, store: MemoryStore) -> None:
    document = uuid4()
    one = Peer(hub, admission(document))
    await one.synced.wait()
    store.hold()
    one.text += "on its way"
    await one.until(lambda: hub.metrics.journal_entries == 1)
    hub._rooms._cells[document].retire("a test says so")
    await one.task
    assert one.pipe.closed == (4503, "the document is loaded again")
    back = Peer(hub, admission(document))
    loads = store.loads
    for _ in range(20):
        await asyncio.sleep(0)
    assert store.loads == loads, "it waits for the journal"
    store.let_go()
    await back.until(lambda: str(back.text) == "on its way")


async def test_a_connection_ends_with_what_let_it_in(hub: Hub) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.05)
    peer = Peer(hub, replace(admission(uuid4()), expires=soon))
    await asyncio.wait_for(peer.pipe.ended.wait(), 10)
    assert peer.pipe.closed == (Close.SIGN_IN, "sign in again")
    await peer.task


async def test_a_document_closes_for_those_on_the_way_in_too(hub: Hub, store: MemoryStore) -> None:
    document = uuid4()
    one = Peer(hub, admission(document))
    while not hub.open():  # noqa: ASYNC110  counted, the room not loaded yet
        await asyncio.sleep(0)
    assert not one.synced.is_set()
    await hub.close_document(document, Close.NOT_FOUND, "the document is disabled")
    await one.until(lambda: one.pipe.closed is not None)
    assert one.pipe.closed is not None
    assert one.pipe.closed[0] == 4404
    again = Peer(hub, admission(document))
    await again.synced.wait()


async def test_a_right_that_ends_between_the_door_and_the_seat_is_noticed(hub: Hub) -> None:
    admitted = admission(uuid4())
    hub.expect(admitted.document, admitted.person)
    assert (admitted.document, admitted.person) in hub.open()
    await hub.rights_changed(admitted.document, admitted.person, False, False)
    peer = Peer(hub, admitted)
    await peer.task
    assert peer.pipe.closed == (Close.FORBIDDEN, "you may not see this document any more")
