"""Streams that are served together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

import pytest

from app.events import fan_out as module
from app.events import following
from app.events import tail as tails
from app.events.access import EventAccess
from app.events.access_log import Reader
from app.events.fan_out import FanOut
from app.events.sse import frames
from app.events.tail import Subscriber, Tail
from app.system import System
from domain.ports import Context, EventFilter, NewEvent, RecordedEvent
from tests.app.api.conftest import Somebody

ALL = EventFilter()


async def nobody(credentials: Collection[UUID]) -> Collection[UUID]:
    return ()


class Client:
    """The end of a connection. It takes what comes unless it is not `ready`."""

    def __init__(self) -> None:
        self.data = b""
        self.ready = True

    def write(self, data: bytes) -> bool:
        if self.ready:
            self.data += data
        return self.ready

    @property
    def positions(self) -> list[int]:
        return [int(line[4:]) for line in self.data.splitlines() if line.startswith(b"id: ")]


@asynccontextmanager
async def riding(
    fan_out: FanOut, reader: Reader, client: Client, after: int, where: EventFilter = ALL
) -> AsyncIterator[asyncio.Task[int]]:
    async with fan_out.tail.reading(reader.credential) as subscriber:
        key = (reader, reader.credential, where)
        task = asyncio.create_task(fan_out.ride(key, after, client.write, subscriber))
        await asyncio.sleep(0)
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def tail(system: System) -> AsyncIterator[Tail]:
    tail = Tail(system.log, system.settings.address, nobody)
    async with tail.reading(None):
        yield tail


@pytest.fixture
def fan_out(system: System, tail: Tail) -> FanOut:
    return FanOut(system, tail, frames)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def register(system: System, person: UUID, size: int = 1) -> int:
    """An event that this person may see."""
    event = NewEvent(person, "person.noted", b'{"text":"%b"}' % (b"x" * size))
    return (await system.log.append([event], Context())).last


def reader_of(who: Somebody) -> Reader:
    return Reader(who.person, None, "stream")


async def test_all_get_everything_and_it_is_encoded_once(
    system: System, tail: Tail, fan_out: FanOut, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    real = tails.encode

    def counting(event: RecordedEvent, source: str) -> bytes:
        encoded.append(event.position)
        return real(event, source)

    monkeypatch.setattr(tails, "encode", counting)
    head = await system.log.head()
    clients = [Client() for _ in range(20)]
    async with AsyncExitStack() as rides:
        for client in clients:
            await rides.enter_async_context(riding(fan_out, reader_of(ana), client, head))
        expected = [await register(system, ana.person) for _ in range(3)]
        await until(lambda: all(client.positions == expected for client in clients))
    assert encoded == expected
    assert len({client.data for client in clients}) == 1
    await system.accesses.write()
    [noted] = await system.log.read(where=EventFilter(types=("access.recorded",), actor=ana.person))
    assert b'"events":60' in noted.payload
    assert not fan_out._groups


async def test_who_wants_or_may_see_other_things_gets_those(
    system: System, fan_out: FanOut, ana: Somebody, bruno: Somebody
) -> None:
    head = await system.log.head()
    mine, others, filtered = Client(), Client(), Client()
    registered = EventFilter(types=("person.registered",))
    async with (
        riding(fan_out, reader_of(ana), mine, head),
        riding(fan_out, reader_of(bruno), others, head),
        riding(fan_out, reader_of(ana), filtered, head, registered),
    ):
        first, second = await register(system, ana.person), await register(system, bruno.person)
        await until(lambda: (mine.positions, others.positions) == ([first], [second]))
        assert filtered.positions == []


async def test_a_slow_one_leaves_and_holds_nobody_up(system: System, fan_out: FanOut, ana: Somebody) -> None:
    head = await system.log.head()
    quick, slow = Client(), Client()
    slow.ready = False
    async with (
        riding(fan_out, reader_of(ana), quick, head),
        riding(fan_out, reader_of(ana), slow, head) as gone,
    ):
        async with asyncio.timeout(60):
            expected = [await register(system, ana.person)]
            assert await gone == head  # from here on it reads for itself
        expected += [await register(system, ana.person) for _ in range(2)]
        await until(lambda: quick.positions == expected)
        assert slow.data == b""
    await system.accesses.write()
    [noted] = await system.log.read(where=EventFilter(types=("access.recorded",), actor=ana.person))
    assert b'"events":3' in noted.payload


async def test_much_at_once_goes_to_each_at_its_own_pace(
    system: System, fan_out: FanOut, ana: Somebody
) -> None:
    head = await system.log.head()
    client = Client()
    async with riding(fan_out, reader_of(ana), client, head) as gone:
        await register(system, ana.person, size=module.TOGETHER)
        async with asyncio.timeout(60):
            assert await gone == head
    assert client.data == b""


async def test_one_that_read_further_than_the_group_gets_nothing_twice(
    system: System, tail: Tail, fan_out: FanOut, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = await system.log.head()
    early, late = Client(), Client()
    held, asked = asyncio.Event(), asyncio.Event()

    async def slowly(access: EventAccess, event: RecordedEvent) -> bool:
        asked.set()
        await held.wait()
        return True

    monkeypatch.setattr(EventAccess, "known", lambda access, event: None)
    monkeypatch.setattr(EventAccess, "may_see", slowly)
    async with riding(fan_out, reader_of(ana), early, head):
        zeroth = await register(system, ana.person)
        await asyncio.wait_for(asked.wait(), 60)  # the group is at it, and what follows has to wait
        first, second = await register(system, ana.person), await register(system, ana.person)
        assert await tail.beyond(first, 60, Subscriber(None))
        async with riding(fan_out, reader_of(ana), late, first):
            held.set()
            await until(lambda: early.positions == [zeroth, first, second] and late.positions != [])
            assert late.positions == [second]


async def test_the_end_of_the_tail_ends_the_ride(
    system: System, tail: Tail, fan_out: FanOut, ana: Somebody
) -> None:
    head = await system.log.head()
    async with riding(fan_out, Reader(ana.person, uuid4(), "stream"), Client(), head) as task:
        await tail.close()
        async with asyncio.timeout(60):
            assert await task == head


async def test_who_has_to_be_asked_about_holds_nobody_up(
    system: System, fan_out: FanOut, ana: Somebody, bruno: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a plan the rights have to be asked for; of a person's own events nothing has."""
    *_, task = await ana.a_task(await ana.a_process())
    head = await system.log.head()
    held, asked = asyncio.Event(), asyncio.Event()
    real = EventAccess.may_see

    async def slowly(access: EventAccess, event: RecordedEvent) -> bool:
        if access._person == ana.person:
            asked.set()
            await held.wait()
        return await real(access, event)

    monkeypatch.setattr(EventAccess, "may_see", slowly)
    hers, his = Client(), Client()
    async with riding(fan_out, reader_of(ana), hers, head), riding(fan_out, reader_of(bruno), his, head):
        first = (await ana.patch(f"/api/v1/nodes/{task}", {"title": "Another"}))["position"]
        await asyncio.wait_for(asked.wait(), 60)
        second = await register(system, bruno.person)
        third = await register(system, ana.person)
        await until(lambda: his.positions == [second])
        assert hers.positions == []
        held.set()
        await until(lambda: hers.positions == [first, third])


