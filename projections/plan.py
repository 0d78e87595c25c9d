"""The view `plan`: phases, objectives and tasks with their assets.

It stores facts only. Status and progress of what lies above the tasks follow from them at read
time, by the domain's own rule (`domain.plan.rollup`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from domain.asset import Kind as AssetKind
from domain.plan import Kind, Node, Rollup, Status, in_order, rollup, summary
from domain.ports import RecordedEvent
from projections.ports import Change, Connection, Statement, View, overlay, process_of

DDL = """
CREATE TABLE view_plan_nodes (
    id uuid PRIMARY KEY,
    process uuid NOT NULL,
    kind text NOT NULL,
    parent uuid,
    title text NOT NULL,
    description text NOT NULL,
    sort text COLLATE "C" NOT NULL,
    status text NOT NULL,
    enabled boolean NOT NULL
);
CREATE INDEX view_plan_nodes_process ON view_plan_nodes (process);
CREATE INDEX view_plan_nodes_parent ON view_plan_nodes (parent);
CREATE TABLE view_plan_assets (
    id uuid PRIMARY KEY,
    process uuid NOT NULL,
    node uuid NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    document uuid,
    url text,
    enabled boolean NOT NULL
);
CREATE INDEX view_plan_assets_process ON view_plan_assets (process, position);
"""

ADD_NODE = Statement(
    "view_plan_nodes",
    "INSERT INTO view_plan_nodes (id, process, kind, parent, title, description, sort, status, enabled) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, 'awaiting', true)",
)
# None means "as it was": only phases have no parent, and they never get one.
CHANGE_NODE = Statement(
    "view_plan_nodes",
    "UPDATE view_plan_nodes SET title = coalesce($2, title), description = coalesce($3, description), "
    "parent = coalesce($4, parent), sort = coalesce($5, sort), status = coalesce($6, status), "
    "enabled = coalesce($7, enabled) WHERE id = $1",
    merge=overlay,
)
ADD_ASSET = Statement(
    "view_plan_assets",
    "INSERT INTO view_plan_assets (id, process, node, position, kind, title, document, url, enabled) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, true)",
)
CHANGE_ASSET = Statement(
    "view_plan_assets",
    "UPDATE view_plan_assets SET title = coalesce($2, title), enabled = coalesce($3, enabled) WHERE id = $1",
    merge=overlay,
)

_ENABLED = {"disabled": False, "restored": True}


def apply(event: RecordedEvent, payload: Mapping[str, Any]) -> list[Change]:
    """What a plan or asset event changes."""
    subject, _, fact = event.type.partition(".")
    return [_of_asset(event, fact, payload) if subject == "asset" else _of_node(event, fact, payload)]


def _of_node(event: RecordedEvent, fact: str, payload: Mapping[str, Any]) -> Change:
    if fact == "node_added":
        facts = (payload[name] for name in ("kind", "parent", "title", "description", "order"))
        return Change(ADD_NODE, (payload["node"], process_of(event), *facts))
    told = [payload.get(name) for name in ("title", "description", "parent", "order", "status")]
    return Change(CHANGE_NODE, (payload["node"], *told, _ENABLED.get(fact.removeprefix("node_"))))


def _of_asset(event: RecordedEvent, fact: str, payload: Mapping[str, Any]) -> Change:
    id = str(event.stream)
    if fact == "created":
        facts = (payload[name] for name in ("kind", "title", "document", "url"))
        return Change(ADD_ASSET, (id, process_of(event), payload["node"], event.position, *facts))
    return Change(CHANGE_ASSET, (id, payload.get("title"), _ENABLED.get(fact)))


VIEW = View(
    name="plan",
    ddl=DDL,
    tables=("view_plan_nodes", "view_plan_assets"),
    types=frozenset(
        f"plan.{fact}"
        for fact in (
            "node_added",
            "node_renamed",
            "node_described",
            "node_moved",
            "task_status_set",
            "node_disabled",
            "node_restored",
        )
    )
    | {"asset.created", "asset.renamed", "asset.disabled", "asset.restored"},
    apply=apply,
)


@dataclass(frozen=True, slots=True)
class AssetRow:
    """An asset of a node. `enabled` asks its own switch and the node; `own_enabled` its own only."""

    id: UUID
    kind: AssetKind
    title: str
    document: UUID | None
    url: str | None
    enabled: bool
    own_enabled: bool


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A node with what is below it. `enabled` asks its own switch and all above; `own_enabled` its own.

    `status` and `progress` (0 to 100) are derived for everything but tasks.
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
    assets: list[AssetRow]
    children: list[TreeNode]


class Step(NamedTuple):
    """One node on the way down to another."""

    id: UUID
    kind: Kind
    title: str


@dataclass(frozen=True, slots=True)
class NodeRow(TreeNode):
    """A node with its process and the way to it, from its phase down to its parent."""

    process: UUID
    path: list[Step]


class Totals(NamedTuple):
    """What a whole plan comes to, over its enabled nodes."""

    tasks: int
    finished_tasks: int
    progress: int


_NODES = "SELECT * FROM view_plan_nodes WHERE process = $1"
_PROCESS = "SELECT process FROM view_plan_nodes WHERE id = $1"
_ASSETS = "SELECT * FROM view_plan_assets WHERE process = $1 ORDER BY position"
_BARE = """
SELECT process, id, kind, parent, status, enabled FROM view_plan_nodes WHERE process = ANY ($1::uuid[])
"""


async def tree(c: Connection, process: UUID, *, disabled: bool = False) -> list[TreeNode]:
    """The phases of a process with all below, in order; disabled nodes and assets only if asked for."""
    nodes = await _nodes(c, process)
    return _Shown(nodes, await c.fetch(_ASSETS, process), disabled).below(None, True)


async def node(c: Connection, node: UUID) -> NodeRow | None:
    """One node with everything below it, disabled or not; None if the view knows none of this id."""
    process = await c.fetchval(_PROCESS, node)
    if process is None:
        return None
    nodes = await _nodes(c, process)
    by_id = {n.id: n for n in nodes}
    found = by_id[node]
    above: list[Node] = []
    while found.parent is not None:
        found = by_id[found.parent]
        above.insert(0, found)
    shown = _Shown(nodes, await c.fetch(_ASSETS, process), True)
    facts = shown.facts(by_id[node], all(n.enabled for n in above))
    return NodeRow(**facts, process=process, path=[Step(n.id, n.kind, n.title) for n in above])


async def totals(c: Connection, processes: Sequence[UUID]) -> dict[UUID, Totals]:
    """Counts and progress of each of these processes' plans."""
    nodes: dict[UUID, list[Node]] = {process: [] for process in processes}
    for row in await c.fetch(_BARE, processes):
        nodes[row["process"]].append(_node(row, title="", description="", sort=""))
    return {process: _totals(found) for process, found in nodes.items()}


