"""Items are found by any of their ids, and splitting one changes nothing but where it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.history.chronicle import Branch
from realtime.history.items import Items, tail
from realtime.history.structs import ALIVE, DELETED, GC, STRING, Item, units


def typed(text: str, client: int = 5, clock: int = 0) -> Item:
    item = Item(client, clock, units(text), STRING, text, None, None, Branch())
    item.born = 3
    return item


def row(items: Items, client: int) -> list[tuple[int, str]]:
    """A client's items as they are linked, each with its first clock."""
    found: list[tuple[int, str]] = []
    item: Item | None = items.find((client, 0))
    while item is not None:
        assert item.right is None or item.right.left is item
        found.append((item.clock, str(item.content)))
        item = item.right
    return found


def test_an_item_is_found_by_any_of_its_ids() -> None:
    items = Items()
    one, two, other = typed("abc"), typed("de", clock=3), typed("xyz", client=6)
    for item in (two, other, one):  # the order of arrival does not matter
        items.add(item)
    assert [items.find((5, clock)) for clock in range(5)] == [one, one, one, two, two]
    assert items.find((6, 2)) is other
    assert (items.clock(5), items.clock(6), items.clock(7)) == (5, 3, 0)
    assert items.size == 3


@given(st.text("abc", min_size=1, max_size=12), st.lists(st.tuples(st.integers(0, 11), st.booleans())))
def test_wherever_it_is_cut_the_same_is_there(text: str, cuts: list[tuple[int, bool]]) -> None:
    items = Items()
    items.add(typed(text))
    for at, ending in cuts:
        id = (5, at % len(text))
        if ending:
            assert items.ending_at(id).last_id == id
        else:
            assert items.starting_at(id).id == id
        assert items.find(id).clock <= id[1] <= items.find(id).last_id[1]
    pieces = row(items, 5)
    assert "".join(content for _, content in pieces) == text
    assert len(pieces) == items.size
    assert items.clock(5) == len(text)
    for clock, content in pieces:
        item = items.find((5, clock))
        assert (item.clock, item.size, item.born, item.died) == (clock, len(content), 3, ALIVE)


def test_the_right_half_knows_what_it_stood_behind_and_all_else_of_the_whole() -> None:
    items, whole = Items(), typed("a😀bc")
    whole.right_origin, whole.died, right = (9, 4), 7, typed("right", client=6)
    whole.right, right.left = right, whole
    items.add(whole)
    half = items.starting_at((5, 3))
    assert (whole.content, half.content) == ("a😀", "bc")
    assert (half.origin, half.right_origin) == ((5, 2), (9, 4))
    assert (half.born, half.died, half.parent) == (3, 7, whole.parent)
    assert (whole.right, half.left, half.right, right.left) == (half, whole, right, half)


def test_of_what_stands_under_a_key_the_last_half_counts() -> None:
    items, item, branch = Items(), typed("ab"), Branch()
    item.parent, item.key = branch, "title"
    branch.last["title"] = item
    items.add(item)
    half = items.starting_at((5, 1))
    assert branch.last["title"] is half
    items.starting_at((5, 0))
    assert branch.last["title"] is half


@pytest.mark.parametrize(
    ("span", "cut", "uncut"),
    [
        ((5, 0, 6), ["abc", "def"], ["abc", "def"]),
        ((5, 1, 2), ["b"], ["abc"]),
        ((5, 2, 4), ["c", "d"], ["abc", "def"]),
        ((5, 3, 5), ["de"], ["def"]),
        ((5, 5, 6), ["f"], ["def"]),
    ],
)
def test_a_run_of_ids_comes_in_pieces(span: tuple[int, int, int], cut: list[str], uncut: list[str]) -> None:
    items = Items()
    items.add(typed("abc"))
    items.add(typed("def", clock=3))
    assert [item.content for item in items.within(span)] == uncut
    assert items.size == 2, "looking splits nothing"
    assert [item.content for item in items.pieces(span)] == cut


def test_the_tail_of_an_item_is_linked_to_nothing() -> None:
    whole = typed("abcd")
    whole.left = whole.right = typed("beside")
    rest = tail(whole, 1)
    assert (rest.id, rest.size, rest.content, rest.origin, rest.born) == ((5, 1), 3, "bcd", (5, 0), 3)
    assert rest.left is rest.right is None
    assert (whole.size, whole.content) == (4, "abcd")
    deleted = tail(Item(5, 0, 4, DELETED, None), 3)
    assert (deleted.size, deleted.content, deleted.origin) == (1, None, (5, 2))
    assert tail(Item(5, 0, 4, GC, None), 3).origin is None, "it stands behind nothing"
