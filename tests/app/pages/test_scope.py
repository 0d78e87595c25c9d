"""What one reader may see of a plan and of what happened, by the rights they hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.pages.scope import Scope, flat, titles
from domain.rights import Right
from projections.activity import ActivityRow
from projections.plan import TreeNode

VIEW = frozenset[Right]({"view"})


def a_node(number: int, *children: TreeNode) -> TreeNode:
    """A node with a description and an asset."""
    return TreeNode(
        UUID(int=number), "phase", None, f"Title {number}", "Words", "awaiting", 0, True, True,
        [cast(Any, "asset")], list(children),
    )  # fmt: skip


def a_scope(*seen: int, whole: bool = False) -> Scope:
    """Of somebody who may view these nodes."""
    by_node = {UUID(int=number): VIEW for number in seen}
    return Scope(cast(Any, None), VIEW if whole else frozenset(), whole, by_node)


PLAN = [a_node(1, a_node(2, a_node(3), a_node(4)), a_node(5)), a_node(6)]
NUMBERS = st.frozensets(st.integers(1, 6))


def shown(scope: Scope) -> dict[int, bool]:
    """The nodes that are seen, and whether with what they hold."""
    return {node.id.int: bool(node.description) for _, node in flat(scope.visible(PLAN))}


def test_what_leads_to_a_visible_node_is_a_title_only() -> None:
    assert shown(a_scope(3)) == {1: False, 2: False, 3: True}
    assert shown(a_scope(2)) == {1: False, 2: True}
    assert shown(a_scope()) == {}
    [top] = a_scope(5).visible(PLAN)
    assert (top.title, top.description, top.assets) == ("Title 1", "", [])
    assert [len(child.assets) for child in top.children] == [1]
    assert PLAN[0].description == "Words", "the plan itself is as it was"


@given(NUMBERS)
def test_nothing_is_told_of_what_is_not_seen_and_nothing_seen_is_missing(seen: frozenset[int]) -> None:
    found = shown(a_scope(*seen))
    assert {number for number, told in found.items() if told} == seen
    above = {1: {2, 3, 4, 5}, 2: {3, 4}}
    assert set(found) == seen | {number for number, below in above.items() if below & seen}


def test_rights_are_those_of_the_process_or_of_the_node() -> None:
    scope = a_scope(3, whole=True)
    assert scope.may("view")
    assert not scope.may("edit")
    assert scope.may("view", UUID(int=3))
    assert not scope.may("edit", UUID(int=3))
    assert not scope.may("view", UUID(int=4)), "what holds everywhere is listed with each node"
    assert not a_scope(3).may("view")


def test_what_happened_outside_one_s_nodes_is_told_to_who_sees_the_whole() -> None:
    def happened(node: int | None) -> ActivityRow:
        of = None if node is None else UUID(int=node)
        at = datetime.now(UTC)
        return ActivityRow(1, at, None, "x", UUID(int=9), "P", of, None, None, None, None, {})

    rows = [happened(node) for node in (3, 4, None)]
    assert [a_scope(3).tells(row) for row in rows] == [True, False, False]
    assert [a_scope(whole=True).tells(row) for row in rows] == [True, True, True]
    some = replace(a_scope(3, whole=True), whole=False)  # sees the process, and a node of it
    assert [some.tells(row) for row in rows] == [True, False, False]


def test_a_plan_is_told_in_its_order_with_its_depth() -> None:
    assert [(depth, node.id.int) for depth, node in flat(PLAN)] == [
        (0, 1), (1, 2), (2, 3), (2, 4), (1, 5), (0, 6),
    ]  # fmt: skip
    assert titles(PLAN) == {UUID(int=n): f"Title {n}" for n in range(1, 7)}
