"""The demo: one believable process for each pilot, in its own language, made through the real commands.

Planting twice changes nothing: every command id follows from the thing's place in app/demo/*.json.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from app.commands import Done, asset, plan, process
from app.system import System
from domain.plan import Kind
from domain.ports import Context
from realtime import crdt, protocol
from realtime.ports import Admission, SocketClosed

SCRIPTS = Path(__file__).with_name("demo")
NAMESPACE = uuid5(NAMESPACE_URL, "urn:interlink:demo")


async def seed(system: System) -> int:
    """Make the demo processes that are missing; returns how many were. The views have them by then."""
    made = 0
    head = await system.log.head()
    for path in sorted(SCRIPTS.glob("*.json")):
        position = await _Planting(system, path).run()
        made += position > head
        head = max(head, position)
    await system.views.wait_all(head, timeout=60)
    return made


def demo_people() -> Iterator[dict[str, str]]:
    """Name, e-mail and language of everyone in the demo, for the sign-in page."""
    for path in sorted(SCRIPTS.glob("*.json")):
        script = json.loads(path.read_text())
        for person in script["people"]:
            yield {"name": person["name"], "email": person["email"], "language": script["language"]}


class _Planting:
    """One script being turned into commands."""

    def __init__(self, system: System, path: Path) -> None:
        self._system = system
        self._script: dict[str, Any] = json.loads(path.read_text())
        self._name = path.stem
        self._people: dict[str, UUID] = {}
        self._steps = 0

    async def run(self) -> int:
        """Do all commands; returns the log position of the last one."""
        script, system = self._script, self._system
        for person in script["people"]:
            profile = await system.people.register(
                None, email=person["email"], name=person["name"], language=script["language"]
            )
            self._people[person["key"]] = profile.person
        started = await process.start(
            system,
            self._next(),
            title=script["title"],
            description=script["description"],
            language=script["language"],
        )
        for person in script["people"][1:]:
            await process.grant(
                system,
                self._next(),
                process=started.id,
                grantee=self._people[person["key"]],
                rights=person["rights"],
            )
        last = started
        for phase in script["plan"]:
            last = await self._node(started.id, None, "phase", phase)
        return last.position

    def _next(self, key: str | None = None) -> Context:
        """The context of the next command, by the first person of the script unless said otherwise."""
        self._steps += 1
        actor = self._people[key or self._script["people"][0]["key"]]
        return Context(actor=actor, command_id=uuid5(NAMESPACE, f"{self._name}/{self._steps}"))

    async def _node(self, of: UUID, parent: UUID | None, kind: Kind, node: dict[str, Any]) -> Done:
        last = added = await plan.add_node(
            self._system, self._next(), process=of, kind=kind, title=node["title"], parent=parent
        )
        for objective in node.get("objectives", ()):
            last = await self._node(of, added.id, "objective", objective)
        for task in node.get("tasks", ()):
            last = await self._node(of, added.id, "task", task)
        for item in node.get("assets", ()):
            last = await self._asset(added.id, node["by"], item)
        if "status" in node:
            last = await plan.set_status(self._system, self._next(), node=added.id, status=node["status"])
        return last

    async def _asset(self, task: UUID, author: str, item: dict[str, Any]) -> Done:
        done = await asset.create(
            self._system,
            self._next(author),
            node=task,
            kind="link" if "url" in item else "document",
            title=item["title"],
            url=item.get("url"),
        )
        if done.document is not None:
            await self._write(done.document, self._people[author], item["blocks"])
        return done

    async def _write(self, document: UUID, author: UUID, blocks: list[list[Any]]) -> None:
        """Type the text as its author would, into a document that is still empty."""
        if crdt.text_of(await self._system.hub.read(document), "richtext"):
            return
        profile = await self._system.people.get(author)
        admission = Admission(
            document=document,
            person=author,
            session=uuid4(),
            name=profile.name,
            colour=profile.colour,
            may_edit=True,
            format="richtext",
        )
        await self._system.hub.serve(_Typist(crdt.compose(_prosemirror(blocks))), admission)


class _Typist:
    """A socket whose other end sends one update and leaves when it is acknowledged."""

    def __init__(self, update: bytes) -> None:
        self._frames = [protocol.update(update)]
        self._saved = asyncio.Event()

    async def receive(self) -> bytes:
        if self._frames:
            return self._frames.pop()
        await self._saved.wait()
        raise SocketClosed

    def send_now(self, data: bytes) -> bool:
        message = protocol.parse(data, len(data))
        if isinstance(message, protocol.Edit):
            self._saved.set()
        return True

    async def send(self, data: bytes) -> None:
        self.send_now(data)

    async def close(self, code: int, reason: str) -> None:
        self._saved.set()


def _prosemirror(blocks: list[list[Any]]) -> dict[str, Any]:
    """The script's short notation as a document of the editor."""
    return {"type": "doc", "content": [_block(kind, content) for kind, content in blocks]}


def _block(kind: str, content: Any) -> dict[str, Any]:
    if kind == "bullets":
        items = [{"type": "listItem", "content": [_block("paragraph", item)]} for item in content]
        return {"type": "bulletList", "content": items}
    text = [{"type": "text", "text": content}]
    if kind == "paragraph":
        return {"type": "paragraph", "content": text}
    level = {"heading": 1, "subheading": 2}[kind]
    return {"type": "heading", "attrs": {"level": level}, "content": text}
