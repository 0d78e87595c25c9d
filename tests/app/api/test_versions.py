"""The past of documents over HTTP: moments, differences, authors, named versions, and the way back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from app.commands import document as commands
from app.system import System
from realtime import crdt
from tests.app.api.conftest import Somebody
from tests.builders import sealed


class Typist:
    """Somebody who writes in one document over HTTP, and has it sealed when they pause."""

    def __init__(self, who: Somebody, system: System, document: str) -> None:
        self.who = who
        self.document = document
        self._system = system
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()

    @property
    def text(self) -> Any:
        return self.doc.get("content", type=pycrdt.Text)

    @property
    def blocks(self) -> Any:
        return self.doc.get("content", type=pycrdt.XmlFragment).children

    async def sync(self, *, seal: bool = True) -> int:
        """Hand over and take in; returns the log's head."""
        content_type = {"Content-Type": "application/octet-stream"}
        path = f"/api/v1/documents/{self.document}/updates"
        answer = await self.who.client.post(path, content=self.doc.get_update(), headers=content_type)
        assert answer.status_code == 200, answer.text
        self.doc.apply_update(answer.content)
        if seal:
            await sealed(self._system, UUID(self.document))
        return await self._system.log.head()


async def a_document(who: Somebody, format: str = "text") -> tuple[str, str]:
    """A process and a document in it."""
    process = await who.a_process()
    _, _, task = await who.a_task(process)
    return process, (await who.a_document(task, format))["document"]


def from_(start: object, **others: object) -> dict[str, Any]:
    """A query; its first word is one of Python's own."""
    return {"from": start, **others}


async def content(who: Somebody, document: str, at: object, format: str = "text") -> str:
    query = {"format": format, "at": str(at)}
    answer = await who.client.get(f"/api/v1/documents/{document}/content", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_content_at_positions_and_times(ana: Somebody, system: System) -> None:
    _, id = await a_document(ana)
    typist = Typist(ana, system, id)
    empty = await system.log.head()
    typist.text.insert(0, "first")
    first = await typist.sync()
    between = datetime.now(UTC)
    await asyncio.sleep(0.01)
    typist.text.insert(5, " second")
    second = await typist.sync()
    later = datetime.now(UTC)
    await asyncio.sleep(0.01)
    typist.text.insert(0, "unsealed ")
    await typist.sync(seal=False)

    assert await content(ana, id, empty) == ""
    assert await content(ana, id, 0) == ""
    assert await content(ana, id, first) == "first"
    assert await content(ana, id, second) == "first second"
    zone = between.astimezone().isoformat()
    for moment in (between.isoformat(), between.isoformat().replace("+00:00", "Z"), zone):
        assert await content(ana, id, moment) == "first"
    assert await content(ana, id, later.isoformat()) == "first second"
    assert await ana.get(f"/api/v1/documents/{id}/content", at=first) == {"text": "first"}
    assert (
        await ana.client.get(f"/api/v1/documents/{id}/content?format=text")
    ).text == "unsealed first second"


BAD = [
    "-1",
    "1.5",
    "99999999999",
    "9" * 19,
    "9" * 41,
    "",
    "yesterday",
    "2026-01-31",
    "2026-01-31T10:00:00",
    "2026-13-31T10:00:00Z",
    "0001-01-01T00:00:00+23:00",
    "٣",
    "1\x00",
    (datetime.now(UTC) + timedelta(days=1)).isoformat(),
]


async def test_bad_moments_are_refused_by_their_field(ana: Somebody) -> None:
    _, id = await a_document(ana)
    base = f"/api/v1/documents/{id}"
    for bad in BAD:
        for path, query in (
            ("content", {"at": bad}),
            ("diff", {"from": bad}),
            ("diff", {"from": "0", "to": bad}),
            ("authors", {"at": bad}),
        ):
            answer = await ana.client.get(f"{base}/{path}", params=query)
            assert answer.status_code == 422, (bad, path, answer.text)
            assert answer.json()["errors"][0]["field"] in query
        await ana.post(f"{base}/restore", {"at": bad}, status=422)
        await ana.post(f"{base}/versions", {"name": "x", "at": bad}, status=422)
    head = (await ana.get(f"{base}/history"))["items"]
    assert head == []
    await ana.client.get(f"{base}/diff?from=2&to=1")
    reversed_ = await ana.client.get(f"{base}/diff?from=2&to=1")
    assert reversed_.json()["code"] == "moments_reversed"
    for wrong in ("", "from=1&from=2", "from=1&until=2"):
        assert (await ana.client.get(f"{base}/diff?{wrong}")).status_code == 422
    for wrong in ("from=-1", "to=-1", "from=x", "from=99999999999999999999"):
        assert (await ana.client.get(f"{base}/authors?{wrong}")).status_code == 422


async def test_a_difference_names_who_inserted_and_who_deleted(
    ana: Somebody, bruno: Somebody, system: System
) -> None:
    process, id = await a_document(ana)
    await ana.let_in(bruno, process, "view", "edit")
    first, second = Typist(ana, system, id), Typist(bruno, system, id)
    first.text.insert(0, "Ana wrote this.")
    start = await first.sync()
    await second.sync(seal=False)
    del second.text[4:10]
    second.text.insert(4, "and Bruno write ")
    end = await second.sync()

    told = await ana.get(f"/api/v1/documents/{id}/diff", **from_(start, to=end))
    a, b = str(ana.person), str(bruno.person)
    runs = [(r["text"], r.get("change"), r["author"], r.get("by"), r["written"]) for r in told["content"]]
    assert sorted(runs) == sorted(
        [
            ("Ana ", None, a, None, start),
            ("and Bruno write ", "inserted", b, b, end),
            ("wrote ", "deleted", a, b, start),
            ("this.", None, a, None, start),
        ]
    )
    assert told["people"] == {a: "Ana", b: "Bruno"}
    assert (told["from"], told["to"]) == (start, end)
    whole = await bruno.get(f"/api/v1/documents/{id}/diff", **from_(0))
    assert {r["change"] for r in whole["content"]} == {"inserted"}
    assert whole["to"] is None

    text = (await ana.client.get(f"/api/v1/documents/{id}/content?format=text")).text
    authors = await ana.get(f"/api/v1/documents/{id}/authors")
    assert authors["length"] == len(text)
    said = [(text[r["from"] : r["to"]], r["author_name"]) for r in authors["ranges"]]
    assert said == [("Ana ", "Ana"), ("and Bruno write ", "Bruno"), ("this.", "Ana")]
    part = await ana.get(f"/api/v1/documents/{id}/authors", **from_(5, to=7))
    assert [(r["from"], r["to"], r["author"]) for r in part["ranges"]] == [(5, 7, b)]
    then = await ana.get(f"/api/v1/documents/{id}/authors", at=start)
    assert [r["author"] for r in then["ranges"]] == [a]


async def test_formatting_and_blocks_show_in_a_difference(ana: Somebody, system: System) -> None:
    _, id = await a_document(ana, "richtext")
    typist = Typist(ana, system, id)
    typist.blocks.append(pycrdt.XmlElement("heading", {"level": "1"}, [pycrdt.XmlText("Costs")]))
    typist.blocks.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("About three.")]))
    start = await typist.sync()
    typist.blocks[0].attributes["level"] = "2"
    typist.blocks[1].children[0].format(6, 11, {"bold": True})
    typist.blocks.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("New.")]))
    end = await typist.sync()
    told = await ana.get(f"/api/v1/documents/{id}/diff", **from_(start, to=end))
    heading, paragraph, new = told["content"]
    assert (heading["change"], heading["attrs"], heading["by"]) == (
        "changed",
        {"level": "2"},
        str(ana.person),
    )
    assert [(r["text"], r.get("change")) for r in paragraph["content"]] == [
        ("About ", None),
        ("three", "formatted"),
        (".", None),
    ]
    assert paragraph["content"][1]["marks"] == [{"type": "bold"}]
    assert (new["change"], new["content"][0]["change"], new["at"]) == ("inserted", "inserted", end)


