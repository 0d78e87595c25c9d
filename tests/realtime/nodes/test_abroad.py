"""What is here of other nodes' commits, and what an update must wait for."""

from __future__ import annotations

from uuid import uuid4

import pytest

from realtime.nodes.abroad import Abroad, touches
from realtime.nodes.relay import News
from realtime.update import Update

NODE, OTHER = uuid4(), uuid4()


def news(after: int, last: int, update: bytes = b"x") -> News:
    return News(after, last, (), update)


def test_one_after_the_other_lacks_nothing() -> None:
    abroad = Abroad()
    assert not abroad.hear(NODE, news(0, 5))
    assert not abroad.hear(NODE, news(5, 9))
    assert not abroad.hear(OTHER, news(0, 7))
    assert abroad.here() == {NODE: 9, OTHER: 7}


def test_a_gap_stays_until_the_store_was_read() -> None:
    abroad = Abroad()
    assert not abroad.hear(NODE, news(0, 5))
    assert abroad.hear(NODE, news(8, 9))
    assert abroad.here() == {NODE: 5}
    told = abroad.told()
    assert abroad.hear(NODE, news(12, 14)), "came while the store was read"
    abroad.caught_up(told)
    assert abroad.here() == {NODE: 9}
    assert abroad.hear(NODE, news(14, 15))
    abroad.caught_up({NODE: 15})
    assert not abroad.hear(NODE, news(15, 16))


def test_doubled_late_and_overlapping() -> None:
    abroad = Abroad()
    assert not abroad.hear(NODE, news(0, 5))
    assert not abroad.hear(NODE, news(0, 5))
    assert abroad.hear(NODE, news(7, 8))
    assert not abroad.hear(NODE, news(5, 7)), "the missing one, late"
    assert not abroad.hear(NODE, news(7, 8)), "doubled, and whole now"
    assert abroad.here() == {NODE: 8}
    assert not abroad.hear(NODE, news(3, 10)), "it begins before what is here"


def test_what_is_too_large_to_send_is_read() -> None:
    abroad = Abroad()
    assert abroad.hear(NODE, news(0, 5, b""))
    assert abroad.here() == {}


def test_what_the_store_has_is_compared() -> None:
    abroad = Abroad()
    abroad.hear(NODE, news(0, 5))
    assert not abroad.lacks({NODE: 5})
    assert not abroad.lacks({NODE: 3})
    assert abroad.lacks({NODE: 6})
    assert abroad.lacks({OTHER: 1})
    abroad.caught_up(abroad.told())
    assert not abroad.lacks({NODE: 6, OTHER: 1})


def update(**parts: list[tuple[int, ...]]) -> Update:
    empty: dict[str, list[tuple[int, ...]]] = {"inserts": [], "deletes": [], "links": []}
    return Update(**(empty | parts), inserted=0, structs_end=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "waits"),
    [
        ({"inserts": [(1, 5, 9)]}, True),
        ({"inserts": [(1, 0, 6)]}, True),
        ({"inserts": [(1, 0, 5)]}, False),
        ({"inserts": [(2, 0, 9)]}, False),
        ({"deletes": [(1, 5, 6)]}, True),
        ({"deletes": [(1, 0, 5)]}, False),
        ({"links": [(2, 0, 1, 5)]}, True),
        ({"links": [(2, 0, 1, 4)]}, False),
        ({"links": [(1, 7, 2, 0)]}, False),
    ],
)
def test_what_leans_on_something_on_its_way(parts: dict[str, list[tuple[int, ...]]], waits: bool) -> None:
    assert touches(update(**parts), [(1, 7, 9), (1, 5, 7)]) is waits
    assert not touches(update(**parts), [])
