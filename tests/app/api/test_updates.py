"""Live documents over plain HTTP: what scripts and blocked editors send, and what hostile ones do."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import Any

import httpx
import pycrdt
import pytest
from starlette.applications import Starlette

from app.api.updates import MESSAGES, UPDATE, VERSION
from app.system import System
from realtime import framing, protocol, wire
from realtime.awareness import read_entries
from tests.app.api.conftest import Somebody
from tests.realtime.samples import updates


class Writer:
    """Somebody with a document of their own and nothing but HTTP."""

    def __init__(self, who: Somebody, document: str) -> None:
        self.who = who
        self.url = f"/api/v1/documents/{document}/updates"
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.text = self.doc.get("content", type=pycrdt.Text)
        self.version = ""

    @property
    def vector(self) -> str:
        return base64.urlsafe_b64encode(self.doc.get_state()).decode().rstrip("=")

    async def read(self, **query: Any) -> httpx.Response:
        answer = await self.who.client.get(self.url, params={"state_vector": self.vector, **query})
        self._take(answer)
        return answer

    async def write(self, update: bytes | None = None, *, status: int = 200) -> httpx.Response:
        sent = self.doc.get_update() if update is None else update
        answer = await self.who.client.post(
            self.url, content=sent, params={"state_vector": self.vector}, headers={"Content-Type": UPDATE}
        )
        assert answer.status_code == status, answer.text
        self._take(answer)
        return answer

    def _take(self, answer: httpx.Response) -> None:
        if answer.status_code == 200 and answer.headers["content-type"] == UPDATE:
            self.doc.apply_update(answer.content)
        self.version = answer.headers.get(VERSION, self.version)


@pytest.fixture
async def document(ana: Somebody) -> str:
    process = await ana.a_process()
    made = await ana.a_document((await ana.a_task(process))[2])
    id: str = made["document"]
    return id


async def let_in(ana: Somebody, bruno: Somebody, document: str, *rights: str) -> dict[str, Any]:
    process = (await ana.get(f"/api/v1/documents/{document}"))["process"]
    grant = {"grantee": {"person": str(bruno.person)}, "rights": list(rights)}
    return await ana.post(f"/api/v1/processes/{process}/permissions", grant)


async def test_two_write_one_document_by_requests_alone(
    ana: Somebody, bruno: Somebody, document: str
) -> None:
    await let_in(ana, bruno, document, "view", "edit")
    one, two = Writer(ana, document), Writer(bruno, document)
    one.text += "sveiki"
    await one.write()
    assert (await two.read()).headers["cache-control"] == "no-store"
    assert str(two.text) == "sveiki"
    two.text += "!"
    await two.write()
    waiting = asyncio.create_task(one.read(wait=30))
    await asyncio.wait_for(waiting, 25)
    assert str(one.text) == "sveiki!"
    content = await ana.get(f"/api/v1/documents/{document}/content", format="json")
    assert content == {"text": "sveiki!"}


async def test_waiting_ends_with_news_or_with_nothing(ana: Somebody, bruno: Somebody, document: str) -> None:
    await let_in(ana, bruno, document, "view", "edit")
    one, two = Writer(ana, document), Writer(bruno, document)
    await one.read()
    nothing = await one.read(wait=0.1, known=one.version)
    assert (nothing.status_code, nothing.content) == (204, b"")
    waiting = asyncio.create_task(one.read(wait=30, known=one.version))
    two.text += "news"
    await two.write()
    assert (await asyncio.wait_for(waiting, 25)).status_code == 200
    assert str(one.text) == "news"


async def test_presence_and_updates_in_messages(ana: Somebody, bruno: Somebody, document: str) -> None:
    await let_in(ana, bruno, document, "view")
    entry = wire.varuint(7) + wire.varuint(1) + wire.sized(b'{"cursor":1}')
    frames = [protocol.awareness([entry]), protocol.step1(b"\x00")]
    url = f"/api/v1/documents/{document}/updates"
    headers = {"Content-Type": MESSAGES, "Accept": MESSAGES}
    told = await bruno.client.post(url, content=framing.join(frames), headers=headers)
    assert told.status_code == 200, told.text
    answer = await ana.client.get(url, headers={"Accept": MESSAGES})
    presence = [frame for frame in framing.split(answer.content) if frame[0] == protocol.AWARENESS]
    ((client, _, state),) = read_entries(wire.read_bytes(presence[0], 1)[0])
    assert client == 7
    assert str(bruno.person).encode() in state
    own = await bruno.client.get(url, params={"client": 7}, headers={"Accept": MESSAGES})
    assert b"cursor" not in own.content


async def test_rights_and_scopes_are_the_rooms_own(
    ana: Somebody, bruno: Somebody, document: str, system: System
) -> None:
    update = pycrdt.Doc[Any]()
    update["content"] = pycrdt.Text("x")
    stranger = Writer(bruno, document)
    assert (await stranger.read()).status_code == 404
    await stranger.write(update.get_update(), status=404)
    await let_in(ana, bruno, document, "view")
    assert (await stranger.read()).status_code == 200
    refused = await stranger.write(update.get_update(), status=403)
    assert refused.json()["code"] == "forbidden"
    for scopes, reads, writes in ((["read", "write"], 403, 403), (["live"], 200, 403)):
        _, secret = await system.sign_in.create_token(ana.person, name="t", scopes=scopes, expires=None)
        ana.client.headers["Authorization"] = f"Bearer {secret}"
        owner = Writer(ana, document)
        assert (await owner.read()).status_code == reads
        await owner.write(update.get_update(), status=writes)
    ana.client.headers["Authorization"] = f"Bearer {ana.token}"
    assert await ana.get(f"/api/v1/documents/{document}/content") == {"text": ""}


async def test_a_cookie_alone_writes_nothing(
    ana: Somebody, document: str, system: System, visitor: httpx.AsyncClient
) -> None:
    cookie, principal = await system.sign_in.open_session(ana.person)
    url = f"/api/v1/documents/{document}/updates"
    headers = {"Content-Type": UPDATE, "Cookie": f"interlink_session={cookie}"}
    assert (await visitor.post(url, content=b"\x00\x00")).status_code == 401
    refused = await visitor.post(url, content=b"\x00\x00", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    headers["X-CSRF-Token"] = principal.csrf or ""
    assert (await visitor.post(url, content=b"\x00\x00", headers=headers)).status_code == 200


async def test_problems_are_named_after_what_is_wrong(ana: Somebody, bruno: Somebody, document: str) -> None:
    await let_in(ana, bruno, document, "view", "edit")
    one, two = Writer(ana, document), Writer(bruno, document)
    one.doc = pycrdt.Doc(client_id=5)
    one.text = one.doc.get("content", type=pycrdt.Text)
    changes: list[bytes] = []
    one.doc.observe(lambda event: changes.append(event.update))
    one.text += "a"
    one.text += "b"
    incomplete = await one.write(changes[1], status=409)
    assert incomplete.json()["code"] == "update_incomplete"
    await one.write(changes[0])
    forged = await two.write(changes[1], status=409)
    assert forged.json()["code"] == "forged_author"
    assert (await one.write(b"\x07bad", status=400)).json()["code"] == "malformed"
    assert (await one.write(b"\x00" * (4 * 1024 * 1024), status=413)).json()["code"] == "too_large"
    assert (await one.write(b"\x00" * (9 * 1024 * 1024), status=413)).json()["code"] == "too_large"
    wrong = await ana.client.post(one.url, content=b"{}", headers={"Content-Type": "application/json"})
    assert (wrong.status_code, wrong.json()["code"]) == (415, "wrong_content_type")
    for query in ({"state_vector": "!!"}, {"state_vector": "AQ"}, {"state_vector": "é"}):
        assert (await ana.client.get(one.url, params=query)).status_code == 400
    for query in ({"wait": "61"}, {"wait": "nan"}, {"client": "-1"}, {"nonsense": "1"}):
        assert (await ana.client.get(one.url, params=query)).status_code == 422


async def test_too_fast_is_said_so(ana: Somebody, document: str, system: System) -> None:
    url = f"/api/v1/documents/{document}/updates"
    frames = framing.join([protocol.update(b"\x00\x00")] * 3000)
    answer = await ana.client.post(url, content=frames, headers={"Content-Type": MESSAGES})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_fast")
    assert answer.headers["retry-after"] == "1"


async def test_a_right_that_ends_ends_the_waiting(
    ana: Somebody, bruno: Somebody, document: str, system: System
) -> None:
    granted = await let_in(ana, bruno, document, "view")
    reader = Writer(bruno, document)
    await reader.read()
    waiting = asyncio.create_task(reader.read(wait=30, known=reader.version))
    while not system.hub.metrics.sessions:  # noqa: ASYNC110  it waits in the room then
        await asyncio.sleep(0.01)
    await ana.delete(f"/api/v1/permissions/{granted['id']}")
    answer = await asyncio.wait_for(waiting, 25)
    assert answer.status_code == 403


async def test_waiting_ends_at_once_when_the_server_stops(
    ana: Somebody, document: str, system: System
) -> None:
    reader = Writer(ana, document)
    await reader.read()
    waiting = asyncio.create_task(reader.read(wait=30, known=reader.version))
    while not system.hub.metrics.sessions:  # noqa: ASYNC110  it waits in the room then
        await asyncio.sleep(0.01)
    async with asyncio.timeout(25):  # long before it would have waited enough
        await system.hub.stop()
        answer = await waiting
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_who_hangs_up_leaves_the_room(ana: Somebody, document: str, system: System) -> None:
    reader = Writer(ana, document)
    await reader.read()
    waiting = asyncio.create_task(reader.read(wait=30, known=reader.version))
    while not system.hub.metrics.sessions:  # noqa: ASYNC110  it waits in the room then
        await asyncio.sleep(0.01)
    waiting.cancel()
    while system.hub.metrics.sessions:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_mutated_bodies_are_refused_or_harmless(ana: Somebody, document: str, app: Starlette) -> None:
    url = f"/api/v1/documents/{document}/updates"
    chance = random.Random(3)
    good = [framing.join([protocol.update(update)]) for update in updates(3, 20)]
    seen: set[int] = set()
    for i in range(300):
        body = bytearray(chance.choice(good))
        for _ in range(chance.randrange(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        kind = chance.choice([MESSAGES, UPDATE])
        answer = await ana.client.post(url, content=bytes(body), headers={"Content-Type": kind})
        seen.add(answer.status_code)
        assert answer.status_code in (200, 204, 400, 409, 413, 429), (i, answer.text)
    assert {400, 409} <= seen
    await ana.get(f"/api/v1/documents/{document}/content")
