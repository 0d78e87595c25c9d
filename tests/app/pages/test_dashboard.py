"""The first page: one's own processes, found and paged, beside what happened lately."""

from __future__ import annotations

import html
import re

import pytest

from app.pages import dashboard
from app.system import System
from tests.app.pages.conftest import Reader, SignUp
from tests.builders import a_process

CARD = re.compile(r'class="card card-link.*?<a href="/processes/[^"]+">([^<]+)</a>', re.DOTALL)


async def test_processes_are_found_and_paged_newest_first(
    system: System, ilze: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "SHOWN", 2)
    monkeypatch.setattr(dashboard, "NEWS", 3)
    for number in range(5):
        await a_process(system, ilze.person, title=f"Park & {number}")
    await system.views.wait_all(await system.log.head())
    page, found = "/?search=PARK+%26", []
    while page:
        shown = await ilze.get(page)
        found.append([html.unescape(title) for title in CARD.findall(shown)])
        assert 'value="PARK &amp;"' in shown
        assert ("First page" in shown) == (len(found) > 1)
        [page] = re.findall(r'href="([^"]+)">Next page', shown) or [""]
        page = html.unescape(page)
    assert found == [["Park & 4", "Park & 3"], ["Park & 2", "Park & 1"], ["Park & 0"]]
    front = await ilze.get("/")
    news = front[front.index('id="news"') :]
    assert news[: news.index("</ol>")].count("<li>") == 3
    for nothing in ("nothing", "%25", "_", "x" * 5000):
        assert "No process of yours has this" in await ilze.get(f"/?search={nothing}"), nothing
    await ilze.get("/?search=%00%FF")
    await ilze.get("/?older=nonsense", 422)


async def test_of_others_nothing_is_shown(system: System, ilze: Reader, sign_up: SignUp) -> None:
    await a_process(system, ilze.person, title="Parks")
    await system.views.wait_all(await system.log.head())
    shown = await (await sign_up("New")).get("/")
    assert "You take part in no process yet" in shown
    assert "Nothing yet." in shown
    assert "Parks" not in shown
