"""Who may do what: the one place of authorisation for HTTP, sockets and streams.

Rights are computed from the aggregates, as new as the log; never from views, which may lag.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from app.repository import Repository
from domain.asset import Asset
from domain.document import Document
from domain.errors import Forbidden, NotFound
from domain.plan import Plan
from domain.process import Process
from domain.rights import Right, effective, sees_any

CHANGES = frozenset({Process.RightGranted.TOPIC, Process.RightRevoked.TOPIC, Plan.NodeMoved.TOPIC})
"""The types of the events after which somebody may do more or less than before."""


@dataclass(frozen=True, slots=True)
class DocumentAccess:
    """Where a document stands and what one person may do with it.

    `enabled` is False when its asset, or the part of the plan that the asset is in, is disabled.
    """

    document: UUID
    asset: UUID
    process: UUID
    node: UUID
    title: str
    format: str
    language: str
    enabled: bool
    rights: frozenset[Right]


class Authorization:
    """Answers for one person at a time; None is somebody who has not signed in."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def rights(self, person: UUID | None, process: UUID, node: UUID | None = None) -> frozenset[Right]:
        """What the person may do with the process, or with one node; empty if anything is unknown.

        Whoever may view any node may view the process: they have to get there. What else they may
        do with the process as a whole comes from grants on the process alone.
        """
        if person is None:
            return frozenset()
        try:
            grants = (await self._repository.load(Process, process)).grants.values()
            path = () if node is None else (await self._plan(process)).path(node)
        except NotFound:
            return frozenset()
        held = effective(grants, [person], path)
        return held | {"view"} if node is None and sees_any(grants, [person]) else held

    async def rights_by_node(self, person: UUID | None, process: UUID) -> dict[UUID, frozenset[Right]]:
        """What the person may do with each node of the process; nodes without any right are left out."""
        if person is None:
            return {}
        try:
            grants = (await self._repository.load(Process, process)).grants.values()
            plan = await self._plan(process)
        except NotFound:
            return {}
        held = {node: effective(grants, [person], plan.path(node)) for node in plan.nodes}
        return {node: rights for node, rights in held.items() if rights}

    async def sees_whole(self, person: UUID | None, process: UUID) -> bool:
        """Whether the person may view the process as a whole, not merely to get to some nodes of it."""
        if person is None:
            return False
        try:
            grants = (await self._repository.load(Process, process)).grants.values()
        except NotFound:
            return False
        return "view" in effective(grants, [person])

    async def require(
        self, person: UUID | None, right: Right, process: UUID, node: UUID | None = None
    ) -> None:
        """Return if the person holds `right` on the process or node.

        Raises NotFound if they may not even view it (or it does not exist), else Forbidden.
        """
        held = await self.rights(person, process, node)
        if "view" not in held:
            raise NotFound("no such process" if node is None else "no such node")
        if right not in held:
            raise Forbidden(f"this needs the right to {right}")

    async def document(self, person: UUID | None, document: UUID) -> DocumentAccess:
        """Where the document stands and what the person may do; raises NotFound if not even view."""
        found = await self._repository.created(Document, document)
        asset = await self._repository.load(Asset, found.asset)
        plan, process = await asyncio.gather(
            self._plan(asset.process), self._repository.load(Process, asset.process)
        )
        path = plan.path(asset.node)
        rights = frozenset() if person is None else effective(process.grants.values(), [person], path)
        if "view" not in rights:
            raise NotFound("no such document")
        return DocumentAccess(
            document=document,
            asset=asset.id,
            process=asset.process,
            node=asset.node,
            title=asset.title,
            format=found.format,
            language=found.language,
            enabled=asset.enabled and plan.is_enabled(asset.node),
            rights=rights,
        )

    async def _plan(self, process: UUID) -> Plan:
        return await self._repository.load(Plan, Plan.create_id(process))
