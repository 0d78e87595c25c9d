"""The protocol of the event log over a websocket, without a websocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import following as followings
from app.events import live as module
from app.events.filters import Filter
from app.events.following import Following
from app.events.live import CREDIT, MESSAGE, MOST_CREDIT, Credit, serve, subscription
from app.events.tail import Tail
from app.http.consistency import MAX_POSITION
from app.system import System
from domain.ports import EventFilter, RecordedEvent
from realtime.ports import SocketClosed
from realtime.protocol import Close
from realtime.seat import Refused
from tests.app.events.in_memory import notes, system_in_memory
from tests.app.events.test_fan_out import nobody

ANA = UUID(int=0xA)


class Client:
    """The other side: says what it was told to, keeps what it hears, and may go away."""

    def __init__(self, *said: str) -> None:
        self._said: asyncio.Queue[str | None] = asyncio.Queue()
        self.heard: list[Any] = []
        self.patience = 10**9  # frames that it takes before it is gone
        for text in said:
            self.say(text)

    def say(self, text: str) -> None:
        self._said.put_nowait(text)

    def leave(self) -> None:
        self._said.put_nowait(None)

    async def receive(self) -> str:
        text = await self._said.get()
        if text is None:
            raise SocketClosed
        return text

    async def send(self, text: str) -> None:
        if len(self.heard) == self.patience:
            raise SocketClosed
        self.heard.append(json.loads(text))

    @property
    def positions(self) -> list[int]:
        return [int(frame["sequence"]) for frame in self.heard if "sequence" in frame]

    async def until(self, count: int) -> None:
        """Until it heard so many frames."""
        async with asyncio.timeout(60):
            while len(self.heard) < count:  # noqa: ASYNC110  what is waited for has no event of its own
                await asyncio.sleep(0)


async def refusal(text: str) -> Refused:
    with pytest.raises(Refused) as raised:
        await subscription(Client(text))
    return raised.value


async def test_a_subscription_begins_where_it_says_and_else_at_the_beginning() -> None:
    expression = {"exact": {"type": "plan.opened"}}
    one = json.dumps({"subscribe": {"after": MAX_POSITION, "filter": expression}})
    assert await subscription(Client(one)) == (MAX_POSITION, Filter.parse([expression]))
    assert await subscription(Client('{"subscribe": {}}')) == (0, Filter())


@pytest.mark.parametrize(
    "text",
    [
        '{"subscribe": {"after": "5"}}',
        '{"subscribe": {"after": true}}',
        '{"subscribe": {"after": 1.5}}',
        '{"subscribe": {"after": null}}',
        f'{{"subscribe": {{"after": {MAX_POSITION + 1}}}}}',
        '{"subscribe": {"after": %s}}' % ("9" * 5_000),
        '{"subscribe": []}',
        '{"subscribe": {}, "credit": 1}',
        '{"subscribe": {"filter": null}}',
        '{"subscribe": {"\\ud800": 1}}',
        "\ud800",
        "",
    ],
    ids=range(12),
)
async def test_what_is_no_subscription_is_refused_as_malformed(text: str) -> None:
    assert (await refusal(text)).code is Close.MALFORMED


@settings(max_examples=60)
@given(
    st.one_of(
        st.text(alphabet=st.characters(codec=None)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["subscribe", "after", "filter", "credit", "all"]), inner)
            ),
            max_leaves=6,
        ).map(json.dumps),
    )
)
def test_any_text_is_a_subscription_or_refused(text: str) -> None:
    async def ask() -> None:
        try:
            after, _ = await subscription(Client(text))
        except Refused:
            return
        assert 0 <= after <= MAX_POSITION

    asyncio.run(ask())


async def test_a_message_is_read_up_to_its_limit() -> None:
    fitting = '{"subscribe": {}}'.ljust(MESSAGE)
    assert await subscription(Client(fitting)) == (0, Filter())
    assert (await refusal(fitting + " ")).code is Close.TOO_LARGE


async def test_who_does_not_subscribe_in_time_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with pytest.raises(Refused, match="subscribe within"):
        await subscription(Client())


async def test_credit_is_used_up_and_waited_for() -> None:
    credit = Credit()
    await credit.some()
    assert credit.left == CREDIT
    credit.take(CREDIT)
    waiting = asyncio.create_task(credit.some())
    await asyncio.sleep(0)
    assert not waiting.done()
    credit.add(3)
    await waiting
    assert credit.left == 3


def test_credit_is_bounded_by_what_is_open_not_by_what_was_given() -> None:
    credit = Credit()
    credit.add(MOST_CREDIT - CREDIT)
    with pytest.raises(Refused):
        credit.add(1)
    credit.take(MOST_CREDIT)
    credit.add(MOST_CREDIT)


class Served:
    """A client that is being served."""

    def __init__(self, client: Client, tail: Tail, noted: list[int], task: asyncio.Task[None]) -> None:
        self.client = client
        self.tail = tail
        self.noted = noted
        self.task = task

    async def end(self) -> BaseException | None:
        """How it ends."""
        async with asyncio.timeout(60):
            await asyncio.wait([self.task])
        assert not self.tail._readers
        return self.task.exception()


@asynccontextmanager
async def serving(system: System, client: Client | None = None) -> AsyncIterator[Served]:
    client = client or Client()
    noted: list[int] = []

    def note(events: Iterable[RecordedEvent]) -> None:
        noted.extend(event.position for event in events)

    before = asyncio.all_tasks()
    tail = Tail(system.log, system.settings.address, nobody)
    following = Following(system, tail, ANA, after=0, where=EventFilter())
    task = asyncio.create_task(serve(client, tail, following, None, note))
    yield Served(client, tail, noted, task)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert asyncio.all_tasks() == before


@pytest.fixture
def system() -> System:
    return system_in_memory()


async def test_events_come_as_far_as_credit_goes(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CREDIT", 2)
    written = await notes(system, ANA, 9)
    async with serving(system) as served:
        client, expected = served.client, 2
        for more in (1, 3, 1):
            await client.until(expected)
            for _ in range(20):
                await asyncio.sleep(0)
            assert client.positions == written[:expected]
            client.say(json.dumps({"credit": more}))
            expected += more
        client.say('{"credit": 5}')
        await client.until(10)
        assert client.positions == served.noted == written
        assert client.heard[9] == {"caughtup": 9}


@pytest.mark.parametrize("others", [0, 3], ids=["nothing follows", "what follows is for others"])
async def test_marks_need_no_credit(system: System, monkeypatch: pytest.MonkeyPatch, others: int) -> None:
    monkeypatch.setattr(module, "CREDIT", 2)
    monkeypatch.setattr(followings, "HEARTBEAT", 0.01)
    await notes(system, ANA, 2)
    await notes(system, UUID(int=0xB), others)
    async with serving(system) as served:
        client = served.client
        await client.until(4)
        head = 2 + others
        assert (client.positions, client.heard[2:4]) == ([1, 2], [{"caughtup": head}, {"checkpoint": head}])
        last = (await notes(system, ANA, 1))[-1]
        async with asyncio.timeout(60):
            while served.tail.head < last:  # noqa: ASYNC110  the tail tells its readers, not us
                await asyncio.sleep(0)
            assert client.positions == [1, 2]
            client.say('{"credit": 1}')
            while client.positions != [1, 2, last]:  # noqa: ASYNC110
                await asyncio.sleep(0)


async def test_without_credit_it_is_told_how_far_the_others_events_went(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CREDIT", 1)
    monkeypatch.setattr(followings, "CHECKPOINT", 0.0)
    [first] = await notes(system, ANA, 1)
    async with serving(system) as served:
        client = served.client
        await client.until(2)
        assert client.heard[1:] == [{"caughtup": first}]
        passed = (await notes(system, UUID(int=0xB), 3))[-1]
        async with asyncio.timeout(60):
            while {"checkpoint": passed} not in client.heard:  # noqa: ASYNC110
                await asyncio.sleep(0)
        [second] = await notes(system, ANA, 1)
        last = (await notes(system, UUID(int=0xB), 3))[-1]
        async with asyncio.timeout(60):
            while served.tail.head < last:  # noqa: ASYNC110
                await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert client.positions == [first]
        assert max(int(p) for frame in client.heard for p in frame.values() if type(p) is int) == passed
        client.say('{"credit": 1}')
        async with asyncio.timeout(60):
            while {"checkpoint": last} not in client.heard:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert client.positions == [first, second]


async def test_a_quiet_log_is_told_of_by_checkpoints(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followings, "HEARTBEAT", 0.01)
    async with serving(system) as served:
        await served.client.until(3)
        assert served.client.heard[:3] == [{"caughtup": 0}, {"checkpoint": 0}, {"checkpoint": 0}]


@pytest.mark.parametrize(
    "said",
    ['{"credit": 0}', '{"credit": true}', '{"credit": "5"}', '{"credit": 9901}', '{"subscribe": {}}', "x"],
)
async def test_what_is_no_credit_ends_it(system: System, said: str) -> None:
    async with serving(system) as served:
        served.client.say(said)
        error = await served.end()
        assert isinstance(error, Refused)
        assert error.code is Close.MALFORMED


async def test_a_client_that_leaves_ends_it(system: System) -> None:
    async with serving(system) as served:
        await served.client.until(1)
        served.client.leave()
        assert isinstance(await served.end(), SocketClosed)


async def test_what_may_have_arrived_is_noted_and_what_was_not_sent_is_not(system: System) -> None:
    await notes(system, ANA, 5)
    client = Client()
    client.patience = 2
    async with serving(system, client) as served:
        assert isinstance(await served.end(), SocketClosed)
        assert (client.positions, served.noted) == ([1, 2], [1, 2, 3])


@pytest.mark.parametrize("credit", [100, 1], ids=["with credit", "without"])
async def test_the_end_of_the_sign_in_or_of_the_server_ends_it(
    system: System, monkeypatch: pytest.MonkeyPatch, credit: int
) -> None:
    monkeypatch.setattr(module, "CREDIT", credit)
    await notes(system, ANA, 2)
    async with serving(system) as served:
        await served.client.until(1)
        [subscriber] = served.tail._readers
        subscriber.over.set()
        error = await served.end()
        assert isinstance(error, Refused)
        assert error.code is Close.SIGN_IN
    async with serving(system) as served:
        await served.client.until(1)
        await served.tail.close()
        error = await served.end()
        assert isinstance(error, Refused)
        assert error.code is Close.SHUTTING_DOWN
