"""Requests instead of sockets: the same rooms, the same rules, nothing kept between two requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from realtime import exchange, framing, protocol, wire
from realtime.awareness import read_entries
from realtime.exchange import Answer, Exchanges, Incomplete, Question
from realtime.hub import Hub, Refused
from realtime.limits import Limits
from realtime.protocol import Close
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import Peer, admission

QUICK = Limits(seal_idle=0.0, handshake=1.0, unload_after=0.3)
FORGED = protocol.update(bytes.fromhex("0101070004010174017800"))  # "x" by client 7


class Caller:
    """Somebody without a socket; knows one document, and its version as last told."""

    def __init__(self, exchanges: Exchanges, document: UUID, person: UUID | None = None) -> None:
        self.admission = admission(document, person)
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.text = self.doc.get("content", type=pycrdt.Text)
        self.version: str | None = None
        self.presence: dict[int, Any] = {}
        self.exchanges = exchanges
        self._unsent: list[bytes] = []
        self._quiet = False
        self._watch = self.doc.observe(self._edited)

    def _edited(self, event: Any) -> None:
        if not self._quiet:
            self._unsent.append(event.update)

    async def call(self, *frames: bytes, wait: float = 0, **options: Any) -> Answer:
        """Send everything unsent with these frames, and take in what comes back."""
        unsent, self._unsent = self._unsent, []
        told = [*map(protocol.update, unsent), *frames, protocol.step1(self.doc.get_state())]
        question = Question(told, self.version, wait, **options)
        answer = await self.exchanges.run(self.admission, question)
        self._quiet = True
        for update in framing.updates_of(answer.frames):
            self.doc.apply_update(update)
        self._quiet = False
        for frame in answer.frames:
            if frame[0] == protocol.AWARENESS:
                entries = read_entries(wire.read_bytes(frame, 1)[0])
                self.presence = {client: json.loads(state) for client, _, state in entries}
        self.version = answer.version
        return answer


def presence(client: int, clock: int, state: Any) -> bytes:
    entry = wire.varuint(client) + wire.varuint(clock) + wire.sized(json.dumps(state).encode())
    return protocol.awareness([entry])


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


@pytest.fixture
def exchanges(hub: Hub) -> Exchanges:
    return Exchanges(hub, QUICK)


async def until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  it may be anything
            await asyncio.sleep(0.002)


async def refusal(exchanges: Exchanges, document: UUID, *frames: bytes, **options: Any) -> Close:
    with pytest.raises(Refused) as refused:
        await exchanges.run(admission(document), Question(frames, **options))
    return refused.value.code


async def test_with_and_without_a_socket_people_write_together(
    hub: Hub, exchanges: Exchanges, store: MemoryStore
) -> None:
    document = uuid4()
    one, two = Peer(hub, admission(document)), Caller(exchanges, document)
    await one.synced.wait()
    two.text += "sveiki"
    await two.call()
    await one.until(lambda: str(one.text) == "sveiki")
    one.text += "!"
    await one.until(lambda: store.appends == 2)  # the rows may be sealed by then
    await two.call()
    assert str(two.text) == "sveiki!"


async def test_an_answer_comes_after_the_commit_and_not_before(
    hub: Hub, exchanges: Exchanges, store: MemoryStore
) -> None:
    document = uuid4()
    one, two = Caller(exchanges, document), Caller(exchanges, document)
    await one.call()
    store.hold()
    one.text += "durable"
    writing = asyncio.create_task(one.call())
    await until(lambda: store.appends > 0)
    await two.call()
    assert str(two.text) == ""
    assert not writing.done()
    store.let_go()
    await writing
    assert store.edits(document) == 1
    await two.call()
    assert str(two.text) == "durable"


async def test_who_waits_with_everything_gets_the_news_alone(exchanges: Exchanges) -> None:
    document = uuid4()
    reader, writer = Caller(exchanges, document), Caller(exchanges, document)
    for i in range(200):
        writer.text.insert(0, f"{i} ")
        del writer.text[0:1]
    await writer.call()
    await reader.call()
    waiting = asyncio.create_task(reader.call(wait=30))
    await asyncio.sleep(0.02)
    writer.text.insert(0, "!")
    await writer.call()
    answer = await asyncio.wait_for(waiting, 1)
    assert str(reader.text) == str(writer.text)
    assert sum(map(len, framing.updates_of(answer.frames))) < 60, "not all deletions again"


async def test_who_asks_for_no_content_gets_none(exchanges: Exchanges, store: MemoryStore) -> None:
    document = uuid4()
    answer = await exchanges.run(admission(document), Question([FORGED]))
    assert answer.frames == ()
    assert store.edits(document) == 1


async def test_what_cannot_be_committed_in_time_is_said_so_and_may_be_sent_again(
    exchanges: Exchanges, store: MemoryStore
) -> None:
    document = uuid4()
    one = Caller(exchanges, document)
    await one.call()
    store.hold()
    one.text += "late"
    update = one.doc.get_update()
    with pytest.raises(Refused) as refused:
        await one.call()
    assert refused.value.code == Close.SHUTTING_DOWN
    again = asyncio.create_task(one.call(protocol.update(update)))
    await asyncio.sleep(0.05)
    assert not again.done(), "nothing new in it, but it is not committed"
    store.let_go()
    await again
    assert store.edits(document) == 1, "it is stored once"


async def test_waiting_ends_with_a_change_at_once(exchanges: Exchanges) -> None:
    document = uuid4()
    reader, writer = Caller(exchanges, document), Caller(exchanges, document)
    await reader.call()
    waiting = asyncio.create_task(reader.call(wait=30))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    writer.text += "news"
    await writer.call()
    await asyncio.wait_for(waiting, 1)
    assert str(reader.text) == "news"


async def test_a_deletion_is_news_though_no_state_vector_tells_of_it(exchanges: Exchanges) -> None:
    document = uuid4()
    reader, writer = Caller(exchanges, document), Caller(exchanges, document)
    writer.text += "abc"
    await writer.call()
    await reader.call()
    del writer.text[0:2]
    await writer.call()  # between two questions of the reader
    await asyncio.wait_for(reader.call(wait=30), 1)
    assert str(reader.text) == "c"
    waiting = asyncio.create_task(reader.call(wait=30))
    await asyncio.sleep(0.02)
    assert not waiting.done(), "old deletions are no news"
    del writer.text[0:1]
    await writer.call()
    await asyncio.wait_for(waiting, 1)
    assert str(reader.text) == ""


async def test_who_does_not_know_the_version_gets_old_deletions_in_the_end(exchanges: Exchanges) -> None:
    document = uuid4()
    reader, writer = Caller(exchanges, document), Caller(exchanges, document)
    writer.text += "abc"
    await writer.call()
    await reader.call()
    del writer.text[0:2]
    await writer.call()
    reader.version = None
    await reader.call(wait=0.05)
    assert str(reader.text) == "c"


async def test_who_lacks_text_waits_for_nothing(exchanges: Exchanges) -> None:
    document = uuid4()
    reader, writer = Caller(exchanges, document), Caller(exchanges, document)
    writer.text += "there already"
    await writer.call()
    await asyncio.wait_for(reader.call(wait=30), 1)
    assert str(reader.text) == "there already"


async def test_waiting_in_vain_is_answered_with_nothing(exchanges: Exchanges) -> None:
    reader = Caller(exchanges, uuid4())
    first = await reader.call()
    assert await reader.call(wait=0.05) == Answer((), first.version)
    assert (await reader.call()).frames, "who does not wait is told where things stand"


async def test_presence_goes_both_ways_and_outlives_the_request(hub: Hub, exchanges: Exchanges) -> None:
    document = uuid4()
    one, two = Peer(hub, admission(document, name="Ilze")), Caller(exchanges, document)
    await one.synced.wait()
    one.present(5, 1, {"cursor": 1})
    await one.until(lambda: 5 in one.presence)
    await two.call(presence(6, 1, {"cursor": 2, "user": {"name": "somebody else"}}), presence=True, but=6)
    await one.until(lambda: 6 in one.presence)
    assert one.presence[6]["cursor"] == 2
    assert one.presence[6]["user"]["id"] == str(two.admission.person)
    await two.call(presence=True, but=6)
    assert set(two.presence) == {5}
    waiting = asyncio.create_task(two.call(wait=30, presence=True, but=6))
    await asyncio.sleep(0.02)
    one.present(5, 2, {"cursor": 9})
    await asyncio.wait_for(waiting, 1)
    assert two.presence[5]["cursor"] == 9
    assert one.presence[6] is not None, "it stays between two requests"
    await two.call(presence(6, 2, None))
    await one.until(lambda: one.presence[6] is None)


async def test_presence_that_is_not_renewed_expires(store: MemoryStore) -> None:
    limits = Limits(awareness_expiry=0.2)
    hub = Hub(store, limits=limits, tick=0.02)
    await hub.start()
    document = uuid4()
    one, two = Peer(hub, admission(document)), Caller(Exchanges(hub, limits), document)
    await one.synced.wait()
    await two.call(presence(6, 1, {}))
    await one.until(lambda: one.presence.get(6) is not None)
    await one.until(lambda: one.presence[6] is None)
    await hub.stop()


async def test_who_left_is_not_in_the_next_answer(hub: Hub, exchanges: Exchanges) -> None:
    document = uuid4()
    one, two = Peer(hub, admission(document)), Caller(exchanges, document)
    await one.synced.wait()
    one.present(5, 1, {})
    await one.until(lambda: 5 in one.presence)
    await two.call(presence=True)
    assert set(two.presence) == {5}
    waiting = asyncio.create_task(two.call(wait=30, presence=True))
    await asyncio.sleep(0.02)
    await one.leave()
    await asyncio.wait_for(waiting, 1)
    assert two.presence == {}


async def test_presence_without_a_socket_is_bounded(hub: Hub, exchanges: Exchanges) -> None:
    document = uuid4()
    one, two = Peer(hub, admission(document)), Caller(exchanges, document)
    await one.synced.wait()
    for client in range(50):
        await two.call(presence(100 + client, 1, {}))
    await two.call(presence=True)
    assert len(two.presence) == QUICK.awareness_clients
    other = Caller(exchanges, document)
    await other.call(presence(7, 1, {}))
    await other.call(presence=True)
    assert 7 in other.presence, "one person's many are not another's"


async def test_presence_that_does_not_matter_wakes_nobody(exchanges: Exchanges) -> None:
    document = uuid4()
    cursors, text = Caller(exchanges, document), Caller(exchanges, document)
    await cursors.call(presence(6, 1, {"cursor": 1}), presence=True, but=6)
    await text.call()
    waiting = [
        asyncio.create_task(cursors.call(wait=0.3, presence=True, but=6)),
        asyncio.create_task(text.call(wait=0.3)),
    ]
    await asyncio.sleep(0.02)
    await Caller(exchanges, document, cursors.admission.person).call(presence(6, 2, {"cursor": 2}))
    answers = await asyncio.gather(*waiting)
    assert [answer.frames for answer in answers] == [(), ()]


async def test_another_s_client_id_is_refused(hub: Hub, exchanges: Exchanges, store: MemoryStore) -> None:
    document = uuid4()
    await exchanges.run(admission(document), Question([FORGED]))
    theirs = protocol.update(bytes.fromhex("01010701c40700070001790000")[:-1])
    assert await refusal(exchanges, document, theirs) == Close.FORGED
    assert store.edits(document) == 1


async def test_what_leans_on_the_unknown_is_asked_for(exchanges: Exchanges, store: MemoryStore) -> None:
    document = uuid4()
    one = Caller(exchanges, document)
    one.text += "first"
    one.text += "second"
    first, second = one._unsent
    one._unsent = []
    with pytest.raises(Incomplete):
        await one.call(protocol.update(second))
    assert not store.edits(document)
    await one.call(protocol.update(first), protocol.update(second))
    committed = [each.update for each in (*store.rows[document], *store.sealed[document])]
    assert b"".join(committed).count(b"second") == 1


async def test_who_may_only_view_writes_nothing(hub: Hub, exchanges: Exchanges, store: MemoryStore) -> None:
    document = uuid4()
    viewer = admission(document, may_edit=False)
    for frame in (FORGED, protocol.step2(wire.read_bytes(FORGED, 2)[0])):
        with pytest.raises(Refused) as refused:
            await exchanges.run(viewer, Question([frame]))
        assert refused.value.code == Close.FORBIDDEN
    assert not store.edits(document)
    peer = Peer(hub, admission(document))
    await exchanges.run(viewer, Question([presence(9, 1, {"cursor": 3})]))
    await peer.until(lambda: 9 in peer.presence)


async def test_a_right_that_ends_ends_the_waiting(hub: Hub, exchanges: Exchanges) -> None:
    document = uuid4()
    one = Caller(exchanges, document)
    await one.call()
    waiting = asyncio.create_task(one.call(wait=30))
    await asyncio.sleep(0.02)
    await hub.rights_changed(document, one.admission.person, True, False)
    denied = await asyncio.wait_for(waiting, 1)
    assert denied.frames[0][0] == protocol.AUTH
    waiting = asyncio.create_task(one.call(wait=30))
    await asyncio.sleep(0.02)
    await hub.rights_changed(document, one.admission.person, False, False)
    with pytest.raises(Refused) as refused:
        await asyncio.wait_for(waiting, 1)
    assert refused.value.code == Close.FORBIDDEN
    waiting = asyncio.create_task(Caller(exchanges, document).call(wait=30))
    await asyncio.sleep(0.02)
    await hub.close_document(document, Close.NOT_FOUND, "disabled")
    with pytest.raises(Refused) as refused:
        await asyncio.wait_for(waiting, 1)
    assert refused.value.code == Close.NOT_FOUND


async def test_waiting_ends_when_the_hub_stops(store: MemoryStore) -> None:
    hub = Hub(store, limits=QUICK)
    await hub.start()
    exchanges, document = Exchanges(hub, QUICK), uuid4()
    one = Caller(exchanges, document)
    await one.call()
    waiting = asyncio.create_task(one.call(wait=30))
    await asyncio.sleep(0.02)
    await asyncio.wait_for(hub.stop(), 2)
    with pytest.raises(Refused) as refused:
        await waiting
    assert refused.value.code == Close.SHUTTING_DOWN
    assert await refusal(exchanges, document) == Close.SHUTTING_DOWN


async def test_rates_are_kept_over_requests_and_per_person(store: MemoryStore) -> None:
    limits = Limits(updates_per_second=1, rate_window=5)
    hub = Hub(store, limits=limits)
    await hub.start()
    exchanges, document = Exchanges(hub, limits), uuid4()
    eager = admission(document)
    for _ in range(5):
        await exchanges.run(eager, Question([protocol.update(b"\x00\x00")]))
    with pytest.raises(Refused) as refused:
        await exchanges.run(eager, Question([protocol.update(b"\x00\x00")]))
    assert refused.value.code == Close.TOO_FAST
    await exchanges.run(admission(document), Question([protocol.update(b"\x00\x00")]))
    await hub.stop()


async def test_allowances_of_who_was_here_long_ago_are_forgotten(
    exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_REMEMBERED", 3)
    document = uuid4()
    for _ in range(10):
        await exchanges.run(admission(document), Question())
    for allowances in exchanges._allowances.values():
        allowances.used -= 2 * QUICK.rate_window
    await exchanges.run(admission(document), Question())
    assert len(exchanges._allowances) == 1


async def test_large_and_malformed_frames(exchanges: Exchanges) -> None:
    document = uuid4()
    assert await refusal(exchanges, document, b"\x00\x02" + wire.sized(b"\x01")) == Close.MALFORMED
    assert await refusal(exchanges, document, b"") == Close.MALFORMED
    assert await refusal(exchanges, document, b"\x00" * (QUICK.frame + 1)) == Close.TOO_LARGE
    assert await refusal(exchanges, document, presence(1, 1, {"a": "x" * 5000})) == Close.TOO_LARGE


async def test_many_frames_let_others_have_their_turn(exchanges: Exchanges) -> None:
    one, document, turns = Caller(exchanges, uuid4()), uuid4(), 0
    for i in range(500):
        one.text.insert(0, str(i))
    frames = list(map(protocol.update, one._unsent))
    calling = asyncio.create_task(exchanges.run(admission(document), Question(frames)))
    while not calling.done():
        turns += 1
        await asyncio.sleep(0)
    await calling
    assert turns > 10


async def test_nobody_stays_behind(hub: Hub, exchanges: Exchanges) -> None:
    document = uuid4()
    await Caller(exchanges, document).call()
    for frame in (b"\xff", FORGED):
        with pytest.raises(Refused):
            await exchanges.run(admission(document, may_edit=False), Question([frame]))
    assert not hub.open()
    assert hub.metrics.sessions == 0