def _totals(nodes: list[Node]) -> Totals:
    rollups = rollup(nodes)
    by_id = {n.id: n for n in nodes}

    def counts(n: Node) -> bool:
        return n.enabled and (n.parent is None or counts(by_id[n.parent]))

    tasks = [n for n in nodes if n.kind == "task" and counts(n)]
    phases = [rollups[n.id] for n in nodes if n.parent is None and n.enabled]
    return Totals(len(tasks), sum(n.status == "finished" for n in tasks), summary(phases).progress)


async def _nodes(c: Connection, process: UUID) -> list[Node]:
    return [
        _node(row, row["title"], row["description"], row["sort"]) for row in await c.fetch(_NODES, process)
    ]


def _node(row: Any, title: str, description: str, sort: str) -> Node:
    return Node(
        row["id"], row["kind"], row["parent"], title, description, sort, row["status"], row["enabled"]
    )


class _Shown:
    """Nodes and assets of one process on their way to nested rows."""

    def __init__(self, nodes: Sequence[Node], assets: Iterable[Any], disabled: bool) -> None:
        self._disabled = disabled
        self._rollups: dict[UUID, Rollup] = rollup(nodes)
        self._children: dict[UUID | None, list[Node]] = {}
        for n in in_order(nodes):
            self._children.setdefault(n.parent, []).append(n)
        self._assets: dict[UUID, list[Any]] = {}
        for row in assets:
            self._assets.setdefault(row["node"], []).append(row)

    def below(self, parent: UUID | None, enabled: bool) -> list[TreeNode]:
        """The children of a node that is or is not enabled itself."""
        found = self._children.get(parent, ())
        return [TreeNode(**self.facts(n, enabled)) for n in found if self._disabled or n.enabled]

    def facts(self, n: Node, above: bool) -> dict[str, Any]:
        """The fields of a TreeNode; `above` tells whether all above it is enabled."""
        enabled = above and n.enabled
        return {
            "id": n.id,
            "kind": n.kind,
            "parent": n.parent,
            "title": n.title,
            "description": n.description,
            "status": self._rollups[n.id].status,
            "progress": self._rollups[n.id].progress,
            "enabled": enabled,
            "own_enabled": n.enabled,
            "assets": [
                _asset(row, enabled) for row in self._assets.get(n.id, ()) if self._disabled or row["enabled"]
            ],
            "children": self.below(n.id, enabled),
        }


def _asset(row: Any, node_enabled: bool) -> AssetRow:
    return AssetRow(
        row["id"],
        row["kind"],
        row["title"],
        row["document"],
        row["url"],
        node_enabled and row["enabled"],
        row["enabled"],
    )
