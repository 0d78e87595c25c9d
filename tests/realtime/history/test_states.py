"""States of earlier moments: the same from a kept state as from the first burst, at a cost that stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from random import Random
from uuid import UUID, uuid4

import pycrdt
import pytest

from realtime import crdt
from realtime.crdt import EngineError
from realtime.history.states import PastState, PastStates
from realtime.ports import Past, Sealed
from realtime.update import EMPTY
from tests.realtime.history.test_history import DOCUMENT, FORMATS, seal, stored, typed
from tests.realtime.memory_store import MemoryStore
from tests.realtime.writers import Writers, state_of


class Kept:
    """A keeper in memory for one document."""

    def __init__(self, every: int) -> None:
        self.states: dict[int, bytes] = {}
        self._every = every

    async def of(self, document: UUID) -> Kept:
        return self

    async def nearest(self, position: int) -> PastState | None:
        found = max((moment for moment in self.states if moment <= position), default=None)
        return None if found is None else PastState(found, self.states[found])

    async def keep(self, state: PastState) -> None:
        self.states[state.moment] = state.update

    def apart(self, size: int) -> int:
        return self._every


class Counting(MemoryStore):
    """Counts the bursts that are read."""

    count = 0

    async def bursts(self, document: UUID, *, after: int, through: int) -> AsyncIterator[Sequence[Sealed]]:
        async for page in super().bursts(document, after=after, through=through):
            self.count += len(page)
            yield page


def counting(store: MemoryStore) -> Counting:
    found = Counting()
    found.sealed = store.sealed
    return found


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("seed", range(4))
async def test_from_kept_states_comes_what_the_engine_had(format: str, seed: int) -> None:
    writers = Writers(Random(seed), format)
    writers.write(50)
    last = len(writers.log)
    keeper = Kept(1 + seed)
    states = PastStates(stored(writers), keeper)
    order = [last, *Random(seed).sample(range(last + 1), last + 1)]
    for position in order:
        found = await states.at(DOCUMENT, position)
        then = state_of(writers.log[:position])
        assert found.moment == position
        assert crdt.json_of(found.update, format) == crdt.json_of(then, format)
        assert crdt.vector_of(found.update) == crdt.vector_of(then) or not position
    assert len(keeper.states) >= last // (1 + seed)
    for moment, state in keeper.states.items():
        straight = (await PastStates(stored(writers)).at(DOCUMENT, moment)).update
        assert crdt.json_of(state, format) == crdt.json_of(straight, format)


async def test_a_read_costs_as_much_at_the_end_as_at_the_beginning() -> None:
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=1)
    store = MemoryStore()
    for number in range(600):
        seal(store, uuid4(), typed(doc, 0, f"{number} "))
        if number % 3 == 2:
            del doc.get("content", type=pycrdt.Text)[0:4]
    reading, keeper = counting(store), Kept(20)
    states = PastStates(reading, keeper)
    await states.at(DOCUMENT, 600)
    assert reading.count == 600
    for position in range(1, 600, 37):
        reading.count = 0
        found = await states.at(DOCUMENT, position)
        assert crdt.text_of(found.update, "text").startswith(f"{position - 1} ")
        assert reading.count < 20
    reading.count = 0
    assert (await states.at(DOCUMENT, 400)).update == keeper.states[400], "given as it was kept"
    assert reading.count == 0


async def test_only_whole_moments_are_kept_and_what_comes_later_is_met() -> None:
    ana, ben = uuid4(), uuid4()
    one: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=1)
    two: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=2)
    store = MemoryStore()
    seal(store, ana, typed(one, 0, "start "))
    two.apply_update(one.get_update())
    first = typed(two, 6, "ben ")
    one.apply_update(first)
    seal(store, ana, typed(one, 10, "ana "))  # leans on what comes after it
    seal(store, ben, first)
    seal(store, ana, typed(one, 0, "4 "))
    keeper = Kept(1)
    for _ in range(2):
        states = PastStates(store, keeper)
        assert [(await states.at(DOCUMENT, position)).moment for position in (4, 3, 2, 1, 0)] == [
            4,
            3,
            1,
            1,
            0,
        ]
        assert sorted(keeper.states) == [1, 3, 4]
    assert crdt.text_of((await states.at(DOCUMENT, 4)).update, "text") == "4 start ben ana "


async def test_nothing_yet() -> None:
    assert await PastStates(MemoryStore(), Kept(1)).at(DOCUMENT, 10) == PastState(0, EMPTY)


async def test_a_kept_state_that_can_t_be_read_is_passed_over() -> None:
    writers = Writers(Random(1), "text")
    writers.write(30)
    keeper = Kept(5)
    states = PastStates(stored(writers), keeper)
    last = len(writers.log)
    expected = crdt.text_of((await states.at(DOCUMENT, last)).update, "text")
    keeper.states = {last - 1: b"\x01\x01 no update"}
    assert crdt.text_of((await states.at(DOCUMENT, last)).update, "text") == expected


async def test_bursts_that_the_engine_refuses_are_said() -> None:
    class Refused(MemoryStore):
        async def past(self, document: UUID, *, after: int = 0) -> Past:
            raise EngineError("no")

    with pytest.raises(EngineError):
        await PastStates(Refused(), Kept(1)).at(DOCUMENT, 1)
