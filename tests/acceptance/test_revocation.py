"""What an integrator is sent ends within a second of their right to it: by every way there is, at once.

Somebody writes all the while. What each way delivered is compared with what was written when: nothing
that was written later than a second after the revocation may have arrived by any of them. The revocation
comes in the middle of the writing or in a silence, in which a way only waits.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pycrdt
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from realtime import protocol
from tests.app.subscriptions.receivers import receiving
from tests.serving import INTERLINK, ServerProcess, served

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

WITHIN = 1.0  # seconds after a revocation, in which this machine does not stand still
LOOK = 0.1  # seconds that one look may take of them
BEFORE = 3  # events and changes of text that each way has delivered before
WAIT = 30  # seconds that a way may wait for news
AFTER = 5  # that are written when the second is over
SUBSCRIPTIONS = "/api/v1/subscriptions"
UPDATE = "application/octet-stream"
MARK = re.compile(rb"<\d{5}>")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    settings = {"WEBHOOK_ALLOW_PRIVATE": "1", "LOG_LEVEL": "error"}
    with served(tmp_path_factory.mktemp("revocation"), **settings) as running:
        yield running


async def post(client: httpx.AsyncClient, path: str, body: Any = None) -> dict[str, Any]:
    """The answer to a write that must succeed."""
    answer = await client.post(path, json={} if body is None else body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


@dataclass
class Person:
    """Somebody signed in; `client` shows `headers`."""

    id: str
    client: httpx.AsyncClient
    headers: dict[str, str]


@asynccontextmanager
async def somebody(server: ServerProcess, name: str, *, session: bool = False) -> AsyncIterator[Person]:
    """A person, by access token or by the session's cookie."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        body = {"email": f"{name}@example.org", "name": name, "language": "en"}
        answer = await client.post("/auth/demo", json=body)
        found = answer.json()
        headers = {"Authorization": f"Bearer {found['token']}"}
        if session:
            [cookie] = answer.headers["set-cookie"].split(";")[:1]
            headers = {"Cookie": cookie, "X-CSRF-Token": found["csrf"]}
        client.cookies.clear()
        client.headers.update(headers)
        yield Person(found["person"], client, headers)


@dataclass
class Work:
    """Two processes, the text of one, and what was written there: positions and marks, by the second."""

    owner: Person
    process: str
    document: str
    elsewhere: str
    events: dict[int, float] = field(default_factory=dict)  # by position: when its request began
    others: dict[int, float] = field(default_factory=dict)  # those of the other process
    marks: dict[bytes, float] = field(default_factory=dict)
    text: pycrdt.Doc[Any] = field(default_factory=pycrdt.Doc)

    async def write(self) -> None:
        """One event in each process, and a change of the text."""
        for process, written in ((self.process, self.events), (self.elsewhere, self.others)):
            began = time.monotonic()
            body = {"kind": "phase", "title": f"Phase {len(written)}"}
            made = await post(self.owner.client, f"/api/v1/processes/{process}/nodes", body)
            written[made["position"]] = began
        mark, before = b"<%05d>" % len(self.marks), self.text.get_state()
        self.text.get("content", type=pycrdt.Text).insert(0, mark.decode())
        self.marks[mark] = time.monotonic()
        path, update = f"/api/v1/documents/{self.document}/updates", self.text.get_update(before)
        answer = await self.owner.client.post(path, content=update, headers={"Content-Type": UPDATE})
        assert answer.is_success, answer.text

    async def write_until(self, holds: Callable[[], bool]) -> None:
        """Write for as long as it takes; raises TimeoutError."""
        async with asyncio.timeout(120):
            while not holds():
                await self.write()


