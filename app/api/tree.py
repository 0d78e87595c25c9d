"""A plan as it is sent: what the reader may view, and the way there.

Who holds rights on some nodes only gets those, and of the nodes above them what leads there:
their titles, without descriptions and assets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.api.writing import Output
from domain.asset import Kind as AssetKind
from domain.plan import Kind, Status
from domain.rights import RIGHTS, Right
from projections import plan

Rights = Mapping[UUID, frozenset[Right]]


class AssetShown(Output):
    """A document or link. `enabled` asks its own switch and the node; `own_enabled` its own only."""

    id: UUID
    kind: AssetKind
    title: str
    document: UUID | None
    url: str | None
    enabled: bool
    own_enabled: bool


class TreeNode(Output):
    """A node with what is below it; `progress` is 0 to 100, derived for all but tasks like `status`.

    `enabled` asks its own switch and all above; `own_enabled` its own only. `rights` are the reader's.
    """

    id: UUID
    kind: Kind
    parent: UUID | None
    title: str
    description: str
    status: Status
    progress: int
    enabled: bool
    own_enabled: bool
    rights: list[Right]
    assets: list[AssetShown]
    children: list[TreeNode]


class Step(Output):
    """One node on the way down to another."""

    id: UUID
    kind: Kind
    title: str


def visible(nodes: list[plan.TreeNode], rights: Rights) -> list[TreeNode]:
    """Of these nodes and all below, what may be viewed or leads there."""
    shown = (TreeNode(**of_node(node, rights)) for node in nodes)
    return [node for node in shown if "view" in node.rights or node.children]


def of_node(node: plan.TreeNode, rights: Rights) -> dict[str, Any]:
    """The members of a TreeNode."""
    held = rights.get(node.id, frozenset())
    may_view = "view" in held
    return {
        "id": node.id,
        "kind": node.kind,
        "parent": node.parent,
        "title": node.title,
        "description": node.description if may_view else "",
        "status": node.status,
        "progress": node.progress,
        "enabled": node.enabled,
        "own_enabled": node.own_enabled,
        "rights": [right for right in RIGHTS if right in held],
        "assets": [AssetShown.model_validate(asset) for asset in node.assets] if may_view else [],
        "children": visible(node.children, rights),
    }
