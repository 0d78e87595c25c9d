"""Under which right something was done: what its actor's grants said right before it.

Rights are not written into events; the process, whose grants are what its people agreed on, tells them as
of any position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from app.past.aggregates import PastState
from domain.asset import Asset
from domain.catalogue import EVENTS
from domain.document import Document
from domain.errors import NotFound
from domain.plan import Plan
from domain.ports import RecordedEvent
from domain.process import Process
from domain.rights import Grant, Right, deciding, effective

if TYPE_CHECKING:
    from app.system import System

NEEDED: Mapping[str, Right] = MappingProxyType(
    {
        Process.Described.TOPIC: "manage",
        Process.RightGranted.TOPIC: "administer",
        Process.RightRevoked.TOPIC: "administer",
        Process.KeepingDecided.TOPIC: "administer",
        Plan.NodeAdded.TOPIC: "manage",
        Plan.NodeRenamed.TOPIC: "manage",
        Plan.NodeDescribed.TOPIC: "manage",
        Plan.NodeMoved.TOPIC: "manage",
        Plan.TaskStatusSet.TOPIC: "manage",
        Plan.NodeDisabled.TOPIC: "manage",
        Plan.NodeRestored.TOPIC: "manage",
        Asset.Created.TOPIC: "edit",
        Asset.Renamed.TOPIC: "edit",
        Asset.Disabled.TOPIC: "delete",
        Asset.Restored.TOPIC: "delete",
        Document.Created.TOPIC: "edit",
        Document.Edited.TOPIC: "edit",
        Document.VersionNamed.TOPIC: "edit",
        Document.Restored.TOPIC: "edit",
    }
)
"""The right that commands ask for before such an event. Those not listed ask for none."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What stood behind an event when it was done, at log position `as_of`.

    `needed` is the right that it takes, on `node` and all above it (None: on the process); `held` are the
    actor's rights there, out of these `grants`. `agreement` is the process as it was, with version and
    position of its last event.
    """

    needed: Right
    node: UUID | None
    held: frozenset[Right]
    grants: tuple[Grant, ...]
    as_of: int
    agreement: PastState


async def grounds_of(system: System, event: RecordedEvent) -> Grounds | None:
    """Under which right an event was done; None if it takes none, such as starting a process.

    An edit is judged as of when it was made, which is earlier than when its burst came into the log.
    """
    needed = NEEDED.get(event.type)
    if needed is None or event.actor is None or event.process is None:
        return None
    as_of = event.position - 1
    if event.type == Document.Edited.TOPIC:
        ended = datetime.fromisoformat(EVENTS.payload(event)["ended"])
        as_of = min(as_of, await system.log.position_at(ended))
    node = await _node(system, event)
    try:
        agreement = await system.past.aggregates.at(event.process, as_of)
        path = await _path(system, event.process, node, as_of)
    except NotFound:
        return None
    process = agreement.aggregate
    assert isinstance(process, Process)
    grants = list(process.grants.values())
    if not grants:  # whoever starts a process gives its first right
        return None
    return Grounds(
        needed=needed,
        node=node,
        held=effective(grants, [event.actor], path),
        grants=tuple(deciding(grants, [event.actor], path)),
        as_of=as_of,
        agreement=agreement,
    )


async def _node(system: System, event: RecordedEvent) -> UUID | None:
    """The node on which the right is needed; raises NotFound."""
    subject = event.type.partition(".")[0]
    if subject == "plan":
        payload = EVENTS.payload(event)
        named = payload["parent" if event.type == Plan.NodeAdded.TOPIC else "node"]
        return None if named is None else UUID(named)
    if subject == "document":
        return await system.repository.node_of(Document, event.stream)
    return await system.repository.node_of(Asset, event.stream) if subject == "asset" else None


async def _path(system: System, process: UUID, node: UUID | None, position: int) -> tuple[UUID, ...]:
    """From the phase down to a node, as it was; raises NotFound."""
    if node is None:
        return ()
    plan = (await system.past.aggregates.at(Plan.create_id(process), position)).aggregate
    assert isinstance(plan, Plan)
    return plan.path(node)
