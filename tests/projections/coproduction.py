"""People at work: random but valid commands on the domain's aggregates, appended to a log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from domain.asset import Asset
from domain.catalogue import EVENTS
from domain.document import Document
from domain.errors import DomainError
from domain.person import Person
from domain.plan import KINDS, PARENT_KIND, STATUSES, Plan
from domain.ports import Appended, Context, EventLog
from domain.process import Process
from domain.rights import RIGHTS

TITLES = ("Rīgas karte", "Perché", "Año 100%", "under_score", "Straße", "Plan", "Ελλάδα")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Coproduction:
    """Some processes with their plans, assets and documents. The same seed gives the same story."""

    def __init__(self, log: EventLog, seed: int) -> None:
        self.log = log
        self.random = Random(seed)
        self.people = [self.id() for _ in range(5)]
        self.processes: list[Process] = []
        self.plans: dict[UUID, Plan] = {}
        self.assets: list[Asset] = []
        self.documents: list[Document] = []

    def id(self) -> UUID:
        """An id that nothing else has."""
        return UUID(int=self.random.getrandbits(128), version=4)

    async def append(self, process: UUID | None, *aggregates: Any, actor: UUID | None = None) -> Appended:
        """Store what these aggregates have to tell, together."""
        events = [EVENTS.encode(e, process=process) for a in aggregates for e in a.collect_events()]
        return await self.log.append(events, Context(actor=actor or self.random.choice(self.people)))

    async def work(self, steps: int) -> None:
        """Do that many random things; what the domain refuses is not done."""
        for _ in range(steps):
            await self.step()

    async def step(self) -> None:
        """Do one random thing."""
        acts = [self.grant, self.revoke, self.describe, self.add_node, self.add_node, self.change_node]
        acts += [self.change_node, self.add_asset, self.change_asset, self.edit, self.edit, self.register]
        acts += [self.name_version, self.bring_back]
        try:
            if not self.processes or self.random.random() < 0.03:
                await self.start()
            else:
                await self.random.choice(acts)()
        except DomainError:
            pass

    async def start(self, title: str | None = None, administrator: UUID | None = None) -> Process:
        """A process with an empty plan."""
        who = administrator or self.random.choice(self.people)
        process = Process.start(
            id=self.id(),
            title=title or self.title(),
            description="",
            language=self.random.choice(["lv", "it", "es", "en-GB"]),
            administrator=who,
            permission=self.id(),
        )
        plan = Plan.open(process.id)
        await self.append(process.id, process, plan, actor=who)
        self.processes.append(process)
        self.plans[process.id] = plan
        return process

    async def register(self) -> None:
        """Somebody new, in no process."""
        await self.append(None, Person.register(self.id()))

    async def grant(self) -> None:
        process = self.random.choice(self.processes)
        nodes = [None, None, *self.plans[process.id].nodes]
        process.grant(
            permission=self.id(),
            grantee=self.random.choice(self.people),
            rights=self.random.sample(RIGHTS, 2),
            grantee_kind=self.random.choice(["person", "person", "team"]),  # type: ignore[arg-type]
            node=self.random.choice(nodes),
        )
        await self.append(process.id, process)

    async def revoke(self) -> None:
        process = self.random.choice(self.processes)
        process.revoke(self.random.choice(list(process.grants)))
        await self.append(process.id, process)

    async def describe(self) -> None:
        process = self.random.choice(self.processes)
        process.describe(title=self.title(), description=self.title())
        await self.append(process.id, process)

    async def add_node(self) -> None:
        process = self.random.choice(self.processes)
        plan = self.plans[process.id]
        kind = self.random.choice(KINDS)
        parents = [n.id for n in plan.nodes.values() if n.kind == PARENT_KIND[kind]]
        parent = self.random.choice(parents) if parents else None
        plan.add(node=self.id(), kind=kind, title=self.title(), parent=parent)
        await self.append(process.id, plan)

    async def change_node(self) -> None:
        process = self.random.choice(self.processes)
        plan = self.plans[process.id]
        if not plan.nodes:
            return
        node = self.random.choice(list(plan.nodes))
        for _ in range(self.random.randint(1, 3)):  # several events in one append
            self._change(plan, node)
        await self.append(process.id, plan)

    def _change(self, plan: Plan, node: UUID) -> None:
        match self.random.randrange(6):
            case 0:
                plan.rename(node, self.title())
            case 1:
                plan.describe(node, self.random.choice(["", self.title()]))
            case 2:
                wanted = PARENT_KIND[plan.find(node).kind]
                parents = [n.id for n in plan.nodes.values() if n.kind == wanted]
                parent = self.random.choice(parents) if parents else None
                siblings = [None, *(n.id for n in plan.children(parent) if n.id != node)]
                plan.move(node, parent=parent, before=self.random.choice(siblings))
            case 3 if plan.find(node).kind == "task" and plan.is_enabled(node):
                plan.set_status(node, self.random.choice(STATUSES))
            case 4:
                plan.disable(node)
            case _:
                plan.restore(node)

    async def add_asset(self) -> None:
        process = self.random.choice(self.processes)
        nodes = list(self.plans[process.id].nodes)
        if nodes:
            await self.put_asset(process.id, self.random.choice(nodes))

    async def put_asset(self, process: UUID, node: UUID, title: str | None = None) -> Asset:
        """A link or, more often, a document under a node."""
        is_link = title is None and self.random.random() < 0.3
        asset = Asset.create(
            id=self.id(),
            process=process,
            node=node,
            kind="link" if is_link else "document",
            title=title or self.title(),
            document=None if is_link else self.id(),
            url="https://example.org/" if is_link else None,
        )
        made: list[Any] = [asset]
        if asset.document is not None:
            made.append(
                Document.create(
                    id=asset.document, process=process, asset=asset.id, format="richtext", language="lv"
                )
            )
            self.documents.append(made[1])
        await self.append(process, *made)
        self.assets.append(asset)
        return asset

    async def change_asset(self) -> None:
        if self.assets:
            asset = self.random.choice(self.assets)
            self.random.choice([lambda: asset.rename(self.title()), asset.disable, asset.restore])()
            await self.append(asset.process, asset)

    async def edit(self) -> None:
        if self.documents:
            minute = self.random.choice([self.random.randrange(240), len(self.documents)])
            await self.burst(self.random.choice(self.documents), self.random.choice(self.people), minute)

    async def name_version(self) -> None:
        if self.documents:
            document = self.random.choice(self.documents)
            document.trigger_event(
                Document.VersionNamed, version=self.id(), name=self.title(), reason="", through=1
            )
            await self.append(document.process, document, actor=self.random.choice(self.people))

    async def bring_back(self) -> None:
        if self.documents:
            document = self.random.choice(self.documents)
            document.trigger_event(Document.Restored, through=1, version=None)
            await self.append(document.process, document, actor=self.random.choice(self.people))

    async def burst(
        self, document: Document, author: UUID, minute: float, *, lasting: float = 1, edits: int = 3
    ) -> Appended:
        """A burst that began `minute` minutes after noon and lasted `lasting`."""
        began = NOON + timedelta(minutes=minute)
        document.trigger_event(
            Document.Edited,
            began=began,
            ended=began + timedelta(minutes=lasting),
            edits=edits,
            inserted=edits * 7,
            deleted=edits,
            update=b"update",
        )
        return await self.append(document.process, document, actor=author)

    def title(self) -> str:
        """Something that could be a title."""
        return f"{self.random.choice(TITLES)} {self.random.randrange(100)}"
