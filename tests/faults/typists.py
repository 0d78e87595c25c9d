"""People who type in one process, and remember what the server showed them and took from them."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pycrdt

from realtime.wire import read_bytes
from tests.faults.nodes import Node
from tests.realtime.peers import Peer, admission

TOKEN = re.compile(r"§\d{8}")


class _Watched(Peer):
    """A connection whose every frame from the server also goes to a second document."""

    shown: pycrdt.Doc[Any]

    def _arrived(self, frame: bytes) -> None:
        if frame[:2] in (b"\x00\x01", b"\x00\x02"):
            self.shown.apply_update(read_bytes(frame, 2)[0])
        super()._arrived(frame)


class Typist:
    """A person with one client that reconnects, keeping its document.

    `shown` holds only what came from the server: what others wrote as it was shown, and what this
    person wrote once it was echoed, which tells that it is saved.
    """

    def __init__(self, document: UUID, number: int, chance: random.Random, client: int | None = None) -> None:
        self.document = document
        self.person = uuid4()
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client)
        self.shown: pycrdt.Doc[Any] = pycrdt.Doc()
        self.text = self.doc.get("content", type=pycrdt.Text)
        self.typed = 0
        self.deleted: set[str] = set()
        self.node: Node | None = None
        self.peer: _Watched | None = None
        self.peers: list[_Watched] = []
        self.deletes = True  # now and then
        self._number = number
        self._chance = chance
        self._shown_text = self.shown.get("content", type=pycrdt.Text)

    def connect(self, node: Node, *, expires: datetime | None = None) -> None:
        """Open a connection, as y-websocket does: with what it has."""
        self.node = node
        peer = _Watched.__new__(_Watched)
        peer.shown = self.shown
        admitted = replace(admission(self.document, self.person), expires=expires)
        peer.__init__(node.hub, admitted, doc=self.doc)  # type: ignore[misc]
        node.watch(peer.pipe)
        self.peer = peer
        self.peers.append(peer)

    @property
    def connected(self) -> bool:
        return self.peer is not None and self.peer.pipe.closed is None and not self.peer.task.done()

    @property
    def synced(self) -> bool:
        """Whether the server has answered with what it has."""
        return self.connected and self.peer is not None and self.peer.synced.is_set()

    @property
    def closed_with(self) -> int | None:
        """The code with which the server ended the connection, if it did."""
        return self.peer.pipe.closed[0] if self.peer is not None and self.peer.pipe.closed else None

    def disconnect(self) -> None:
        """Lose the connection."""
        if self.peer is not None:
            self.peer.doc.unobserve(self.peer._subscription)
            self.peer.pipe.arrived = lambda frame: None
            self.peer.pipe.closed = self.peer.pipe.closed or (1006, "")
            self.peer.pipe.inbound.put_nowait(None)
            self.peer = None

    def press(self) -> None:
        """Insert a token somewhere, or now and then delete an own one."""
        own = [match for match in TOKEN.findall(str(self.text)) if match[1:3] == f"{self._number:02}"]
        if self.deletes and own and self._chance.random() < 0.1:
            token = self._chance.choice(own)
            at = str(self.text).index(token)
            self.deleted.add(token)
            del self.text[len(str(self.text)[:at].encode()) : len(str(self.text)[: at + 9].encode())]
            return
        token = f"§{self._number:02}{self.typed:06}"
        self.typed += 1
        places = len(TOKEN.findall(str(self.text)))
        at = self._chance.randint(0, places) * len("§00000000".encode())
        self.text.insert(at, token)

    def seen(self) -> set[str]:
        """The tokens that the server showed or echoed."""
        return set(TOKEN.findall(str(self._shown_text)))

    def own(self) -> set[str]:
        """The tokens that this person typed."""
        return {f"§{self._number:02}{number:06}" for number in range(self.typed)}

    def has(self) -> str:
        """The text as this client has it."""
        return str(self.text)


def doubled(text: str) -> list[str]:
    """Tokens that are there more than once."""
    return [token for token, count in Counter(TOKEN.findall(text)).items() if count > 1]


def text_of(state: bytes) -> str:
    """The text of an update that holds everything."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(state)
    return str(doc.get("content", type=pycrdt.Text))