async def a_work(owner: Person) -> Work:
    processes = [
        (await post(owner.client, "/api/v1/processes", {"title": "Work", "language": "en"}))["id"]
        for _ in range(2)
    ]
    parent = None
    for kind in ("phase", "objective", "task"):
        body = {"kind": kind, "title": kind, "parent": parent}
        parent = (await post(owner.client, f"/api/v1/processes/{processes[0]}/nodes", body))["id"]
    asset = {"kind": "document", "title": "Text", "format": "text"}
    document = (await post(owner.client, f"/api/v1/nodes/{parent}/assets", asset))["document"]
    return Work(owner, processes[0], document, processes[1])


@dataclass
class Way:
    """One way on which events, or changes of text, arrive. `ended`: it was told that it is over."""

    positions: set[int] = field(default_factory=set)
    marks: set[bytes] = field(default_factory=set)
    ended: bool = False

    def take(self, event: dict[str, Any]) -> None:
        self.positions.add(int(event["sequence"]))

    def take_text(self, sent: bytes) -> None:
        self.marks.update(MARK.findall(sent))


class Reader:
    """Reads by every way at once, as `shown`; each way goes on until it is over."""

    def __init__(self, server: ServerProcess, shown: Person, document: str) -> None:
        self._server = server
        self._shown = shown
        self._document = document
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._looked_at = 0
        self.ways: dict[str, Way] = {}

    async def __aenter__(self) -> Reader:
        self._stack = AsyncExitStack()
        self._receiver = await self._stack.enter_async_context(receiving())
        client = self._shown.client
        group = await post(client, SUBSCRIPTIONS, {"kind": "pull", "name": "Index"})
        after: int = group["position"]
        hook = {"kind": "webhook", "name": "Hook", "url": self._receiver.url}
        made = await post(client, SUBSCRIPTIONS, hook)
        ticket = (await post(client, "/api/v1/live-tickets", {"document": self._document}))["token"]
        live = self._server.url.replace("http", "ws", 1)
        self._secret = made["secret"]
        self._begin("stream", self._stream(after))
        self._begin("socket", self._socket(f"{live}/api/v1/events/live", after))
        self._begin("long poll", self._long_poll(after))
        self._begin("pull", self._pull(f"{SUBSCRIPTIONS}/{group['id']}"))
        self._begin("document", self._open(f"{live}/live/{self._document}?token={ticket}"))
        self._begin("document poll", self._follow(f"/api/v1/documents/{self._document}/updates"))
        self.ways["webhook"] = Way()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._stack.aclose()

    def _begin(self, name: str, work: Awaitable[None]) -> None:
        async def until_over() -> None:
            with suppress(httpx.HTTPError, ConnectionClosed):
                await work
            self.ways[name].ended = True

        self.ways[name] = Way()
        self._tasks[name] = asyncio.create_task(until_over())

    def gather(self) -> None:
        """What came to the webhook."""
        for message in self._receiver.received[self._looked_at :]:
            self._looked_at += 1
            with suppress(WebhookVerificationError):  # it came to who listened on this port before
                self.ways["webhook"].take(Webhook(self._secret).verify(message.body, message.headers))

    def at_work(self, work: Work) -> bool:
        """Whether every way has delivered something."""
        self.gather()
        return all(
            len(way.positions & set(work.events)) + len(way.marks & set(work.marks)) >= BEFORE
            for way in self.ways.values()
        )

    async def _stream(self, after: int) -> None:
        way, params = self.ways["stream"], {"after": after}
        headers = {"Accept": "text/event-stream"}
        async with self._shown.client.stream("GET", "/api/v1/events", params=params, headers=headers) as got:
            async for line in got.aiter_lines():
                if line.startswith('data: {"specversion"'):
                    way.take(json.loads(line.removeprefix("data: ")))

    async def _socket(self, url: str, after: int) -> None:
        way, kind = self.ways["socket"], ["cloudevents.json"]
        async with connect(
            url, subprotocols=kind, additional_headers=self._shown.headers, open_timeout=60
        ) as socket:  # type: ignore[arg-type]
            await socket.send(json.dumps({"subscribe": {"after": after}}))
            await socket.send(json.dumps({"credit": 9_000}))
            async for frame in socket:
                told = json.loads(frame)
                if "specversion" in told:
                    way.take(told)

    async def _long_poll(self, after: int) -> None:
        way = self.ways["long poll"]
        while True:
            params = {"after": after, "wait": WAIT}
            answer = await self._shown.client.get("/api/v1/events", params=params)
            for event in answer.raise_for_status().json():
                way.take(event)
            after = int(answer.headers["interlink-position"])

    async def _pull(self, group: str) -> None:
        way, client = self.ways["pull"], self._shown.client
        while True:
            answer = await client.post(f"{group}/pull", json={"max": 100, "wait": WAIT})
            items = answer.raise_for_status().json()["items"]
            for item in items:
                way.take(item["event"])
            if items:
                body = {"ack_ids": [item["ack_id"] for item in items]}
                (await client.post(f"{group}/ack", json=body)).raise_for_status()

    async def _open(self, url: str) -> None:
        way = self.ways["document"]
        async with connect(url, open_timeout=60) as socket:
            await socket.send(protocol.step1(pycrdt.Doc().get_state()))
            await self._receive(way, socket)

    async def _receive(self, way: Way, socket: ClientConnection) -> None:
        async for frame in socket:
            if isinstance(frame, bytes):
                way.take_text(frame)

    async def _follow(self, url: str) -> None:
        way, known = self.ways["document poll"], ""
        while True:
            params: dict[str, Any] = {"wait": WAIT, **({"known": known} if known else {})}
            answer = await self._shown.client.get(url, params=params)
            way.take_text(answer.raise_for_status().content)
            known = answer.headers["interlink-version"]