async def test_versions_are_named_and_listed(ana: Somebody, bruno: Somebody, system: System) -> None:
    process, id = await a_document(ana)
    base = f"/api/v1/documents/{id}"
    assert (await ana.get(f"{base}/versions"))["items"] == []
    typist = Typist(ana, system, id)
    typist.text.insert(0, "draft")
    first = await typist.sync()
    typist.text.insert(5, " two")
    await typist.sync(seal=False)  # naming what is there now puts it into the log

    second = await ana.post(f"{base}/versions", {"name": "  Second  draft ", "reason": "For the board"})
    early = await ana.post(f"{base}/versions", {"name": "First draft", "at": str(first)}, status=201)
    newest, older = (await ana.get(f"{base}/versions"))["items"]
    assert (newest["id"], newest["name"], newest["reason"], newest["through"]) == (
        early["id"],
        "First draft",
        "",
        first,
    )
    assert (older["id"], older["name"], older["reason"]) == (second["id"], "Second draft", "For the board")
    assert first < older["through"] < older["position"] == second["position"]
    assert (older["author"], older["author_name"]) == (str(ana.person), "Ana")
    assert await content(ana, id, older["through"]) == "draft two"
    page = await ana.get(f"{base}/versions", limit=1)
    assert [v["id"] for v in page["items"]] == [early["id"]]
    rest = await ana.get(f"{base}/versions", cursor=page["next"])
    assert [v["id"] for v in rest["items"]] == [second["id"]]

    for body in ({"name": ""}, {"name": "x" * 101}, {"reason": "no name"}, {"name": "x", "who": "me"}):
        await ana.post(f"{base}/versions", body, status=422)
    await ana.let_in(bruno, process, "view")
    await bruno.post(f"{base}/versions", {"name": "Mine"}, status=403)
    assert len((await bruno.get(f"{base}/versions"))["items"]) == 2


