"""What of one process a reader may see and do. Rights come from app/authorization.py alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from app.pages.page import Page
from domain.errors import NotFound
from domain.rights import Right
from projections import activity, plan, processes
from projections.activity import ActivityRow
from projections.plan import TreeNode
from projections.processes import ProcessRow

_NO_RIGHTS: frozenset[Right] = frozenset()


@dataclass(frozen=True)
class Scope:
    """One process as its reader knows it. `whole` tells whether they may view all of it."""

    process: ProcessRow
    rights: frozenset[Right]
    whole: bool
    by_node: dict[UUID, frozenset[Right]]

    @property
    def here(self) -> str:
        """The path of the process's pages."""
        return f"/processes/{self.process.id}"

    def may(self, right: Right, node: UUID | None = None) -> bool:
        """Whether the reader holds a right on the process, or on a node of it."""
        return right in (self.rights if node is None else self.by_node.get(node, _NO_RIGHTS))

    def visible(self, nodes: Iterable[TreeNode]) -> list[TreeNode]:
        """Of these nodes what the reader may view, and what leads there: its title only."""
        found = [self._shown(node) for node in nodes]
        return [node for node in found if node.children or self.may("view", node.id)]

    def _shown(self, node: TreeNode) -> TreeNode:
        children = self.visible(node.children)
        if self.may("view", node.id):
            return replace(node, children=children)
        return replace(node, children=children, description="", assets=[])

    def tells(self, row: ActivityRow) -> bool:
        """Whether the reader may learn of this: of what lies outside their nodes only with the whole."""
        return self.whole or (row.node is not None and self.may("view", row.node))


async def open_scope(page: Page) -> Scope:
    """The process in the path; raises NotFound if the reader may not know of it."""
    process = page.id("process")
    authorization = page.system.authorization
    await authorization.require(page.person, "view", process)
    row = await processes.one(page.system.pool, process)
    if row is None:
        raise NotFound("no such process")
    return Scope(
        process=row,
        rights=await authorization.rights(page.person, process),
        whole=await authorization.sees_whole(page.person, process),
        by_node=await authorization.rights_by_node(page.person, process),
    )


async def visible_tree(page: Page, scope: Scope, *, disabled: bool = False) -> list[TreeNode]:
    """The plan as far as the reader may see it."""
    return scope.visible(await plan.tree(page.system.pool, scope.process.id, disabled=disabled))


def flat(nodes: Iterable[TreeNode], depth: int = 0) -> Iterator[tuple[int, TreeNode]]:
    """Every part of a plan in its order, with how deep it stands."""
    for node in nodes:
        yield depth, node
        yield from flat(node.children, depth + 1)


def titles(nodes: Iterable[TreeNode]) -> dict[UUID, str]:
    """What the parts of a plan are called, by id."""
    return {node.id: node.title for _, node in flat(nodes)}


async def visible_activity(
    page: Page, scope: Scope, *, before: str | None = None, limit: int
) -> tuple[list[ActivityRow], str | None]:
    """What happened, as far as the reader may learn of it, and where older news begin."""
    found = await activity.of_process(page.system.pool, scope.process.id, before=before, limit=limit)
    return [row for row in found.items if scope.tells(row)], found.next