async def revoked(
    work: Work, reader: Reader, witness: Reader, revoke: Awaitable[None], *, silence: bool = False
) -> None:
    """Let it happen while all is at work; then nothing of the process reaches the reader any more."""
    await work.write_until(lambda: reader.at_work(work) and witness.at_work(work))
    enough = asyncio.Event()
    writing = asyncio.create_task(work.write_until(enough.is_set))
    if silence:
        enough.set()
        await writing
        await _until(lambda: _has_all(reader, work) and _has_all(witness, work))
    await revoke
    second = asyncio.create_task(_pass(work.owner.client, WITHIN))
    await asyncio.sleep(WITHIN / 2)
    enough.set()
    await writing
    await second
    over = time.monotonic()
    for _ in range(AFTER):
        await work.write()
    await _until(lambda: _has_all(witness, work))
    reader.gather()
    late = {position for position, began in work.events.items() if began >= over}
    late_marks = {mark for mark, began in work.marks.items() if began >= over}
    assert len(late) >= AFTER
    assert len(late_marks) >= AFTER
    for name, way in reader.ways.items():
        assert not way.positions & late, name
        assert not way.marks & late_marks, name


async def _pass(client: httpx.AsyncClient, seconds: float) -> None:
    """Until so much time has passed in which the server answers: what it stands still is nobody's."""
    left, before = seconds, time.monotonic()
    while left > 0:
        (await client.get("/readyz")).raise_for_status()
        await asyncio.sleep(0.01)
        now = time.monotonic()
        left, before = left - min(now - before, LOOK), now


def _open(reader: Reader) -> set[str]:
    """The ways that were not told that it is over."""
    return {name for name, way in reader.ways.items() if not way.ended}


def _has_all(witness: Reader, work: Work) -> bool:
    witness.gather()
    return all(
        way.positions >= set(work.events) if way.positions else way.marks >= set(work.marks)
        for way in witness.ways.values()
    )


async def _until(holds: Callable[[], bool], patience: float = 60) -> None:
    async with asyncio.timeout(patience):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _let_in(work: Work, who: Person) -> list[str]:
    """What lets somebody see and edit both processes, the first one first."""
    return [
        (
            await post(
                work.owner.client,
                f"/api/v1/processes/{process}/permissions",
                {"grantee": {"person": who.id}, "rights": ["view", "edit"]},
            )
        )["id"]
        for process in (work.process, work.elsewhere)
    ]


