"""Hocuspocus connections, frame by frame, over a real hub."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pycrdt
import pytest

from realtime import protocol
from realtime.hocuspocus import protocol as hocuspocus
from realtime.hub import Hub
from realtime.limits import Limits
from realtime.wire import read_bytes, sized, varuint
from tests.realtime.lines import Door, Line, auth, to, typed
from tests.realtime.memory_store import MemoryStore
from tests.realtime.peers import Peer, admission

READ_WRITE = hocuspocus.authenticated(True)
READ_ONLY = hocuspocus.authenticated(False)
DENIED = hocuspocus.denied("permission-denied")
STEP1 = "0164 00 00 01 00"
STEP2 = "0164 00 01 02 0000"
SAVED, NOT_SAVED = "0164 08 01", "0164 08 00"
EDIT = "0164 00 02 0b 0101070004010174017800"  # client 7 inserts "x" into the Text "t"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(autouse=True)
def nothing_fails(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture
async def hub(store: MemoryStore) -> AsyncIterator[Hub]:
    hub = Hub(store, limits=Limits(renew_before=0.2), tick=0.02)
    await hub.start()
    yield hub
    await hub.stop()
    assert hub.metrics.sessions == 0


@pytest.fixture
def door() -> Door:
    door = Door()
    door.gives("tok")
    return door


async def inside(
    hub: Hub, door: Door, token: str = "tok", name: str = "d", *, rights: bytes = READ_WRITE
) -> Line:
    """A line that is in, synced."""
    line = Line(hub, door)
    line.say(auth(name, token), to(name, protocol.step1(b"\x00")))
    await line.hears(to(name, rights))
    await line.until(lambda: len(line.frames) == 2)
    line.frames.clear()
    line.say(to(name, protocol.step2(b"\x00\x00")))
    await line.hears(to(name, b"\x08\x01"))
    return line


async def text_of(hub: Hub, door: Door, name: str = "content") -> str:
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(await hub.read(door.document))
    return str(doc.get(name, type=pycrdt.Text))


# --- golden transcripts


async def test_the_transcript(hub: Hub, door: Door) -> None:
    line = Line(hub, door)
    line.say("0164 02 00 03746f6b 05342e382e30", STEP1, "0164 01 06 01 07 00 027b7d")
    await line.hears("0164 02 02 0a726561642d7772697465", STEP1, STEP2)
    await line.until(lambda: bool(line.frames))
    assert line.frames.popleft()[:3] == b"\x01d\x01", "its presence, with its name"
    line.say(STEP2)
    await line.hears(SAVED)
    line.say(EDIT)
    await line.hears(EDIT, SAVED)
    line.say("0164 07")
    await line.quiet()
    await line.end()


async def test_denied_and_then_let_in(hub: Hub, door: Door) -> None:
    line = Line(hub, door)
    line.say("0164 02 00 0377726f 05342e382e30", STEP1, "0164 01 06 01 07 00 027b7d")
    await line.hears("0164 02 01 11 7065726d697373696f6e2d64656e696564")
    line.say(EDIT, "0164 03", "0164 05 02 6869")
    await line.quiet()
    assert door.asked == [("d", "wro")]
    line.say("0164 02 00 03746f6b 05342e382e30", STEP1)
    await line.hears("0164 02 02 0a726561642d7772697465", STEP1, STEP2)
    assert await text_of(hub, door, "t") == "", "what was said outside is not heard inside"
    await line.end()


async def test_read_only(hub: Hub, door: Door) -> None:
    door.gives("see", may_edit=False)
    line = Line(hub, door)
    line.say("0164 02 00 03736565 05342e382e30", STEP1)
    await line.hears("0164 02 02 08 726561646f6e6c79", STEP1, STEP2)
    line.say(STEP2)
    await line.hears(SAVED)  # nothing new in it
    line.say(EDIT)
    await line.hears(NOT_SAVED)
    line.say(EDIT.replace("00 02", "00 01"))  # a step2 is a write too
    await line.hears(NOT_SAVED)
    assert await text_of(hub, door, "t") == ""
    await line.end()


async def test_a_token_is_renewed(hub: Hub, door: Door) -> None:
    ilze = door.gives("see", may_edit=False)
    door.gives("tok", person=ilze)
    line = await inside(hub, door, "see", rights=READ_ONLY)
    line.say(EDIT)
    await line.hears(NOT_SAVED)
    line.say("0164 02 00 03746f6b 05342e382e30")
    await line.hears(to("d", READ_WRITE), STEP1, to("d", READ_WRITE))
    line.say(EDIT.replace("00 02", "00 01"))  # it is asked for what it has
    await line.hears(EDIT, SAVED)  # that makes good what was not saved
    line.say("0164 02 00 03736565 05342e382e30")
    await line.hears(to("d", READ_ONLY), to("d", READ_ONLY))
    line.say(to("d", typed("not any more")))
    await line.hears(NOT_SAVED)
    line.say("0164 02 00 0377726f 05342e382e30")
    await line.hears(to("d", hocuspocus.closed("sign in")))
    await line.quiet()
    await line.end()


async def test_a_document_opened_twice(hub: Hub, door: Door) -> None:
    line = Line(hub, door)
    one, two = "03 64 00 61", "03 64 00 62"  # "d" NUL "a", "d" NUL "b"
    token = "02 00 03746f6b 05342e382e30"
    line.say(one + token, one + "00 00 01 00", two + token, two + "00 00 01 00")
    for address in (one, two):
        await line.finds(bytes.fromhex(address + "02 02 0a726561642d7772697465"))
    await line.until(lambda: bytes.fromhex(two + "0001020000") in line.frames)
    line.frames.clear()
    edit = EDIT.removeprefix("0164")
    line.say(one + edit)
    await line.until(lambda: len(line.frames) == 3)
    assert set(line.frames) == {bytes.fromhex(each) for each in (one + edit, two + edit, one + "08 01")}
    line.frames.clear()
    line.say(one + "07")
    line.say(two + "00 00 03 01 07 01")
    await line.hears(two + "00 00 03 01 07 01", two + "00 01 02 0000")
    assert hub.metrics.sessions == 1
    await line.end()


async def test_two_documents_do_not_mix(hub: Hub, door: Door) -> None:
    other = str(uuid4())
    line = await inside(hub, door)
    line.say(auth(other, "tok"), to(other, protocol.step1(b"\x00")))
    await line.hears(
        to(other, READ_WRITE), to(other, protocol.step1(b"\x00")), to(other, b"\x00\x01\x02\x00\x00")
    )
    line.say(EDIT)
    await line.hears(EDIT, SAVED)
    line.say(to(other, b"\x07"), EDIT)
    await line.hears(SAVED)
    line.say(to("nonsense", b"\x03"), auth("nonsense", "tok"))
    await line.hears(to("nonsense", DENIED))
    await line.end()


async def test_pings_and_what_applications_say(hub: Hub, door: Door) -> None:
    line = await inside(hub, door)
    line.say("09", "0a", "0164 05 02 6869", "09")
    await line.hears("0a", "0a")
    await line.end()


# --- saved means committed


async def test_saved_only_after_the_commit(hub: Hub, door: Door, store: MemoryStore) -> None:
    line, reader = await inside(hub, door), Peer(hub, admission(door.document))
    await reader.synced.wait()
    store.hold()
    line.say(EDIT, STEP2)  # the second holds nothing new, but the first is not committed yet
    await line.quiet()
    assert reader.heard.count(0) <= 2
    store.let_go()
    await line.hears(EDIT, SAVED, SAVED)
    await reader.leave()
    await line.end()


async def test_a_failing_store_is_tried_until_it_takes_the_edit(
    hub: Hub, door: Door, store: MemoryStore
) -> None:
    line = await inside(hub, door)
    store.failing = True
    line.say(EDIT)
    await line.until(lambda: hub.metrics.commit_failures > 0)
    await line.quiet()
    store.failing = False
    await line.hears(EDIT, SAVED)
    await line.end()


async def test_what_leans_on_missing_edits_is_saved_with_them(hub: Hub, door: Door) -> None:
    line = await inside(hub, door)
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    typed("not sent", doc)
    second = typed("sent ", doc)
    await asyncio.sleep(1.01)  # it was asked for what it has just now, and is not asked again at once
    line.say(to("d", second))
    await line.hears(STEP1)
    line.say(to("d", protocol.step2(doc.get_update())))
    await line.until(lambda: bytes.fromhex(SAVED) in line.frames)
    assert await text_of(hub, door) == "sent not sent"
    line.say("09")
    await line.until(lambda: line.frames[-1] == b"\x0a")
    assert line.frames.count(bytes.fromhex(SAVED)) == 1, "the client did not count what it was asked for"
    await line.end()


# --- before the token is checked


async def test_what_comes_before_the_token_is_checked_waits(hub: Hub, door: Door) -> None:
    door.hold()
    line = Line(hub, door)
    large = to("d", typed("x" * 100_000))
    line.say(STEP1, EDIT, auth("d", "tok"), large, "0164 02 00 03746f6b")
    await line.quiet()
    door.let_go()
    await line.hears(to("d", READ_WRITE), STEP1, STEP2)
    await line.until(lambda: line.frames.count(b"\x01d\x08\x01") == 2)
    assert len(await text_of(hub, door)) == 100_000
    assert await text_of(hub, door, "t") == "x"
    await line.end()


async def test_what_was_written_before_leaving_in_a_hurry_is_kept(hub: Hub, door: Door) -> None:
    door.hold()
    line = Line(hub, door)
    line.say(auth("d", "tok"), STEP1, EDIT, "0164 07", auth("d", "tok"), STEP1)
    await line.quiet()
    door.let_go()
    await line.until(lambda: line.frames.count(to("d", READ_WRITE)) == 1)
    async with asyncio.timeout(10):
        while await text_of(hub, door, "t") != "x":  # noqa: ASYNC110  the store is asked
            await asyncio.sleep(0.005)
    await line.until(lambda: hub.metrics.sessions == 1)
    assert b"\x01d\x08\x01" not in line.frames, "the new one has written nothing"
    await line.end()


async def test_a_broken_message_that_waited_ends_the_connection(hub: Hub, door: Door) -> None:
    door.hold()
    line = Line(hub, door)
    line.say("0164 00 02 02 ffff", auth("d", "tok"))
    await line.quiet()  # strangers' messages are not even read
    door.let_go()
    assert await line.closed() == (4400, "malformed message")


@pytest.mark.parametrize(
    ("limits", "frames", "reason"),
    [
        ({"pending_messages": 10}, [b"\x01d\x03"] * 11, "too much said before a token was checked"),
        ({"pending_bytes": 100}, [b"\x01d\x03"] * 34, "too much said before a token was checked"),
        ({"pending_documents": 5}, [to(f"{i}", b"\x03") for i in range(6)], "too many documents at once"),
        (
            {"documents_per_connection": 5},
            [auth(f"{i}", "wrong") for i in range(6)],
            "too many documents on one connection",
        ),
        ({"updates_per_second": 1}, [auth("d", "wrong")] * 11, "too fast"),
        ({"update_bytes_per_second": 100}, [to("d", b"\x05" + sized(b"x" * 600))] * 2, "too fast"),
    ],
    ids=["messages", "bytes", "pending", "documents", "tokens", "rate"],
)
async def test_strangers_are_bounded(
    store: MemoryStore, door: Door, limits: dict[str, float], frames: list[bytes], reason: str
) -> None:
    hub = Hub(store, limits=Limits(**limits), tick=0.02)  # type: ignore[arg-type]
    await hub.start()
    fits, exceeds = Line(hub, door), Line(hub, door)
    fits.say(*frames[:-1])
    exceeds.say(*frames)
    assert await exceeds.closed() == (4529, reason)
    await asyncio.sleep(0.05)
    assert fits.pipe.closed is None
    await fits.end()
    await hub.stop()


async def test_what_waits_no_longer_does_not_count(store: MemoryStore, door: Door) -> None:
    hub = Hub(store, limits=Limits(pending_messages=5, pending_bytes=1000), tick=0.02)
    await hub.start()
    line = Line(hub, door)
    for _ in range(5):
        name = str(uuid4())
        line.say(*[to(name, b"\x03")] * 3, auth(name, "tok"))
        await line.finds(to(name, READ_WRITE))
        line.say(*[to("elsewhere", b"\x03")] * 3, auth("elsewhere", "wrong"))
        await line.finds(to("elsewhere", DENIED))
    await line.end()
    await hub.stop()


async def test_ten_thousand_documents_on_one_socket(hub: Hub, door: Door) -> None:
    line = Line(hub, door)
    line.say(*(auth(str(uuid4()), "wrong") for _ in range(10_000)))
    assert (await line.closed() or (0,))[0] == 4529
    assert len(door.asked) <= 1000


async def test_a_token_must_come_in_time(store: MemoryStore, door: Door) -> None:
    hub = Hub(store, limits=Limits(handshake=0.1), tick=0.02)
    await hub.start()
    talks = Line(hub, door)
    while not talks.task.done():
        talks.say(auth("d", "wrong"))  # however much it says
        await asyncio.sleep(0.03)
    assert talks.pipe.closed == (4401, "no good token was shown in time")
    door.away = True
    line = Line(hub, door)
    line.say(auth("d", "tok"))
    assert await line.closed() == (4503, "tokens can't be checked now")
    door.away = False
    line = await inside(hub, door)
    line.say(to("late", b"\x03"))
    await line.hears(to("late", DENIED))
    line.say(EDIT)
    await line.hears(EDIT, SAVED)
    await line.end()
    await hub.stop()


# --- who may not stay


async def test_a_new_token_is_asked_for_before_the_old_expires(store: MemoryStore, door: Door) -> None:
    hub = Hub(store, limits=Limits(renew_before=100, heartbeat=1000, dead_after=1000), tick=0.5)
    await hub.start()
    ilze = door.gives("tok")
    door.expires("tok", datetime.now(UTC) + timedelta(seconds=100))
    door.gives("new", person=ilze)
    line = await inside(hub, door)
    await asyncio.sleep(40)
    await line.quiet()
    await line.hears("0164 02 00")  # after half of its life, if that is short
    line.say(auth("d", "tok"))  # the same again is no help, and is not asked for again
    await line.hears(to("d", READ_WRITE))
    await asyncio.sleep(60)  # it would be asked for after 50 again, and expire after 100
    await line.quiet()
    line.say(auth("d", "new"))
    await line.hears(to("d", READ_WRITE))
    await asyncio.sleep(60)
    line.say(EDIT)
    await line.hears(EDIT, SAVED)
    await line.end()
    await hub.stop()


async def test_a_right_that_ends_while_an_edit_is_on_its_way(
    hub: Hub, door: Door, store: MemoryStore
) -> None:
    ilze = door.gives("tok")
    line = await inside(hub, door)
    store.hold()
    line.say(EDIT)
    await line.quiet()
    await hub.rights_changed(door.document, ilze, False, False)
    await line.hears(to("d", hocuspocus.closed("you may not see this document any more")))
    store.let_go()
    await line.until(lambda: hub.metrics.journal_entries == 0)
    await line.quiet()
    assert await text_of(hub, door, "t") == "x"
    await line.end()


async def test_without_a_new_token_the_stay_ends(hub: Hub, door: Door) -> None:
    ilze = door.gives("tok")
    door.expires("tok", datetime.now(UTC) + timedelta(seconds=10))
    line = await inside(hub, door)
    await line.hears("0164 02 00", to("d", hocuspocus.closed("sign in again")))
    line.say(EDIT)
    await line.quiet()
    assert await text_of(hub, door, "t") == ""
    door.gives("new", person=ilze)
    line.say(auth("d", "new"))  # its client thinks that it is in step: the server has to begin
    await line.hears(to("d", READ_WRITE), STEP1, STEP2, "0164 03")
    line.say(EDIT.replace("00 02", "00 01"))
    await line.hears(EDIT, SAVED)
    await line.end()


async def test_somebody_elses_token_ends_the_stay(hub: Hub, door: Door) -> None:
    door.gives("other")
    line = await inside(hub, door)
    line.say(auth("d", "other"))
    await line.hears(to("d", hocuspocus.closed("this is somebody else's token")))
    await line.end()


async def test_a_revoked_right_ends_one_document(hub: Hub, door: Door) -> None:
    ilze = door.gives("tok")
    line = await inside(hub, door)
    other = str(uuid4())
    line.say(auth(other, "tok"))
    await line.hears(to(other, READ_WRITE))
    cell = hub._rooms.get(door.document)
    assert cell is not None
    (member,) = cell.room.members
    await hub.rights_changed(door.document, ilze, False, False)
    member.outlet.deliver(b"\x00\x02\x02\x00\x00")  # the room may be in the middle of something
    member.outlet.rights(True)
    await line.hears(to("d", hocuspocus.closed("you may not see this document any more")))
    line.say(EDIT)
    await line.quiet()
    assert await text_of(hub, door, "t") == ""
    assert hub.metrics.refused[4403] == 1
    assert hub.metrics.sessions == 1
    await line.end()


async def test_rights_are_followed(hub: Hub, door: Door) -> None:
    ilze = door.gives("tok")
    line = await inside(hub, door)
    await hub.rights_changed(door.document, ilze, True, False)
    await line.hears(to("d", READ_ONLY))
    line.say(EDIT)
    await line.hears(NOT_SAVED)
    line.say(auth("d", "tok"))  # what was found out at the door may be older
    await line.hears(to("d", READ_ONLY))
    await hub.rights_changed(door.document, ilze, True, True)
    await line.hears(to("d", READ_WRITE), STEP1)
    line.say(EDIT.replace("00 02", "00 01"))
    await line.hears(EDIT, SAVED)
    await line.end()


async def test_an_ended_sign_in_ends_the_stay(hub: Hub, door: Door) -> None:
    first, second = uuid4(), uuid4()
    door.tokens["tok"] = replace(door.tokens["tok"], credential=first)
    door.tokens["new"] = replace(door.tokens["tok"], credential=second)
    line = await inside(hub, door)
    assert set(hub.credentials()) == {first}
    line.say(auth("d", "new"))
    await line.hears(to("d", READ_WRITE))
    hub.sign_out(first)
    await line.quiet()
    hub.sign_out(second)
    await line.hears(to("d", hocuspocus.closed("sign in again")))
    await line.quiet()
    assert not hub.credentials()
    await line.end()


async def test_a_forged_author_is_put_out_of_that_document(hub: Hub, door: Door) -> None:
    line = await inside(hub, door)
    author: pycrdt.Doc[Any] = pycrdt.Doc(client_id=7)
    line.say(to("d", typed("x", author)))
    await line.finds(bytes.fromhex(SAVED))
    door.gives("other")
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=7)
    typed("x", doc)
    forger = Line(hub, door)
    forger.say(auth("d", "other"), to("d", typed("y", doc)))
    await forger.hears(to("d", READ_WRITE))
    await forger.hears(to("d", hocuspocus.closed("somebody else's client id")))
    await forger.quiet()
    await forger.end()
    await line.end()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("0164 08 01", 4400),
        ("0164 06 02 6869", 4400),
        ("0164 02 02 0a726561642d7772697465", 4400),
        ("0164 00 02 02 ffff", 4400),
        ("0164 01 02 01 07", 4400),
        ("", 4400),
        ("ff", 4400),
        (sized(b"d" * 600).hex() + "03", 4400),
    ],
)
async def test_broken_and_forged_messages_end_the_connection(
    hub: Hub, door: Door, frame: str, code: int
) -> None:
    line = await inside(hub, door)
    line.say(frame)
    assert (await line.closed() or (0,))[0] == code


async def test_a_frame_too_large_ends_the_connection(store: MemoryStore, door: Door) -> None:
    hub = Hub(store, limits=Limits(frame=1000), tick=0.02)
    await hub.start()
    line = await inside(hub, door)
    line.say(to("d", typed("x" * 1000)))
    assert await line.closed() == (4413, "frame too large")
    await hub.stop()


# --- when the server can't


async def test_who_can_not_be_let_in_now_is_let_in_later(hub: Hub, door: Door) -> None:
    line = await inside(hub, door, name=str(uuid4()))
    door.away = True
    line.say(auth("d", "tok"), STEP1)
    await line.until(lambda: len(door.asked) == 2)
    line.say(EDIT)
    await line.quiet()
    door.away = False
    await line.hears(to("d", READ_WRITE), STEP1, STEP2, "0164 03")
    line.say(EDIT.replace("00 02", "00 01"))
    await line.hears(EDIT, SAVED, SAVED)  # the client counts its step2 and the edit that nobody looked at
    await line.end()


async def test_a_room_that_is_loaded_again_ends_the_connection(hub: Hub, door: Door) -> None:
    line = await inside(hub, door)
    cell = hub._rooms.get(door.document)
    assert cell is not None
    cell.retire("a test says so")
    assert await line.closed() == (4503, "the document is loaded again")


async def test_stopping_lets_everybody_come_back(store: MemoryStore, door: Door) -> None:
    hub = Hub(store, tick=0.02)
    await hub.start()
    line = await inside(hub, door)
    line.say(EDIT)
    await line.hears(EDIT, SAVED)
    door.hold()
    line.say(auth(str(uuid4()), "tok"))
    await line.until(lambda: len(door.asked) == 2)
    async with asyncio.timeout(5):
        await hub.stop()
    assert await line.closed() == (4503, "shutting down")
    assert hub.metrics.sessions == 0


# --- presence and heartbeats


def presence(client: int, clock: int, state: bytes) -> bytes:
    return protocol.awareness([varuint(client) + varuint(clock) + sized(state)])


async def test_presence_both_ways_and_its_removal(hub: Hub, door: Door) -> None:
    line, peer = await inside(hub, door), Peer(hub, admission(door.document, name="Anna"))
    line.say(to("d", presence(7, 1, b'{"cursor":1}')))
    await peer.until(lambda: peer.presence.get(7, {}).get("cursor") == 1)
    assert peer.presence[7]["user"]["name"] == "Ilze"
    peer.present(8, 1, {"cursor": 2})
    await line.until(lambda: any(b'"Anna"' in frame for frame in line.frames))
    line.say(to("d", presence(7, 2, b"null")))
    await peer.until(lambda: peer.presence[7] is None)
    line.say(to("d", presence(7, 3, b'{"cursor":3}')))
    await peer.until(lambda: (peer.presence[7] or {}).get("cursor") == 3)
    line.say("0164 07")
    await peer.until(lambda: peer.presence[7] is None)
    await peer.leave()
    await line.end()


async def test_newer_clients_are_pinged_and_need_no_presence(store: MemoryStore, door: Door) -> None:
    hub = Hub(store, limits=Limits(heartbeat=0.1, dead_after=0.4), tick=0.02)
    await hub.start()
    line, silent = await inside(hub, door), await inside(hub, door)
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < 1:
        await line.until(lambda: b"\x09" in line.frames)
        assert set(line.frames) == {b"\x09"}, "no heartbeat for each document"
        line.frames.clear()
        line.say(b"\x0a")
    assert await silent.closed() == (4508, "nothing heard for too long")
    assert line.pipe.closed is None
    await line.end()
    await hub.stop()


async def test_a_version_of_thousands_of_digits_lets_in_like_any_other(hub: Hub, door: Door) -> None:
    line = Line(hub, door)
    line.say(auth("d", "tok", "9" * 5_000 + ".0"))
    await line.hears(to("d", READ_WRITE))
    await line.end()


async def test_older_clients_are_not_pinged(store: MemoryStore, door: Door) -> None:
    hub = Hub(store, limits=Limits(heartbeat=0.1, dead_after=0.4), tick=0.02)
    await hub.start()
    line = Line(hub, door)
    line.say(auth("d", "tok", None))
    await line.hears(to("d", READ_WRITE))
    await line.finds(to("d", protocol.HEARTBEAT))
    await line.finds(to("d", protocol.QUERY))
    assert b"\x09" not in line.frames
    await line.end()
    await hub.stop()


# --- readers that do not read


async def test_a_reader_that_does_not_read_misses_no_status_and_no_text(
    store: MemoryStore, door: Door
) -> None:
    hub = Hub(store, limits=Limits(outbound=20_000, update_bytes_per_second=1e9), tick=0.02)
    await hub.start()
    line = await inside(hub, door)
    writer = Peer(hub, admission(door.document))
    await writer.synced.wait()
    line.pipe.stalled = True
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    written = "".join(f"<{i}>" for i in range(20))
    for i in range(20):
        line.say(to("d", typed(f"<{i}>", doc)))
    for i in range(100):
        writer.text += f"{i:04}" * 500
        await asyncio.sleep(0)
    line.say(to("d", protocol.step1(b"\x00")))
    while len(await text_of(hub, door)) < 200_000 + len(written):  # noqa: ASYNC110  nothing tells
        await asyncio.sleep(0.01)
    (connection,) = [each for each in hub._connections if each.socket is line.pipe]
    assert connection._backlog_bytes <= 25_000
    line.pipe.stalled = False
    mirror: pycrdt.Doc[Any] = pycrdt.Doc()
    content = mirror.get("content", type=pycrdt.Text)
    seen: list[bytes] = []

    def caught_up() -> bool:
        while line.frames:
            message = line.frames.popleft().removeprefix(b"\x01d")
            seen.append(message)
            if message[:2] in (b"\x00\x01", b"\x00\x02"):
                mirror.apply_update(read_bytes(message, 2)[0])
        return len(content) == 200_000 + len(written)

    await line.until(caught_up)
    assert str(content) == await text_of(hub, door)
    await line.until(lambda: caught_up() and seen.count(b"\x08\x01") == 20)
    assert sum(message[:2] == b"\x00\x00" for message in seen) == 1, "one for its own"
    await writer.leave()
    await line.end()
    await hub.stop()
