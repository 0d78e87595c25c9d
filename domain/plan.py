"""The plan of a process: phases hold objectives, objectives hold tasks.

Status is set on tasks only; the status and progress of everything above follow from them
(`rollup`). Nodes are disabled and restored, never erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args
from uuid import UUID, uuid5

from eventsourcing.domain import Aggregate

from domain import order, text
from domain.errors import Conflict, Invalid, NotFound

Kind = Literal["phase", "objective", "task"]
Status = Literal["awaiting", "in_progress", "finished"]

KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)
PARENT_KIND: dict[str, str | None] = {"phase": None, "objective": "phase", "task": "objective"}
NODE_LIMIT = 5_000


@dataclass(frozen=True, slots=True)
class Node:
    """One phase, objective or task. `enabled` is its own switch: see `Plan.is_enabled`."""

    id: UUID
    kind: Kind
    parent: UUID | None
    title: str
    description: str
    order: str
    status: Status = "awaiting"
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Rollup:
    """What a node shows: its own or derived status, and progress from 0 to 100."""

    status: Status
    progress: int


class Plan(Aggregate):
    """The tree of one process; its id follows from the process's."""

    class Opened(Aggregate.Created):
        """An empty plan for a process."""

        TOPIC = "plan.opened"
        process: UUID

    class NodeAdded(Aggregate.Event):
        """A phase, objective or task was added."""

        TOPIC = "plan.node_added"
        TAGGED = ("node",)
        node: UUID
        kind: Kind
        parent: UUID | None
        title: str
        description: str
        order: str

        def apply(self, aggregate: Plan) -> None:
            aggregate.nodes[self.node] = Node(
                self.node, self.kind, self.parent, self.title, self.description, self.order
            )

    class NodeRenamed(Aggregate.Event):
        """A node has a new title."""

        TOPIC = "plan.node_renamed"
        node: UUID
        title: str

        def apply(self, aggregate: Plan) -> None:
            aggregate._change(self.node, title=self.title)

    class NodeDescribed(Aggregate.Event):
        """A node has a new description."""

        TOPIC = "plan.node_described"
        node: UUID
        description: str

        def apply(self, aggregate: Plan) -> None:
            aggregate._change(self.node, description=self.description)

    class NodeMoved(Aggregate.Event):
        """A node stands elsewhere among its siblings, or under another parent."""

        TOPIC = "plan.node_moved"
        node: UUID
        parent: UUID | None
        order: str

        def apply(self, aggregate: Plan) -> None:
            aggregate._change(self.node, parent=self.parent, order=self.order)

    class TaskStatusSet(Aggregate.Event):
        """A task awaits, is in progress, or is finished."""

        TOPIC = "plan.task_status_set"
        node: UUID
        status: Status

        def apply(self, aggregate: Plan) -> None:
            aggregate._change(self.node, status=self.status)

    class NodeDisabled(Aggregate.Event):
        """A node, and all below it, no longer counts."""

        TOPIC = "plan.node_disabled"
        node: UUID

        def apply(self, aggregate: Plan) -> None:
            aggregate._change(self.node, enabled=False)

    class NodeRestored(Aggregate.Event):
        """A disabled node counts again."""

        TOPIC = "plan.node_restored"
        node: UUID

        def apply(self, aggregate: Plan) -> None:
            aggregate._change(self.node, enabled=True)

    def __init__(self, process: UUID) -> None:
        self.process = process
        self.nodes: dict[UUID, Node] = {}

    @staticmethod
    def create_id(process: UUID) -> UUID:
        """The id of a process's plan."""
        return uuid5(process, "plan")

    @classmethod
    def open(cls, process: UUID) -> Plan:
        """An empty plan."""
        return cls._create(cls.Opened, process=process)

    def add(
        self,
        *,
        node: UUID,
        kind: Kind,
        title: str,
        parent: UUID | None = None,
        description: str = "",
        before: UUID | None = None,
    ) -> None:
        """Add a node as the last child of `parent`, or just before the sibling `before`.

        Raises Invalid (kind and parent do not fit, too many nodes), NotFound, Conflict (parent disabled).
        """
        if kind not in KINDS:
            raise Invalid(f"a node is one of {', '.join(KINDS)}", code="kind_unknown", field="kind")
        if node in self.nodes:
            raise Conflict("this node exists already", code="node_exists")
        if len(self.nodes) >= NODE_LIMIT:
            raise Invalid(f"a plan holds at most {NODE_LIMIT} nodes", code="plan_full")
        self._check_parent(kind, parent)
        self.trigger_event(
            self.NodeAdded,
            node=node,
            kind=kind,
            parent=parent,
            title=text.title(title),
            description=text.text(description),
            order=self._order(parent, before),
        )

    def rename(self, node: UUID, title: str) -> None:
        """Give a node another title."""
        found, title = self.find(node), text.title(title)
        if found.title != title:
            self.trigger_event(self.NodeRenamed, node=node, title=title)

    def describe(self, node: UUID, description: str) -> None:
        """Give a node another description."""
        found, description = self.find(node), text.text(description)
        if found.description != description:
            self.trigger_event(self.NodeDescribed, node=node, description=description)

    def move(self, node: UUID, *, parent: UUID | None, before: UUID | None = None) -> None:
        """Put a node under `parent`, last or just before the sibling `before`."""
        found = self.find(node)
        if before == node:
            raise Invalid("a node cannot stand before itself", code="before_itself", field="before")
        self._check_parent(found.kind, parent)
        siblings = [n.id for n in self.children(parent)]
        following = siblings[siblings.index(node) + 1 :] if node in siblings else None
        if following is not None and (following[0] if following else None) == before:
            return
        self.trigger_event(self.NodeMoved, node=node, parent=parent, order=self._order(parent, before))

    def set_status(self, node: UUID, status: Status) -> None:
        """Set a task's status; raises Invalid for anything but a task, Conflict if it is disabled."""
        if status not in STATUSES:
            raise Invalid(f"a status is one of {', '.join(STATUSES)}", code="status_unknown", field="status")
        found = self.find(node)
        if found.kind != "task":
            raise Invalid("only a task has a status of its own", code="status_derived")
        self.check_enabled(node)
        if found.status != status:
            self.trigger_event(self.TaskStatusSet, node=node, status=status)

    def begin(self, node: UUID) -> None:
        """Work on a task has begun: an awaiting one is now in progress; nothing else changes."""
        found = self.find(node)
        if found.kind == "task" and found.status == "awaiting":
            self.set_status(node, "in_progress")

    def disable(self, node: UUID) -> None:
        """Take a node, and with it all below, out of the plan. It can be restored."""
        if self.find(node).enabled:
            self.trigger_event(self.NodeDisabled, node=node)

    def restore(self, node: UUID) -> None:
        """Bring a disabled node back."""
        if not self.find(node).enabled:
            self.trigger_event(self.NodeRestored, node=node)

    def find(self, node: UUID) -> Node:
        """The node; raises NotFound."""
        try:
            return self.nodes[node]
        except KeyError:
            raise NotFound("no such node in this plan") from None

    def children(self, parent: UUID | None) -> list[Node]:
        """The children of a node (None: the phases), in order, disabled ones too."""
        return in_order(n for n in self.nodes.values() if n.parent == parent)

    def path(self, node: UUID) -> tuple[UUID, ...]:
        """From the phase down to the node itself."""
        found = self.find(node)
        return (*self.path(found.parent), node) if found.parent else (node,)

    def is_enabled(self, node: UUID) -> bool:
        """Whether the node and everything above it is enabled."""
        return all(self.nodes[step].enabled for step in self.path(node))

    def check_enabled(self, node: UUID) -> None:
        """Raises Conflict if the node, or something above it, is disabled."""
        if not self.is_enabled(node):
            raise Conflict("this part of the plan is disabled", code="node_disabled")

    def _check_parent(self, kind: Kind, parent: UUID | None) -> None:
        wanted = PARENT_KIND[kind]
        found = None if parent is None else self.find(parent).kind
        if found != wanted:
            raise Invalid(
                f"a {kind} belongs under {wanted or 'the process itself'}",
                code="parent_unfit",
                field="parent",
            )
        if parent is not None:
            self.check_enabled(parent)

    def _order(self, parent: UUID | None, before: UUID | None) -> str:
        siblings = self.children(parent)
        if before is None:
            return order.between(siblings[-1].order if siblings else None, None)
        ids = [n.id for n in siblings]
        if before not in ids:
            raise Invalid("that is not a sibling here", code="before_unknown", field="before")
        index = ids.index(before)
        return order.between(siblings[index - 1].order if index else None, siblings[index].order)

    def _change(self, node: UUID, **changes: object) -> None:
        self.nodes[node] = replace(self.nodes[node], **changes)  # type: ignore[arg-type]


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Siblings as they are shown."""
    return sorted(nodes, key=lambda n: (n.order, n.id.bytes))


def rollup(nodes: Sequence[Node]) -> dict[UUID, Rollup]:
    """Status and progress of every node of a plan, from the tasks upwards.

    All enabled children finished: finished; all awaiting, or none: awaiting; else in progress.
    Progress of a parent is ⌊(finished + in_progress/2)·100/n⌋ over its enabled children.
    """
    below: dict[UUID | None, list[Node]] = {}
    for node in nodes:
        below.setdefault(node.parent, []).append(node)
    result: dict[UUID, Rollup] = {}
    for kind in reversed(KINDS):
        for node in nodes:
            if node.kind == kind:
                inside = [result[child.id] for child in below.get(node.id, ()) if child.enabled]
                result[node.id] = _of_task(node.status) if kind == "task" else summary(inside)
    return result


def summary(children: Sequence[Rollup]) -> Rollup:
    """What a parent of these enabled children shows."""
    statuses = [child.status for child in children]
    if not statuses or all(status == "awaiting" for status in statuses):
        return Rollup("awaiting", 0)
    if all(status == "finished" for status in statuses):
        return Rollup("finished", 100)
    halves = 2 * statuses.count("finished") + statuses.count("in_progress")
    return Rollup("in_progress", halves * 100 // (2 * len(statuses)))


def _of_task(status: Status) -> Rollup:
    return Rollup(status, {"awaiting": 0, "in_progress": 50, "finished": 100}[status])
