"""The document page: readable without a script, and what it tells the editor."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import httpx

from app.system import System
from app.web.bundle import DIST
from app.web.locale import LANGUAGES
from realtime import crdt, protocol
from realtime.ports import Admission, SocketClosed
from tests.app.pages.conftest import Reader, Work
from tests.app.pages.test_process import let_in


def block(type: str, *content: dict[str, Any], **attrs: Any) -> dict[str, Any]:
    return {"type": type, "attrs": attrs, "content": list(content)}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


CONTENT = block(
    "doc",
    block("heading", text("Costs <b>"), level=1),
    block("paragraph", text("About 3 & more")),
    block("bulletList", block("listItem", block("paragraph", text("one")))),
)


class Typist:
    """A socket whose other end sends one update, and leaves once it is committed."""

    def __init__(self, update: bytes) -> None:
        self._waiting = [protocol.update(update)]
        self._echoed = asyncio.Event()

    async def receive(self) -> bytes:
        if self._waiting:
            return self._waiting.pop()
        await self._echoed.wait()
        raise SocketClosed

    def send_now(self, data: bytes) -> bool:
        if isinstance(protocol.parse(data, len(data)), protocol.Edit):
            self._echoed.set()
        return True

    async def send(self, data: bytes) -> None:
        self.send_now(data)

    async def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"closed with {code}: {reason}")


async def write(system: System, reader: Reader, work: Work) -> None:
    """Put some text into the document and let it be sealed into the log."""
    profile = await system.people.get(reader.person)
    admission = Admission(
        document=work.document,
        person=reader.person,
        session=uuid4(),
        name=profile.name,
        colour=profile.colour,
        may_edit=True,
        format="richtext",
    )
    head = await system.log.head()
    await system.hub.serve(Typist(crdt.compose(CONTENT)), admission)
    await system.log.wait(head + 1, timeout=60)
    await system.views.wait_all(head + 1)


def config(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="editor-config">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


async def test_the_text_stands_in_the_page(system: System, ilze: Reader, work: Work) -> None:
    assert "This document is still empty." in await ilze.get(f"/documents/{work.document}")
    await write(system, ilze, work)
    html = await ilze.get(f"/documents/{work.document}")
    assert "<h2>Costs &lt;b&gt;</h2><p>About 3 &amp; more</p><ul><li><p>one</p></li>" in html
    assert "still empty" not in html


async def test_what_the_editor_is_told(ilze: Reader, work: Work, system: System) -> None:
    html = await ilze.get(f"/documents/{work.document}")
    told = config(html)
    profile = await system.people.get(ilze.person)
    assert told["document"] == str(work.document)
    assert told["mayEdit"] is True
    assert told["language"] == "lv"
    assert told["user"] == {"id": str(ilze.person), "name": "Ilze", "color": profile.colour}
    assert len(told["csrf"]) == 64
    assert 'role="toolbar"' in html


async def test_the_page_that_browsers_keep_has_everything_but_the_text(
    system: System, ilze: Reader, work: Work
) -> None:
    await write(system, ilze, work)
    html = await ilze.get(f"/documents/{work.document}?offline")
    assert "Costs" not in html.partition("</main>")[0].partition('id="reading"')[2]
    assert "Reading the copy on this device…" in html
    kept, shown = config(html), config(await ilze.get(f"/documents/{work.document}"))
    assert kept.pop("kept") is True
    assert shown.pop("kept") is False
    assert kept == shown
    assert kept["script"] in html


async def test_the_worker_acts_on_documents_alone(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/documents/worker.js")
    assert answer.status_code == 200
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"
    assert "service-worker-allowed" not in answer.headers
    assert "import" not in answer.text.split(), "a classic worker stands alone"


async def test_every_page_tells_whose_copies_may_stay(
    ilze: Reader, work: Work, visitor: httpx.AsyncClient
) -> None:
    assert f'<body data-person="{ilze.person}">' in await ilze.get("/")
    assert "data-person" not in (await visitor.get("/sign-in")).text
    assert 'id="leftover"' in await ilze.get(f"/documents/{uuid4()}", status=404)


async def test_the_editor_speaks_the_reader_s_language(ilze: Reader, work: Work) -> None:
    seen = []
    for code in LANGUAGES:
        await ilze.send("/profile", "/profile/language", language=code)
        messages = config(await ilze.get(f"/documents/{work.document}"))["messages"]
        seen.append(messages["saving"])
        assert set(messages["refused"]) == {"4400", "4401", "4403", "4404", "4409", "4413"}
        assert "{name}" in messages["joined"]
        assert "{code}" in messages["refusedOther"]
    assert len(set(seen)) == len(LANGUAGES)


async def test_messages_are_those_that_the_editor_asks_for(ilze: Reader, work: Work) -> None:
    source = (DIST.parent / "src" / "editor" / "config.ts").read_text()
    interface = source.split("interface Messages {")[1].split("}")[0]
    wanted = set(re.findall(r"^  (\w+):", interface, re.M))
    assert set(config(await ilze.get(f"/documents/{work.document}"))["messages"]) == wanted


async def test_readers_get_no_toolbar(system: System, ilze: Reader, janis: Reader, work: Work) -> None:
    await let_in(system, ilze, janis, work, "view")
    html = await janis.get(f"/documents/{work.document}")
    assert config(html)["mayEdit"] is False
    assert 'role="toolbar"' not in html