async def test_naming_waits_for_another_that_is_sealing(
    ana: Somebody, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, id = await a_document(ana)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def seal(document: UUID) -> bool:
        return sum(slept) > 5

    monkeypatch.setattr(commands, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(system.hub, "seal", seal)
    await ana.post(f"/api/v1/documents/{id}/versions", {"name": "x"}, status=201)


async def test_naming_twice_with_one_key_names_once(ana: Somebody) -> None:
    _, id = await a_document(ana)
    ana.headers["Idempotency-Key"] = "once"
    first = await ana.post(f"/api/v1/documents/{id}/versions", {"name": "x"})
    again = await ana.post(f"/api/v1/documents/{id}/versions", {"name": "x"})
    assert first == again
    assert len((await ana.get(f"/api/v1/documents/{id}/versions"))["items"]) == 1


@pytest.mark.parametrize("format", ["text", "richtext"])
async def test_a_version_comes_back_as_a_forward_edit(
    ana: Somebody, bruno: Somebody, system: System, format: str
) -> None:
    process, id = await a_document(ana, format)
    await ana.let_in(bruno, process, "view", "edit")
    base = f"/api/v1/documents/{id}"
    first, second = Typist(ana, system, id), Typist(bruno, system, id)

    def text_of(typist: Typist) -> Any:
        return typist.text if format == "text" else typist.blocks[0].children[0]

    if format == "richtext":
        first.blocks.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("")]))
    text_of(first).insert(0, "What was agreed.")
    await first.sync()
    version = await ana.post(f"{base}/versions", {"name": "Agreed"})
    await second.sync()
    del text_of(second)[5:16]
    text_of(second).insert(5, "Bruno wants.")
    await second.sync()
    text_of(second).insert(0, "Really: ")
    await second.sync(seal=False)

    ana.headers["Idempotency-Key"] = "restore"
    done = await ana.post(f"{base}/versions/{version['id']}/restore")
    assert await ana.post(f"{base}/versions/{version['id']}/restore") == done
    ana.headers.clear()
    await second.sync()
    assert str(text_of(second)) == "What was agreed.", "a client that was there takes it in"
    assert crdt.text_of(second.doc.get_update(), format) == "What was agreed."
    newest, *_ = (await ana.get(f"{base}/history"))["items"]
    assert newest["author"] == str(ana.person)
    assert newest["position"] < done["position"]
    event = (await system.log.read(after=done["position"] - 1, limit=1))[0]
    assert (event.type, event.actor) == ("document.restored", ana.person)
    deleted = await ana.get(f"{base}/diff", **from_(newest["position"] - 1, to=newest["position"]))
    flat = deleted["content"] if format == "text" else deleted["content"][0]["content"]
    assert {r["by"] for r in flat if r.get("change")} == {str(ana.person)}

    text_of(second).insert(0, "More. ")
    await second.sync()
    assert (await ana.client.get(f"{base}/content?format=text")).text == "More. What was agreed."


async def test_any_moment_comes_back_and_nothing_to_do_is_said(ana: Somebody, system: System) -> None:
    _, id = await a_document(ana)
    base = f"/api/v1/documents/{id}"
    typist = Typist(ana, system, id)
    typist.text.insert(0, "one")
    one = await typist.sync()
    typist.text.insert(3, " two")
    await typist.sync()
    refused = await ana.client.post(f"{base}/restore", json={"at": str(await system.log.head())})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_restore")
    await ana.post(f"{base}/restore", {"at": str(one)})
    assert (await ana.client.get(f"{base}/content?format=text")).text == "one"
    await ana.post(f"{base}/restore", {"at": "0"})
    assert (await ana.client.get(f"{base}/content?format=text")).text == ""


async def test_who_may_what(ana: Somebody, bruno: Somebody, system: System) -> None:
    process, id = await a_document(ana)
    _, other = await a_document(ana)
    version = (await ana.post(f"/api/v1/documents/{id}/versions", {"name": "x"}))["id"]
    foreign = (await ana.post(f"/api/v1/documents/{other}/versions", {"name": "x"}))["id"]
    reads = ["content?at=0", "diff?from=0", "authors", "versions"]
    writes = [("restore", {"at": "0"}), (f"versions/{version}/restore", None), ("versions", {"name": "y"})]
    for path in reads:
        assert (await bruno.client.get(f"/api/v1/documents/{id}/{path}")).status_code == 404
    for path, body in writes:
        await bruno.post(f"/api/v1/documents/{id}/{path}", body, status=404)
    await ana.let_in(bruno, process, "view")
    for path in reads:
        assert (await bruno.client.get(f"/api/v1/documents/{id}/{path}")).status_code == 200
    for path, body in writes:
        await bruno.post(f"/api/v1/documents/{id}/{path}", body, status=403)
    for stranger in (foreign, str(uuid4()), "x"):
        await ana.post(f"/api/v1/documents/{id}/versions/{stranger}/restore", status=404)
    asset = (await ana.get(f"/api/v1/documents/{id}"))["asset"]
    await system.log.head()
    await ana.post(f"/api/v1/assets/{asset}/disable")
    for path, body in writes:
        await ana.post(f"/api/v1/documents/{id}/{path}", body, status=409)
