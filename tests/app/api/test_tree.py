"""A plan as one reader may see it: what they view, and the way there."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.api.tree import Rights, TreeNode, visible
from domain.rights import RIGHTS
from projections import plan

IDS = [UUID(int=n) for n in range(1, 9)]


def a_node(number: int, *children: plan.TreeNode) -> plan.TreeNode:
    asset = plan.AssetRow(
        id=UUID(int=100 + number),
        kind="link",
        title="Costs",
        document=None,
        url="https://example.org/",
        enabled=True,
        own_enabled=True,
    )
    return plan.TreeNode(
        id=UUID(int=number),
        kind="task",
        parent=None,
        title=f"Node {number}",
        description="Secret",
        status="awaiting",
        progress=0,
        enabled=True,
        own_enabled=True,
        assets=[asset],
        children=list(children),
    )


def tree() -> list[plan.TreeNode]:
    """1 (2 (3, 4), 5), 6 (7), 8."""
    return [a_node(1, a_node(2, a_node(3), a_node(4)), a_node(5)), a_node(6, a_node(7)), a_node(8)]


ABOVE = {2: 1, 3: 2, 4: 2, 5: 1, 7: 6}


def flat(nodes: list[TreeNode]) -> Iterator[TreeNode]:
    for node in nodes:
        yield node
        yield from flat(node.children)


def shape(nodes: list[TreeNode]) -> list[object]:
    return [(node.id.int, shape(node.children)) if node.children else node.id.int for node in nodes]


def test_what_is_viewed_is_shown_with_the_way_there_and_nothing_beside_it() -> None:
    shown = visible(tree(), {UUID(int=3): frozenset({"view"}), UUID(int=8): frozenset({"view", "edit"})})
    assert shape(shown) == [(1, [(2, [3])]), 8]
    by_id = {node.id.int: node for node in flat(shown)}
    for number in (1, 2):
        on_the_way = by_id[number]
        assert on_the_way.title == f"Node {number}"
        assert (on_the_way.description, on_the_way.assets, on_the_way.rights) == ("", [], [])
    assert by_id[3].description == "Secret"
    assert [asset.title for asset in by_id[3].assets] == ["Costs"]


def test_another_right_without_the_one_to_view_shows_nothing() -> None:
    assert visible(tree(), {UUID(int=3): frozenset({"edit", "comment"})}) == []


def test_who_has_no_rights_sees_nothing() -> None:
    assert visible(tree(), {}) == []


def test_rights_are_told_in_the_order_in_which_they_grow() -> None:
    [shown] = visible([a_node(1)], {IDS[0]: frozenset(reversed(RIGHTS))})
    assert shown.rights == list(RIGHTS)


@given(st.dictionaries(st.sampled_from(IDS), st.frozensets(st.sampled_from(RIGHTS))))
def test_nothing_is_told_of_what_may_not_be_viewed_but_that_it_is_on_the_way(rights: Rights) -> None:
    viewed = {id.int for id, held in rights.items() if "view" in held}
    on_the_way = set(viewed)
    for number in viewed:
        above = ABOVE.get(number)
        while above is not None:
            on_the_way.add(above)
            above = ABOVE.get(above)
    shown = list(flat(visible(tree(), rights)))
    assert {node.id.int for node in shown} == on_the_way
    for node in shown:
        assert (node.description == "Secret") == bool(node.assets) == (node.id.int in viewed)
