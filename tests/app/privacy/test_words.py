"""A person's own words become empty: theirs alone, everywhere, but where they are kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.privacy import words
from app.privacy.requests import Erasure
from domain.catalogue import EVENTS
from domain.ports import Context, NewEvent
from domain.registry import dump
from tests.memory_log import MemoryLog

ANA, BRUNO = uuid4(), uuid4()
NOW = datetime.now(UTC)


def an_erasure(text: str = "redact", kept: list[UUID] | None = None) -> Erasure:
    return Erasure(uuid4(), ANA, "objection", text, None, NOW, NOW, NOW, None, kept)


async def named(log: MemoryLog, who: UUID, reason: str, **more: Any) -> NewEvent:
    """A version that somebody named, saying why."""
    payload = {"version": str(uuid4()), "name": "reason", "reason": reason, "through": 1, **more}
    event = NewEvent(uuid4(), "document.version_named", dump(payload), attachment=b"+")
    await log.append([event], Context(actor=who))
    return event


async def test_the_words_of_the_person_go_and_all_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    first, _, _, second = [
        await named(log, who, reason)
        for who, reason in ((ANA, "Ana's"), (BRUNO, "Bruno's"), (ANA, ""), (ANA, "Ana's\n"))
    ]
    await log.append([NewEvent(uuid4(), "unknown.thing", b'{"reason": "x"}')], Context(actor=ANA))
    wanted = [
        (position, dump(json.loads(event.payload) | {"reason": ""}), b"+")
        for position, event in ((1, first), (4, second))
    ]
    for page in (500, 1):
        monkeypatch.setattr(words, "_PAGE", page)
        assert [each async for each in words.blanked(log, an_erasure())] == wanted


async def test_what_is_kept_stays() -> None:
    log = MemoryLog()
    kept, goes = await named(log, ANA, "one"), await named(log, ANA, "two")
    found = [each async for each in words.blanked(log, an_erasure(kept=[kept.stream]))]
    assert [position for position, _, _ in found] == [2]
    assert goes.stream != kept.stream


async def test_every_field_that_is_marked_goes_from_every_type() -> None:
    marked = {entry.name: entry.personal_fields for entry in EVENTS if entry.personal_fields}
    assert "document.version_named" in marked
    log = MemoryLog()
    for type in marked:  # by an older version of the code, which did not ask for them
        await log.append([NewEvent(uuid4(), type, b"{}")], Context(actor=ANA))
    for type, fields in marked.items():
        payload = dump(dict.fromkeys(fields, "mine") | {"other": "mine"})
        await log.append([NewEvent(uuid4(), type, payload)], Context(actor=ANA))
    found = [json.loads(payload) async for _, payload, _ in words.blanked(log, an_erasure())]
    assert found == [dict.fromkeys(fields, "") | {"other": "mine"} for fields in marked.values()]


async def test_views_forget_them_too_once_there_are_any(pool: Pool) -> None:
    await words.forget(pool, an_erasure())
    await pool.execute("CREATE TABLE view_document_versions (author uuid, document uuid, reason text)")
    kept, goes = uuid4(), uuid4()
    rows = [(ANA, kept, "a"), (ANA, goes, "b"), (BRUNO, goes, "c"), (None, goes, "d")]
    await pool.executemany("INSERT INTO view_document_versions VALUES ($1, $2, $3)", rows)

    async def told(erasure: Erasure) -> str:
        await words.forget(pool, erasure)
        found: str = await pool.fetchval(
            "SELECT string_agg(reason, '' ORDER BY reason) FROM view_document_versions"
        )
        return found

    assert await told(an_erasure("keep")) == "abcd"
    assert await told(an_erasure(kept=[kept])) == "acd"
    assert await told(an_erasure()) == "cd"
