"""A log is whole at a moment exactly if all that it holds finds in it what it leans on."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pycrdt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from realtime.history.deliveries import Log
from realtime.history.structs import GC, STRING, Id, Item, decode
from realtime.update import walk
from realtime.wire import Range
from tests.realtime.history.test_chronicle import FORMATS
from tests.realtime.writers import Writers


def moments(*updates: bytes, clocks: dict[int, int] | None = None) -> list[int]:
    log = Log(clocks)
    for moment, update in enumerate(updates, 1):
        whole = log.note(moment, *decode(update))
        assert whole == (log.moments[-1:] == [moment])
    return log.moments


def is_whole(updates: list[bytes]) -> bool:
    """Id by id, from what the walker finds."""
    walked = [walk(update) for update in updates]
    held = ids(span for update in walked for span in update.inserts)
    needed = {(client, clock) for client, last in held for clock in range(last)}
    needed |= ids(span for update in walked for span in update.deletes)
    needed |= {(client, clock) for update in walked for _, _, client, clock in update.links}
    return needed <= held


def ids(spans: Iterable[Range]) -> set[Id]:
    return {(client, clock) for client, start, end in spans for clock in range(start, end)}


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_whatever_the_order(format: str, seed: int) -> None:
    random = Random(seed)
    writers = Writers(random, format)
    writers.write(15)
    assume(writers.log)  # else nobody wrote anything
    updates = [burst.update for burst in writers.log] + [writers.log[0].update]
    random.shuffle(updates)
    expected = [moment for moment in range(1, len(updates) + 1) if is_whole(updates[:moment])]
    assert moments(*updates) == expected
    assert expected[-1] == len(updates)


def halves() -> tuple[bytes, bytes, bytes]:
    """One person's first words, their next ones, and the removal of the first, each as an update."""
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=5)
    text = doc.get("content", type=pycrdt.Text)
    made: list[bytes] = []
    doc.observe(lambda event: made.append(event.update))
    text.insert(0, "first")
    text.insert(0, "second ")
    del text[7:12]
    return made[0], made[1], made[2]


def test_the_log_is_whole_only_with_all_that_it_leans_on() -> None:
    first, second, removal = halves()
    other: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=6)
    other.get("content", type=pycrdt.Text).insert(0, "apart")
    apart = other.get_update()
    other.apply_update(first)
    seen = other.get_state()
    text = other.get("content", type=pycrdt.Text)
    text.insert(str(text).index("irst"), "|")
    leaning = other.get_update(seen)

    assert moments(first, second, removal) == [1, 2, 3]
    assert moments(second, first, removal) == [2, 3], "clocks of one person in order"
    assert moments(removal, first, second) == [2, 3], "what is deleted must be there"
    assert moments(second, apart, removal, first) == [4], "what is missing stays missing"
    assert moments(apart, leaning, first) == [1, 3], "what others wrote must be there"


def test_a_log_may_begin_at_a_whole_moment() -> None:
    first, second, removal = halves()
    assert moments(second, removal, clocks={5: 5}) == [1, 2]
    assert moments(second, removal, first, clocks={5: 4}) == [3], "one letter is missing"
    assert moments(removal, clocks={6: 100}) == [], "those are another client's"


def test_what_its_author_forgot_holds_its_clocks() -> None:
    log = Log()
    forgotten = Item(5, 0, 3, GC, None)
    assert log.note(1, [forgotten, Item(5, 3, 1, STRING, "x", (5, 2))], [(5, 0, 3)])
    assert log.note(2, [Item(6, 0, 1, STRING, "y", (5, 3), (5, 0))], [])
    assert not log.note(3, [Item(6, 1, 1, STRING, "y", None, (7, 0))], []), "what stands at its right"
    assert not log.note(4, [Item(8, 0, 1, STRING, "y", None, None, (7, 1))], []), "what it stands in"
    assert not log.note(5, [Item(7, 0, 1, STRING, "a", None, None, "content")], [])
    assert log.note(6, [Item(7, 1, 1, STRING, "b", (7, 0))], [])
    assert log.moments == [1, 2, 6]


def test_each_stretch_of_clocks_in_a_delivery_needs_what_is_before_it() -> None:
    def typed(client: int, clock: int, text: str) -> Item:
        return Item(client, clock, len(text), STRING, text, None, None, "content")

    log = Log()
    assert not log.note(1, [typed(5, 0, "ab"), typed(6, 3, "d")], [])
    assert log.note(2, [typed(6, 0, "abc")], [])
    assert not log.note(3, [typed(5, 2, "c"), typed(5, 4, "e")], [])
    assert log.note(4, [typed(5, 3, "d")], [])
