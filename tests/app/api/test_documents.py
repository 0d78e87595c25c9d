"""Reading live documents, and tickets to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pycrdt
from eventsourcing.domain import AggregateEvent

from app.system import System
from domain.catalogue import EVENTS
from domain.document import Document
from domain.ports import Context
from tests.app.api.conftest import Somebody


async def burst(system: System, document: str, process: str, person: UUID, text: str) -> int:
    """A burst of editing as the sealer leaves it in the log; returns its position."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc["content"] = pycrdt.Text(text)
    now = datetime.now(UTC)
    event = Document.Edited(
        originator_id=UUID(document),
        originator_version=2,
        timestamp=now,
        began=now,
        ended=now,
        edits=1,
        inserted=len(text.encode("utf-16-le")) // 2,
        deleted=0,
        update=doc.get_update(),
    )
    new = EVENTS.encode(cast(AggregateEvent, event), process=UUID(process))
    return (await system.log.append([new], Context(actor=person))).last


async def test_shows_where_a_document_stands(ana: Somebody) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    made = await ana.a_document(task, "richtext")
    shown = await ana.get(f"/api/v1/documents/{made['document']}")
    assert (shown["asset"], shown["node"], shown["process"]) == (made["id"], task, process)
    assert (shown["format"], shown["language"], shown["enabled"]) == ("richtext", "en", True)
    assert "edit" in shown["rights"]


async def test_reads_text_and_json_and_who_wrote_it(ana: Somebody, system: System) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    id = (await ana.a_document(task))["document"]
    ana.position = await burst(system, id, process, ana.person, "Sveiki 🌍")
    answer = await ana.client.get(f"/api/v1/documents/{id}/content?format=text")
    assert (answer.status_code, answer.text) == (200, "Sveiki 🌍")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-language"] == "en"
    assert await ana.get(f"/api/v1/documents/{id}/content") == {"text": "Sveiki 🌍"}
    history = await ana.get(f"/api/v1/documents/{id}/history")
    [shown] = history["items"]
    assert (shown["author"], shown["author_name"], shown["added"], shown["removed"]) == (
        str(ana.person),
        "Ana",
        9,
        0,
    )
    assert {"from", "to", "position"} <= set(shown)
    assert (await ana.get(f"/api/v1/documents/{id}"))["edits"] == 1


async def test_an_empty_rich_document_is_an_empty_document(ana: Somebody) -> None:
    _, _, task = await ana.a_task(await ana.a_process())
    id = (await ana.a_document(task, "richtext"))["document"]
    assert (await ana.get(f"/api/v1/documents/{id}/content"))["type"] == "doc"


async def test_refuses_other_formats(ana: Somebody) -> None:
    _, _, task = await ana.a_task(await ana.a_process())
    id = (await ana.a_document(task))["document"]
    for query in ["format=docx", "format=", "at=", "at=5&at=6", "format=text&format=json"]:
        answer = await ana.client.get(f"/api/v1/documents/{id}/content?{query}")
        assert answer.status_code == 422, query


async def test_another_persons_document_is_unknown(ana: Somebody, bruno: Somebody) -> None:
    process = await ana.a_process()
    _, _, task = await ana.a_task(process)
    made = await ana.a_document(task)
    for id in (made["document"], str(uuid4()), made["id"], process):
        for path in ("", "/content", "/history"):
            await bruno.get(f"/api/v1/documents/{id}{path}", status=404)
        await bruno.post("/api/v1/live-tickets", {"document": id}, status=404)
    for id in (made["id"], process, task):
        await ana.get(f"/api/v1/documents/{id}", status=404)


async def test_a_ticket_is_for_one_person_and_one_document(ana: Somebody, system: System) -> None:
    _, _, task = await ana.a_task(await ana.a_process())
    id = (await ana.a_document(task))["document"]
    made = await ana.post("/api/v1/live-tickets", {"document": id}, status=200)
    ticket = system.sign_in.read_ticket(made["token"], UUID(id))
    assert ticket is not None
    assert ticket.person == ana.person
    assert ticket.credential is not None, "it ends with what it was got with"
    assert ticket.may_write
    _, secret = await system.sign_in.create_token(ana.person, name="t", scopes=["live"], expires=None)
    ana.client.headers["Authorization"] = f"Bearer {secret}"
    got = await ana.post("/api/v1/live-tickets", {"document": id}, status=200)
    seen = system.sign_in.read_ticket(got["token"], UUID(id))
    assert seen is not None
    assert not seen.may_write, "a token that may only look gets a ticket that may only look"
    assert seen.credential != ticket.credential
    assert system.sign_in.read_ticket(made["token"], uuid4()) is None
    left = datetime.fromisoformat(made["expires"]) - datetime.now(UTC)
    assert 3500 < left.total_seconds() <= 3600
