"""Several people who write one document at once, each on a replica of their own, and a log of bursts."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

import pycrdt

from realtime import crdt

WORDS = ["a", "bc", "def ", "žāē", "😀", "x😀y", "\n"]
TAGS = ["paragraph", "heading", "bulletList", "listItem"]
MARKS = ["bold", "italic"]


@dataclass
class Burst:
    """What one person delivered at once."""

    person: UUID
    update: bytes


class Writers:
    """`people` replicas of a document in one format; what they deliver becomes `log`, in causal order."""

    def __init__(self, random: Random, format: str, people: int = 3) -> None:
        self.random = random
        self.format = format
        self.server: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
        self.docs: list[pycrdt.Doc[Any]] = [pycrdt.Doc(client_id=10 + i) for i in range(people)]
        self.people = [UUID(int=10 + i) for i in range(people)]
        self.log: list[Burst] = []

    def write(self, turns: int) -> None:
        """Everybody writes and delivers as it comes; in the end all is delivered."""
        for _ in range(turns):
            who = self.random.randrange(len(self.docs))
            if self.random.random() < 0.3:
                self.deliver(who)
            else:
                self.edit(self.docs[who])
        for who in range(len(self.docs)):
            self.deliver(who)

    def deliver(self, who: int) -> None:
        """One person's replica and the server's become one."""
        doc = self.docs[who]
        news = doc.get_update(self.server.get_state())
        before = self.server.get_state(), self.server.get_update()
        self.server.apply_update(news)
        if (self.server.get_state(), self.server.get_update()) != before:
            self.log.append(Burst(self.people[who], news))
        doc.apply_update(self.server.get_update(doc.get_state()))

    def edit(self, doc: pycrdt.Doc[Any]) -> None:
        """One random edit."""
        if self.format == "text":
            self._edit_text(doc.get("content", type=pycrdt.Text))
        else:
            with doc.transaction():
                self._edit_children(doc.get("content", type=pycrdt.XmlFragment), 0)

    def _edit_text(self, shared: Any) -> None:
        pick = self.random
        text = "".join(value for value, _ in shared.diff() if isinstance(value, str))
        at, other = self._boundary(text, pick.random()), self._boundary(text, pick.random())
        start, end = min(at, other), max(at, other)
        chance = pick.random()
        if start == end or chance < 0.6:
            shared.insert(at, pick.choice(WORDS))
        elif chance < 0.8:
            most = min(end, start + 40)
            del shared[start : max(size for size in self._boundaries(text) if size <= most)]
        else:
            shared.format(start, end, {pick.choice(MARKS): pick.choice([True, None, {"n": 1}])})

    def _boundary(self, text: str, share: float) -> int:
        return len(text[: int(share * (len(text) + 1))].encode())

    def _boundaries(self, text: str) -> list[int]:
        return [len(text[:i].encode()) for i in range(len(text) + 1)]

    def _edit_children(self, parent: Any, depth: int) -> None:
        pick = self.random
        children = list(parent.children)
        at = pick.randrange(len(children) + 1)
        if not children or pick.random() < 0.2:
            self._insert(parent, at, depth)
        elif pick.random() < 0.12:
            del parent.children[pick.randrange(len(children))]
        else:
            child = pick.choice(children)
            if isinstance(child, pycrdt.XmlText):
                self._edit_text(child)
            elif pick.random() < 0.1:
                child.attributes[pick.choice(["level", "lang"])] = pick.choice(["1", "2", "lv"])
            else:
                self._edit_children(child, depth + 1)

    def _insert(self, parent: Any, at: int, depth: int) -> None:
        if depth and self.random.random() < 0.6:
            parent.children.insert(at, pycrdt.XmlText(self.random.choice(WORDS)))
        else:
            tag = self.random.choice(TAGS) if depth < 3 else "hardBreak"
            parent.children.insert(at, pycrdt.XmlElement(tag, {"level": "1"} if tag == "heading" else {}))


def state_of(bursts: list[Burst]) -> bytes:
    """What the engine makes of bursts, nothing deleted forgotten."""
    replica = crdt.Replica(keep_deleted=True)
    for burst in bursts:
        replica.apply(burst.update)
    return replica.state()
