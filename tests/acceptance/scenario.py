"""A scenario of commands and live editing on one process, and what was recorded of it as it happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID, uuid4

from app.door import Visitor, admission
from app.past.states import digest, plain
from app.system import System
from domain.asset import Asset
from domain.document import Document
from domain.plan import KINDS, PARENT_KIND, STATUSES, Plan
from domain.process import Process
from domain.rights import RIGHTS
from projections import access, activity, documents, plan
from projections.ports import Session
from tests.app.api.conftest import Somebody
from tests.realtime.peers import Peer

WORDS = ("Rīga ", "perché ", "año\n", "😀 ", "x")
READ = (plan.VIEW, access.VIEW, activity.VIEW, documents.VIEW)


@dataclass(frozen=True)
class Moment:
    """What was there right after the event at a position.

    `aggregates`: version and digest of each stream; `tree`: as the API gave it; `rows`: what queries on
    the live views gave; `texts`: of each document as the writers' clients had it.
    """

    position: int
    time: str
    aggregates: dict[UUID, tuple[int, str]]
    tree: Any
    rows: str
    texts: dict[str, str]


async def rows(c: Session, process: UUID) -> str:
    """What the views tell of a process, whether of now or of an earlier moment."""
    written = await documents.of_process(c, process)
    found: list[Any] = [await plan.tree(c, process, disabled=True), await access.grants(c, process)]
    found += [written, (await activity.of_process(c, process, limit=500)).items]
    for document in sorted(row.id for row in written):
        found += (await documents.history(c, document)).items
        found += (await documents.versions(c, document)).items
    return repr(found)


class LiveDocument:
    """A live document and the clients that have it open."""

    def __init__(self, system: System, id: str) -> None:
        self.id = id
        self.text = ""  # as of the last burst in the log
        self.peers: list[Peer] = []
        self._system = system

    async def enter(self, person: UUID) -> None:
        """Somebody opens it."""
        admitted = await admission(self._system, Visitor(person, may_write=True), UUID(self.id))
        self.peers.append(Peer(self._system.hub, admitted))
        await self.peers[-1].synced.wait()

    @property
    def _texts(self) -> set[str]:
        return {str(peer.text) for peer in self.peers}

    async def edit(self, random: Random) -> None:
        """Somebody inserts or deletes something, and everybody sees it."""
        peer = random.choice(self.peers)
        before = str(peer.text)
        at, end = sorted(len(before[: random.randrange(len(before) + 1)].encode()) for _ in "ab")
        if at < end and random.random() < 0.4:
            del peer.text[at:end]
        else:
            peer.text.insert(at, random.choice(WORDS))
        await peer.until(lambda: len(self._texts) == 1)

    async def seal(self) -> None:
        """Put what was written into the log."""
        unsealed = "SELECT count(*) FROM document_updates WHERE document_id = $1"
        while await self._system.pool.fetchval(unsealed, UUID(self.id)):
            await self._system.hub.seal(UUID(self.id))
        await self.peers[0].until(lambda: len(self._texts) == 1)
        [self.text] = self._texts


class Scenario:
    """Random commands over the API and edits of two documents by three clients each."""

    def __init__(self, system: System, ana: Somebody, seed: int) -> None:
        self.system = system
        self.ana = ana
        self.process = ""
        self.documents: list[LiveDocument] = []
        self.moments: dict[int, Moment] = {}
        self._random = Random(seed)
        self._people: list[UUID] = []
        self._nodes: dict[str, str] = {}  # ids with their kinds
        self._assets: list[str] = []
        self._grants: list[str] = []
        self._versions: list[tuple[LiveDocument, str]] = []

    async def play(self, people: list[UUID], moments: int) -> None:
        """Go on until so many moments are recorded."""
        self._people = people
        self.process = await self.ana.a_process()
        made = await self.ana.a_task(self.process)
        self._nodes = dict(zip(made, KINDS, strict=True))
        for person in people[1:]:
            body = {"grantee": {"person": str(person)}, "rights": ["edit"]}
            await self.ana.post(f"/api/v1/processes/{self.process}/permissions", body)
        for _ in range(2):
            asset = await self.ana.a_document(made[2])
            self._assets.append(asset["id"])
            self.documents.append(LiveDocument(self.system, asset["document"]))
            for person in people:
                await self.documents[-1].enter(person)
        acts: list[Callable[[], Awaitable[Any]]] = [self._command, self._edit, self._edit, self._edit]
        while len(self.moments) < moments:
            await self._random.choice(acts)()
            await self._record()
        for document in self.documents:
            for peer in document.peers:
                await peer.leave()

    async def _edit(self) -> None:
        document = self._random.choice(self.documents)
        for _ in range(self._random.randint(1, 4)):
            await document.edit(self._random)
        if self._random.random() < 0.8:
            await document.seal()

    async def _command(self) -> None:
        acts = [self._add, self._rename, self._move, self._status, self._switch, self._link, self._grant]
        await self._random.choice([*acts, self._revoke, self._describe, self._version, self._bring_back])()

    async def _try(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What the domain refuses is not done."""
        sent = {} if body is None else {"json": body}
        answer = await self.ana.client.request(method, f"/api/v1{path}", **sent)
        assert answer.status_code in (200, 201, 204, 404, 409, 422), answer.text
        return answer.json() if answer.is_success and answer.content else {}

    def _node(self, kind: str | None = None) -> str:
        return self._random.choice([id for id, of in self._nodes.items() if kind in (None, of)])

    async def _add(self) -> None:
        kind = self._random.choice(KINDS)
        parent = PARENT_KIND[kind]
        body = {"kind": kind, "title": self._title(), "parent": self._node(parent) if parent else None}
        if made := await self._try("POST", f"/processes/{self.process}/nodes", body):
            self._nodes[made["id"]] = kind

    async def _rename(self) -> None:
        await self._try("PATCH", f"/nodes/{self._node()}", {"title": self._title(), "description": "D"})

    async def _move(self) -> None:
        node = self._node()
        parent = PARENT_KIND[self._nodes[node]]  # type: ignore[index]
        await self._try("POST", f"/nodes/{node}/move", {"parent": self._node(parent) if parent else None})

    async def _status(self) -> None:
        await self._try(
            "POST", f"/nodes/{self._node('task')}/status", {"status": self._random.choice(STATUSES)}
        )

    async def _switch(self) -> None:
        """Nothing that holds an open document."""
        things = [f"/nodes/{node}" for node in list(self._nodes)[3:]]
        things += [f"/assets/{asset}" for asset in self._assets[2:]]
        thing = self._random.choice(things or [f"/nodes/{uuid4()}"])
        await self._try("POST", f"{thing}/{self._random.choice(['disable', 'restore', 'restore'])}")

    async def _link(self) -> None:
        body = {"kind": "link", "title": self._title(), "url": "https://example.org/"}
        if made := await self._try("POST", f"/nodes/{self._node('task')}/assets", body):
            self._assets.append(made["id"])

    async def _grant(self) -> None:
        rights = self._random.sample(RIGHTS, 2)
        grantee = {"person": str(self._random.choice(self._people[1:]))}
        body = {"grantee": grantee, "rights": rights, "node": self._random.choice([None, self._node()])}
        if made := await self._try("POST", f"/processes/{self.process}/permissions", body):
            self._grants.append(made["id"])

    async def _revoke(self) -> None:
        if self._grants:
            await self._try("DELETE", f"/permissions/{self._grants.pop()}")

    async def _describe(self) -> None:
        await self._try("PATCH", f"/processes/{self.process}", {"title": self._title()})

    async def _version(self) -> None:
        document = self._random.choice(self.documents)
        made = await self._try("POST", f"/documents/{document.id}/versions", {"name": self._title()})
        if made:
            await document.seal()
            self._versions.append((document, made["id"]))

    async def _bring_back(self) -> None:
        if self._versions:
            document, version = self._random.choice(self._versions)
            await self._try("POST", f"/documents/{document.id}/versions/{version}/restore")
            await document.seal()

    def _title(self) -> str:
        return f"{self._random.choice(WORDS).strip()} {self._random.randrange(100)}"

    async def _record(self) -> None:
        system, process = self.system, UUID(self.process)
        head = await system.log.head()
        await system.views.wait_all(head, 60)
        streams: list[tuple[type[Any], UUID]] = [(Process, process), (Plan, Plan.create_id(process))]
        streams += [(Asset, UUID(asset)) for asset in self._assets]
        streams += [(Document, UUID(document.id)) for document in self.documents]
        loaded = [await system.repository.load(cls, id) for cls, id in streams]
        tree = await self.ana.get(f"/api/v1/processes/{process}/tree")
        found = Moment(
            position=head,
            time=(await system.log.read(after=head - 1, limit=1))[0].recorded_at.isoformat(),
            aggregates={one.id: (one.version, digest(plain(one))) for one in loaded},
            tree=tree,
            rows=await rows(system.pool, process),
            texts={document.id: document.text for document in self.documents},
        )
        assert await system.log.head() == head, "nothing else goes on"
        self.moments[head] = found