async def test_whose_sign_in_has_ended_leaves_and_nobody_else(
    system: System, ana: Somebody, bruno: Somebody
) -> None:
    gone, ended = uuid4(), set[UUID]()

    async def ending(credentials: Collection[UUID]) -> Collection[UUID]:
        return ended & set(credentials)

    tail = Tail(system.log, system.settings.address, ending)
    fan_out = FanOut(system, tail, frames)
    head = await system.log.head()
    his = Client()
    async with (
        riding(fan_out, Reader(ana.person, gone, "stream"), Client(), head) as hers,
        riding(fan_out, Reader(bruno.person, uuid4(), "stream"), his, head) as going_on,
    ):
        ended.add(gone)
        async with asyncio.timeout(60):
            assert await hers == head
        last = await register(system, bruno.person)
        await until(lambda: his.positions == [last])
        assert not going_on.done()


async def test_the_failure_of_one_is_nobody_elses(
    system: System, fan_out: FanOut, ana: Somebody, bruno: Somebody
) -> None:
    class Broken(Client):
        def write(self, data: bytes) -> bool:
            raise ConnectionResetError

    head = await system.log.head()
    his = Client()
    async with (
        riding(fan_out, reader_of(ana), Broken(), head) as hers,
        riding(fan_out, reader_of(bruno), his, head),
    ):
        await register(system, ana.person)
        async with asyncio.timeout(60):
            await hers
        last = await register(system, bruno.person)
        await until(lambda: his.positions == [last])


async def test_who_falls_behind_what_is_kept_is_given_it_from_the_log(
    system: System, fan_out: FanOut, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "EVENTS_KEPT", 2)
    head = await system.log.head()
    client = Client()
    async with riding(fan_out, reader_of(ana), client, head):
        notes = [NewEvent(ana.person, "person.noted", b"{}") for _ in range(5)]
        last = (await system.log.append(notes, Context())).last
        expected = list(range(last - 4, last + 1))
        await until(lambda: client.positions[:5] == expected)


async def test_who_has_nothing_to_read_is_told_so(
    system: System, fan_out: FanOut, ana: Somebody, bruno: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HEARTBEAT", 0.1)
    head = await system.log.head()
    client = Client()
    async with riding(fan_out, reader_of(ana), client, head):
        await until(lambda: b": heartbeat\n" in client.data)
        passed = await register(system, bruno.person)
        mark = b'id: %d\nevent: checkpoint\ndata: {"position":%d}\n\n' % (passed, passed)
        await until(lambda: mark in client.data)
