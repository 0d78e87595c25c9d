"""What is complete, what is news."""

from __future__ import annotations

import pytest

from realtime.gate import Gate
from realtime.update import Link, Update
from realtime.wire import Range


def update(
    inserts: list[Range], links: list[Link] | None = None, deletes: list[Range] | None = None
) -> Update:
    return Update(inserts, deletes or [], links or [], 0, 0)


@pytest.mark.parametrize(
    ("given", "complete"),
    [
        (update([(1, 5, 6)]), True),
        (update([(1, 2, 9)]), True),
        (update([(1, 6, 7), (2, 0, 1)]), False),
        (update([(1, 6, 7)]), False),
        (update([(9, 0, 1)]), True),
        (update([(9, 1, 2)]), False),
        (update([(9, 0, 1)], [(9, 0, 1, 4)]), True),
        (update([(9, 0, 1)], [(9, 0, 1, 5)]), False),
        (update([], None, [(1, 4, 5)]), True),
        (update([], None, [(1, 4, 6)]), False),
        (update([(1, 5, 6)], None, [(1, 5, 6)]), True),
        (update([(8, 0, 2), (9, 0, 2)], [(8, 1, 9, 0), (9, 1, 8, 1)]), True),
        (update([(8, 0, 2), (9, 0, 2)], [(8, 0, 9, 1), (9, 0, 8, 1)]), False),
        (update([(1, 0, 5)], [(1, 2, 77, 3)]), True),
    ],
    ids=[
        "next", "overlapping", "gap beside another", "gap", "new client", "new client's gap",
        "leans on known", "leans on unknown",
        "deletes known", "deletes unknown", "deletes its own", "two clients in order", "two in a circle",
        "known already, whatever it leaned on",
    ],
)  # fmt: skip
def test_complete(given: Update, complete: bool) -> None:
    assert Gate({1: 5}, list).complete(given) is complete


def test_news() -> None:
    gate = Gate({1: 5}, lambda: [(1, 0, 2)])
    news = gate.news(update([(1, 3, 7)], None, [(1, 1, 3)]))
    assert (news.inserts, news.deletes, news.overlap, news.known_deletes) == (
        [(1, 5, 7)],
        [(1, 2, 3)],
        True,
        True,
    )
    gate.admit(news)
    assert gate.clocks == {1: 7}
    assert gate.news(update([(1, 3, 7)], None, [(1, 0, 3)])).nothing
