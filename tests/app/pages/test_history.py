"""The page of a document's past, without a script."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pycrdt
import pytest

from app.door import Visitor, admission
from app.system import System
from realtime.delivery import deliver
from tests.app.pages.conftest import Reader, Work
from tests.app.pages.test_process import let_in
from tests.builders import sealed


class Typist:
    """Somebody who writes paragraphs."""

    def __init__(self, system: System, work: Work, who: Reader) -> None:
        self._system, self._work, self._who = system, work, who
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()

    @property
    def blocks(self) -> Any:
        return self.doc.get("content", type=pycrdt.XmlFragment).children

    async def write(self, words: str) -> int:
        """Add a paragraph; returns the position of the burst once every view has it."""
        document = self._work.document
        self.doc.apply_update(await self._system.hub.read(document))
        self.blocks.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText(words)]))
        admitted = await admission(self._system, Visitor(self._who.person, may_write=True), document)
        await deliver(self._system.hub, admitted, self.doc.get_update())
        await sealed(self._system, document)
        position = await self._system.log.head()
        await self._system.views.wait_all(position)
        return position


def page_of(work: Work, query: str = "") -> str:
    return f"/documents/{work.document}/history{query}"


def past(html: str) -> str:
    """The text that is shown."""
    found = re.search(r'<div class="card prose past"[^>]*>(.*?)</div>', html, re.S)
    assert found
    return found[1]


async def test_an_empty_document_has_an_empty_history(ilze: Reader, work: Work) -> None:
    html = await ilze.get(page_of(work))
    assert "Nobody has written here yet." in html
    assert "Nobody has named a version yet." in html
    assert "still empty" in past(html)


async def test_moments_are_links_to_what_was_there(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    await let_in(system, ilze, janis, work, "view", "edit")
    first = await Typist(system, work, ilze).write("From Ilze")
    second = await Typist(system, work, janis).write("From Jānis <script>")
    html = await ilze.get(page_of(work))
    assert "From Jānis &lt;script&gt;" in past(html)
    assert f'href="{page_of(work, f"?at={second}&amp;show=changes")}"' in html
    then = await ilze.get(page_of(work, f"?at={first}"))
    assert "From Ilze" in past(then)
    assert "Jānis" not in past(then)
    changed = past(await ilze.get(page_of(work, f"?at={second}&show=changes")))
    assert re.search(r"<ins.*inserted by Jānis.*From Jānis &lt;script&gt;</ins>", changed, re.S)
    assert "<ins" not in changed.split("From Ilze")[0]
    wrote = past(await ilze.get(page_of(work, "?show=authors")))
    assert "written by Ilze" in wrote
    assert "written by Jānis" in wrote
    backwards = past(await ilze.get(page_of(work, f"?at={first}&since={second}&show=changes")))
    assert "From Jānis" in backwards
    assert "Nothing changed" in await ilze.get(page_of(work, f"?at={first}&since={first}"))


async def test_a_version_is_named_and_brought_back(system: System, ilze: Reader, work: Work) -> None:
    typist = Typist(system, work, ilze)
    first = await typist.write("Agreed")
    await ilze.send(
        page_of(work, f"?at={first}"), page_of(work, "/versions"), name="Final", reason="For the <board>"
    )
    html = await ilze.get(page_of(work, "?done=named"))
    assert "The version has a name now." in html
    assert f'href="{page_of(work, f"?at={first}")}">Final</a>' in html
    assert "For the &lt;board&gt;" in html
    await typist.write("Later")
    restored = await ilze.send(page_of(work, f"?at={first}"), page_of(work, "/restore"))
    assert restored.headers["location"] == page_of(work, "?done=restored")
    html = await ilze.get(page_of(work, "?done=restored"))
    assert "The text was brought back." in html
    assert "brought back the version “Final”" in html
    assert "Later" not in past(html)
    again = await ilze.send(page_of(work, f"?at={first}"), page_of(work, "/restore"), status=409)
    assert "The document says exactly that already." in again.text


async def test_a_version_needs_a_name(ilze: Reader, work: Work) -> None:
    answer = await ilze.send(
        page_of(work), page_of(work, "/versions"), status=422, name=" ", reason="Because"
    )
    assert "Enter a name." in answer.text
    assert ">\nBecause</textarea>" in answer.text


@pytest.mark.parametrize(
    "query", ["?at=999999", "?at=-1", "?at=soon", "?since=x", "?show=everything", "?older=x"]
)
async def test_a_moment_that_is_none_is_refused(ilze: Reader, work: Work, query: str) -> None:
    assert "could not be understood" in await ilze.get(page_of(work, query), 422)


async def test_who_may_see_and_who_may_change(
    system: System, ilze: Reader, janis: Reader, work: Work
) -> None:
    await Typist(system, work, ilze).write("Text")
    await janis.get(page_of(work), 404)
    form = await ilze.form(page_of(work), page_of(work, "/versions"))
    await let_in(system, ilze, janis, work, "view")
    html = await janis.get(page_of(work))
    assert "Name this version" not in html
    own = await janis.form("/profile", "/profile")
    sent = {**form, "csrf": own["csrf"], "name": "Mine"}
    await janis.post(page_of(work, "/versions"), status=403, **sent)
    await janis.post(page_of(work, "/restore"), status=403, **{**sent, "at": "1"})
    await ilze.post(page_of(work, "/restore"), status=404, **{**form, "at": "1", "version": str(uuid4())})
