"""The past of documents, out of a store: whole moments, true authors, and the way back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random
from uuid import UUID, uuid4

import pycrdt
import pytest

from realtime import crdt
from realtime.history.attribution import NOW, Run, readable
from realtime.history.history import History
from realtime.ports import Burst, Entry, Past
from realtime.update import EMPTY
from realtime.wire import Malformed
from tests.realtime.memory_store import MemoryStore
from tests.realtime.writers import Writers, state_of

DOCUMENT = uuid4()
FORMATS = ["text", "richtext"]


def stored(writers: Writers, *, sealed: int | None = None) -> MemoryStore:
    """A store with the first bursts sealed, and the others in the journal."""
    store = MemoryStore()
    sealed = len(writers.log) if sealed is None else sealed
    for burst in writers.log[:sealed]:
        seal(store, burst.person, burst.update)
    return store


def seal(store: MemoryStore, person: UUID, update: bytes) -> None:
    moment = datetime.now(UTC)
    store.sealed[DOCUMENT].append(Burst(person, moment, moment, 1, 1, 0, update, ()))


async def journal(store: MemoryStore, person: UUID, update: bytes) -> None:
    origin = uuid4()
    await store.append(origin, 1, [Entry(DOCUMENT, person, uuid4(), datetime.now(UTC), update, 1, 0)])


async def text(history: History, position: int, format: str) -> str:
    return crdt.text_of(await history.state(DOCUMENT, position), format)


def typed(doc: pycrdt.Doc, at: int, value: str) -> bytes:  # type: ignore[type-arg]
    before = doc.get_state()
    doc.get("content", type=pycrdt.Text).insert(at, value)
    return doc.get_update(before)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("seed", range(5))
async def test_each_position_gives_what_the_engine_had_then(format: str, seed: int) -> None:
    writers = Writers(Random(seed), format)
    writers.write(40)
    history = History(stored(writers))
    for position in range(len(writers.log) + 1):
        expected = crdt.text_of(state_of(writers.log[:position]), format)
        assert await text(history, position, format) == expected
        shown = await history.difference(DOCUMENT, format, position, position)
        assert "".join(part for part, _ in readable(shown.content, format)) == expected
    assert await text(history, len(writers.log) + 100, format) == expected


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("seed", range(5))
async def test_a_difference_has_both_texts_and_the_people(format: str, seed: int) -> None:
    writers = Writers(Random(seed), format)
    writers.write(60)
    history = History(stored(writers))
    last = len(writers.log)
    for before in range(0, last, 3):
        difference = await history.difference(DOCUMENT, format, before, last)
        assert (difference.before, difference.after) == (before, last)
        for part, run in readable(difference.content, format):
            if run is None or not part:
                continue
            assert difference.people[run.written] == writers.log[run.written - 1].person
            if run.change == "inserted":
                assert run.changed == run.written
                assert before < run.written <= last
            else:
                assert run.written <= before
            if run.change is not None:
                assert before < (run.changed or 0) <= last


async def test_deletions_are_whose_who_delivered_them_first() -> None:
    store = MemoryStore()
    ana, ben = uuid4(), uuid4()
    one: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=1)
    seal(store, ana, typed(one, 0, "abcdef"))
    two: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=2)
    two.apply_update(one.get_update())
    del two.get("content", type=pycrdt.Text)[1:3]
    del one.get("content", type=pycrdt.Text)[1:5]
    seal(store, ben, two.get_update(one.get_state()))
    seal(store, ana, one.get_update(one.get_state()))
    difference = await History(store).difference(DOCUMENT, "text", 1, 3)
    runs = [run for run in difference.content if isinstance(run, Run)]
    assert [(r.text, r.change, r.changed and difference.people[r.changed]) for r in runs] == [
        ("a", None, None),
        ("bc", "deleted", ben),
        ("de", "deleted", ana),
        ("f", None, None),
    ]


async def test_between_bursts_that_lean_on_each_other_the_last_whole_moment_counts() -> None:
    store = MemoryStore()
    ana, ben = uuid4(), uuid4()
    one: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=1)
    two: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=2)
    seal(store, ana, typed(one, 0, "start "))
    two.apply_update(one.get_update())
    first = typed(two, 6, "ben ")
    one.apply_update(first)
    second = typed(one, 10, "ana ")
    two.apply_update(second)
    third = typed(two, 14, "ben again")
    seal(store, ana, second)  # leans on what comes after it
    seal(store, ben, crdt.merge([first, third]))
    history = History(store)
    assert await text(history, 1, "text") == "start "
    assert await history.moment(DOCUMENT, 2) == 1
    assert await text(history, 2, "text") == "start "
    assert await text(history, 3, "text") == "start ben ana ben again"
    difference = await history.difference(DOCUMENT, "text", 2, 3)
    assert (difference.before, difference.after) == (1, 3)
    assert "".join(r.text for r in difference.content if isinstance(r, Run)) == "start ben ana ben again"


@pytest.mark.parametrize("format", FORMATS)
async def test_now_is_more_than_the_log_and_stamps_move_when_it_is_sealed(format: str) -> None:
    writers = Writers(Random(3), format)
    writers.write(50)
    half = len(writers.log) // 2
    store = stored(writers, sealed=half)
    history = History(store)
    for burst in writers.log[half:]:
        await journal(store, burst.person, burst.update)
    now = await history.difference(DOCUMENT, format, None, None)
    expected = crdt.text_of(state_of(writers.log), format)
    assert "".join(part for part, _ in readable(now.content, format)) == expected
    assert now.after is None
    assert await text(history, 10**6, format) == crdt.text_of(state_of(writers.log[:half]), format)

    store.rows.clear()
    for burst in writers.log[half:]:
        seal(store, burst.person, burst.update)
    fresh = History(store)
    for position in (half, half + 1, len(writers.log)):
        for asked in (history, fresh):
            known = await asked.difference(DOCUMENT, format, half // 2, position)
            again = await fresh.difference(DOCUMENT, format, half // 2, position)
            assert known.content == again.content
            assert {known.people[m] for m in known.people if m < NOW >> 1} == set(again.people.values())


async def test_who_wrote_which_part() -> None:
    store = MemoryStore()
    ana, ben = uuid4(), uuid4()
    one: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=1)
    two: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=2)
    seal(store, ana, typed(one, 0, "a😀a"))
    two.apply_update(one.get_update())
    seal(store, ben, typed(two, 5, "BEN"))
    history = History(store)
    told = await history.authors(DOCUMENT, "text", None, 0, None)
    assert told.length == 7
    assert [(r.start, r.end, r.person, r.moment) for r in told.ranges] == [
        (0, 3, ana, 1),
        (3, 6, ben, 2),
        (6, 7, ana, 1),
    ]
    part = await history.authors(DOCUMENT, "text", 2, 2, 4)
    assert [(r.start, r.end, r.person) for r in part.ranges] == [(2, 3, ana), (3, 4, ben)]
    assert [r.person for r in (await history.authors(DOCUMENT, "text", 1, 0, 99)).ranges] == [ana]
    assert (await history.authors(DOCUMENT, "text", 0, 0, None)).length == 0


async def test_breaks_between_blocks_are_nobody_s() -> None:
    store = MemoryStore()
    doc: pycrdt.Doc[pycrdt.XmlFragment] = pycrdt.Doc(client_id=1)
    fragment = doc.get("content", type=pycrdt.XmlFragment)
    for words in ("one", "", "two"):
        fragment.children.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText(words)]))
    ana = uuid4()
    seal(store, ana, doc.get_update())
    history = History(store)
    assert await text(history, 1, "richtext") == "one\n\ntwo"
    told = await history.authors(DOCUMENT, "richtext", 1, 0, None)
    assert [(r.start, r.end) for r in told.ranges] == [(0, 3), (5, 8)]
    assert told.length == 8


async def test_the_way_back_is_an_edit_under_a_new_client_id() -> None:
    store = MemoryStore()
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=10)
    seal(store, uuid4(), typed(doc, 0, "first"))
    seal(store, uuid4(), typed(doc, 5, " second"))
    history = History(store)
    update = await history.restoration(DOCUMENT, 1, 999)
    assert update is not None
    doc.apply_update(update)
    assert str(doc.get("content", type=pycrdt.Text)) == "first"
    assert await history.restoration(DOCUMENT, 2, 999) == EMPTY
    assert await history.restoration(DOCUMENT, 1, 10) is None, "a client id that is in use"


async def test_many_ask_at_once_while_it_grows() -> None:
    writers = Writers(Random(5), "text")
    writers.write(80)
    store = stored(writers, sealed=3)
    history = History(store, items=1)

    async def grow() -> None:
        for burst in writers.log[3:]:
            seal(store, burst.person, burst.update)
            await asyncio.sleep(0)

    async def read(position: int) -> None:
        expected = crdt.text_of(state_of(writers.log[:position]), "text")
        other = uuid4()
        assert await text(history, position, "text") == expected
        assert await history.moment(other, 5) == 0

    await asyncio.gather(grow(), *(read(position % 4) for position in range(40)))
    assert await text(history, len(writers.log), "text") == crdt.text_of(state_of(writers.log), "text")


async def test_what_is_set_aside_and_taken_back_is_looked_at_anew() -> None:
    class Store(MemoryStore):
        aside: frozenset[int] = frozenset()

        async def past(self, document: UUID, *, after: int = 0) -> Past:
            past = await super().past(document, after=after)
            return Past([b for b in past.bursts if b.position not in self.aside], past.rows, self.aside)

    store = Store()
    ana = uuid4()
    seal(store, ana, typed(pycrdt.Doc(client_id=1), 0, "one"))
    seal(store, ana, typed(pycrdt.Doc(client_id=2), 0, "two"))
    history = History(store)
    both = await text(history, 2, "text")
    assert sorted((both[:3], both[3:])) == ["one", "two"]
    store.aside = frozenset({1})
    assert await text(history, 2, "text") == "two"
    told = await history.authors(DOCUMENT, "text", None, 0, None)
    assert told.length == 3
    store.aside = frozenset()
    assert await text(history, 2, "text") == both


async def test_now_moves_on_with_every_row() -> None:
    store = MemoryStore()
    ana, ben = uuid4(), uuid4()
    await journal(store, ana, typed(pycrdt.Doc(client_id=1), 0, "one"))
    history = History(store)
    assert (await history.authors(DOCUMENT, "text", None, 0, None)).length == 3
    await journal(store, ben, typed(pycrdt.Doc(client_id=2), 0, "two!"))
    told = await history.authors(DOCUMENT, "text", None, 0, None)
    assert told.length == 7
    assert {(r.end - r.start, r.person) for r in told.ranges} == {(3, ana), (4, ben)}
    assert (await history.authors(DOCUMENT, "text", 1, 0, None)).length == 0, "the log has nothing yet"


async def test_what_can_t_be_read_is_said_and_not_kept() -> None:
    store = MemoryStore()
    ana = uuid4()
    seal(store, ana, b"\x01\x01")
    history = History(store)
    with pytest.raises(Malformed):
        await history.moment(DOCUMENT, 1)
    store.sealed[DOCUMENT].clear()
    seal(store, ana, typed(pycrdt.Doc(client_id=1), 0, "fine"))
    assert await text(history, 1, "text") == "fine"


async def test_documents_not_asked_for_lately_are_given_up() -> None:
    writers = Writers(Random(2), "text")
    writers.write(40)
    store = stored(writers)
    history = History(store, items=1)
    await history.difference(DOCUMENT, "text", 1, 1)
    others = [uuid4() for _ in range(5)]
    for other in others:
        store.sealed[other] = store.sealed[DOCUMENT]
        await history.difference(other, "text", 1, 1)
    assert len(history._kept) == 1
    assert await text(history, 1, "text") == crdt.text_of(state_of(writers.log[:1]), "text")