@pytest.mark.parametrize("silence", [False, True], ids=["in-the-middle", "in-a-silence"])
async def test_a_revoked_token(server: ServerProcess, silence: bool) -> None:
    async with somebody(server, "ana") as ana, somebody(server, "bruno") as bruno:
        work = await a_work(ana)
        await _let_in(work, bruno)
        body = {"name": "worker", "scopes": ["read", "write", "live"]}
        token = await post(bruno.client, "/api/v1/tokens", body)
        headers = {"Authorization": f"Bearer {token['token']}"}

        async def revoke() -> None:
            (await bruno.client.delete(f"/api/v1/tokens/{token['id']}")).raise_for_status()

        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
            worker = Person(bruno.id, client, headers)
            async with (
                Reader(server, worker, work.document) as reader,
                Reader(server, ana, work.document) as witness,
            ):
                await revoked(work, reader, witness, revoke(), silence=silence)
                await _until(lambda: _open(reader) == {"webhook"}, WAIT / 2)
        shown = (await bruno.client.get(SUBSCRIPTIONS)).json()["items"]
        assert {one["state"] for one in shown} == {"disabled"}


async def test_a_right_that_was_taken_back(server: ServerProcess) -> None:
    async with somebody(server, "ana") as ana, somebody(server, "chen") as chen:
        work = await a_work(ana)
        permission, _ = await _let_in(work, chen)

        async def revoke() -> None:
            (await ana.client.delete(f"/api/v1/permissions/{permission}")).raise_for_status()

        async with (
            Reader(server, chen, work.document) as reader,
            Reader(server, ana, work.document) as witness,
        ):
            await revoked(work, reader, witness, revoke())
            documents = {"document", "document poll"}
            await _until(lambda: _goes_on(reader, work, documents))
            await _until(lambda: _open(reader) == reader.ways.keys() - documents, WAIT / 2)


def _goes_on(reader: Reader, work: Work, without: set[str]) -> bool:
    """Whether all of the other process arrives, by all ways but these."""
    reader.gather()
    return all(way.positions >= set(work.others) for name, way in reader.ways.items() if name not in without)


async def test_a_session_that_was_closed(server: ServerProcess) -> None:
    async with somebody(server, "ana") as ana, somebody(server, "dita", session=True) as dita:
        work = await a_work(ana)
        await _let_in(work, dita)

        async def revoke() -> None:
            (await dita.client.post("/auth/logout")).raise_for_status()

        async with (
            Reader(server, dita, work.document) as reader,
            Reader(server, ana, work.document) as witness,
        ):
            webhook = reader.ways.pop("webhook")  # it is the person's, not the session's
            reader.gather = lambda: None  # type: ignore[method-assign]
            await revoked(work, reader, witness, revoke())
            await _until(lambda: not _open(reader), WAIT / 2)
            assert not webhook.ended


async def test_a_person_who_was_erased(server: ServerProcess) -> None:
    async with somebody(server, "ana") as ana, somebody(server, "egon") as egon:
        work = await a_work(ana)
        await _let_in(work, egon)

        async def revoke() -> None:
            command = [str(INTERLINK), "erase", egon.id, "--reason", "consent_withdrawn", "--yes"]
            erasing = await asyncio.create_subprocess_exec(
                *command, env={"PATH": "/usr/bin:/bin", "DATA_DIR": str(server.data_dir)}
            )
            assert await erasing.wait() == 0

        async with (
            Reader(server, egon, work.document) as reader,
            Reader(server, ana, work.document) as witness,
        ):
            await revoked(work, reader, witness, revoke())
            await _until(lambda: _open(reader) == {"webhook"}, WAIT / 2)
