"""A request to be erased: one for each person, called back until it has begun, found until it is done."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.database.postgres import Pool
from app.privacy.requests import Erasure, ErasureRequests, erasure_id
from domain.errors import Conflict, Invalid, NotFound, Unavailable

DAY = timedelta(days=1)


class Asker(ErasureRequests):
    """Asks for one person."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.person = uuid4()

    async def wish(self, text: str = "redact", delay: timedelta = DAY, **more: Any) -> Erasure:
        given = {"basis": "objection", "by": self.person, **more}
        return await self.ask(self.person, text=text, delay=delay, **given)

    async def done(self, text: str = "redact", *kept: UUID) -> Erasure:
        """Asked for, begun and finished, with this kept."""
        asked = await self.begin((await self.wish(text)).id, list(kept))
        await self.finish(asked.id)
        return asked


@pytest.fixture
def asker(pool: Pool) -> Asker:
    return Asker(pool)


async def test_it_is_due_after_the_delay_and_asked_again_keeps_the_earlier_day(asker: Asker) -> None:
    before = datetime.now(UTC)
    first = await asker.wish("keep")
    assert DAY <= first.due_at - before < DAY + timedelta(minutes=1)
    assert (first.begun_at, first.finished_at, first.kept) == (None, None, None)
    later = await asker.wish("redact", 2 * DAY, basis="consent_withdrawn")
    assert (later.due_at, later.text, later.basis) == (first.due_at, "redact", "consent_withdrawn")
    assert later.id == erasure_id(asker.person, "redact") != first.id
    sooner = await asker.wish("redact", DAY / 2, by=None)
    assert (sooner.due_at < first.due_at, sooner.asked_by) == (True, None)
    assert await asker.pending(asker.person) == sooner
    assert await asker.pending(uuid4()) is None
    asked = await asyncio.gather(*(asker.wish() for _ in range(5)))
    assert {one.id for one in asked} == {sooner.id}


async def test_what_has_begun_is_neither_changed_nor_called_back(asker: Asker) -> None:
    with pytest.raises(NotFound):
        await asker.call_back(asker.person)
    await asker.wish()
    await asker.call_back(asker.person)
    assert await asker.pending(asker.person) is None
    kept = [uuid4()]
    begun = await asker.begin((await asker.wish()).id, kept)
    again = await asker.begin(begun.id, [uuid4()])
    assert (again.begun_at, again.kept) == (begun.begun_at, kept), "as it was begun"
    for refused in (asker.call_back(asker.person), asker.wish("keep")):
        with pytest.raises(Conflict) as told:
            await refused
        assert told.value.code == "erasure_begun"
    await asker.finish(begun.id)
    for gone in (asker.begin(begun.id, []), asker.begin(uuid4(), []), asker.call_back(asker.person)):
        with pytest.raises(NotFound):
            await gone


async def test_what_was_done_is_found_done_unless_it_had_to_keep_something(asker: Asker) -> None:
    document = uuid4()
    kept = await asker.done("redact", document)
    assert (await asker.wish(kept=[document])).id == kept.id, "restored: as it was"
    all_gone = await asker.done("redact")
    assert all_gone.id == erasure_id(asker.person, "redact", 1) != kept.id
    for wanted in (None, [document], [uuid4()]):
        found = await asker.wish(kept=wanted)
        assert found.finished_at is not None
    assert (await asker.wish()).id == all_gone.id
    other = await asker.wish("keep")
    assert (other.id, other.finished_at) == (erasure_id(asker.person, "keep"), None)


async def test_what_is_due_and_what_was_interrupted_is_found(pool: Pool) -> None:
    due, waiting, begun, done = [Asker(pool) for _ in range(4)]
    asked = await due.wish(delay=-DAY)
    await waiting.wish()
    interrupted = await begun.begin((await begun.wish()).id, [])
    finished = await done.done()
    assert [one.id for one in await due.due()] == [asked.id, interrupted.id]
    assert [one.id for one in await due.begun()] == [interrupted.id, finished.id]
    assert {one.person for one in await due.due()} == {due.person, begun.person}
    assert await waiting.pending(waiting.person) is not None
    await pool.close()
    for query in (due.wish(), due.due(), due.finish(uuid4()), due.call_back(due.person)):
        with pytest.raises(Unavailable):
            await query


@pytest.mark.parametrize(
    ("wish", "code", "field"),
    [({"basis": "because"}, "basis_unknown", "basis"), ({"text": "burn"}, "fate_unknown", "text")],
)
async def test_what_nobody_offers_is_refused(wish: dict[str, str], code: str, field: str) -> None:
    asker: Any = Asker(None)  # type: ignore[arg-type]  # refused before anything is asked of it
    with pytest.raises(Invalid) as told:
        await asker.wish(**wish)
    assert (told.value.code, told.value.field) == (code, field)


def test_a_request_is_named_by_its_wish_and_person_alone() -> None:
    one, other = uuid4(), uuid4()
    ids = [erasure_id(who, text, n) for who in (one, other) for text in ("keep", "redact") for n in range(3)]
    assert len(set(ids)) == len(ids)
    assert erasure_id(one, "keep") == erasure_id(UUID(str(one)), "keep", 0)
