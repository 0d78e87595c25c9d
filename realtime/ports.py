"""What live documents need from outside: sockets, a durable store, and (with several nodes) a bus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may enter a document, as found at the door. `name` and `colour` are shown to others.

    `read_only`: this connection may never write, whatever rights its person gets. `expires`: when
    what was shown at the door does; None: not by itself. `asked`: what `Hub.expect` gave before
    rights were read. `credential` names what was shown, if that
    may be ended.
    """

    document: UUID
    person: UUID
    session: UUID
    name: str
    colour: str
    may_edit: bool
    format: str
    read_only: bool = False
    expires: datetime | None = None
    asked: int = 0
    credential: UUID | None = None


class SocketClosed(Exception):
    """The other side is gone."""


class Socket(Protocol):
    """One accepted websocket that carries binary messages."""

    async def receive(self) -> bytes:
        """The next message; raises SocketClosed."""
        ...

    def send_now(self, data: bytes) -> bool:
        """Hand a message over if that needs no waiting; False: use `send`. Never raises."""
        ...

    async def send(self, data: bytes) -> None:
        """Send when the reader has room again; raises SocketClosed."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with a code; never raises."""
        ...


class PushSocket(Socket, Protocol):
    """A socket that can hand over messages at once, without waking a task for each."""

    def attach(self, offer: Callable[[bytes], bool]) -> None:
        """Offer each message to this first, in order; one that it declines comes through `receive`.

        Nothing is offered while a declined message waits there.
        """
        ...


@dataclass(slots=True)
class Entry:
    """One accepted update on its way into the journal.

    `claims` are client ids that nobody owned in this document until now.
    """

    document: UUID
    person: UUID
    session: UUID
    received_at: datetime
    update: bytes
    inserted: int
    deleted: int
    claims: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A journal row: a committed update that is not sealed yet."""

    id: int
    person: UUID
    received_at: datetime
    update: bytes
    inserted: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Burst:
    """What one person did in a row, as it is to stand in the log; `rows` are the journal rows it replaces."""

    person: UUID
    began: datetime
    ended: datetime
    edits: int
    inserted: int
    deleted: int
    update: bytes
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything committed of a document: a state, what was sealed after it, what is not sealed yet.

    `through` is the log position up to which `snapshot` holds everything (0: there is none), `head`
    that of the last burst. Parts may overlap: applying an update twice changes nothing.
    """

    snapshot: bytes | None
    through: int
    head: int
    bursts: Sequence[bytes]
    rows: Sequence[Row]
    clients: Mapping[int, UUID]
    vector: bytes | None = None  # the snapshot's state vector
    epoch: int = 0  # counts how often text was redacted from the document


@dataclass(frozen=True, slots=True)
class Sealed:
    """A burst as it stands in the log."""

    position: int
    person: UUID | None
    update: bytes


@dataclass(frozen=True, slots=True)
class Past:
    """All that was ever delivered to a document, in order: what is sealed, then what is not yet.

    Without the bursts at the positions in `aside`, which can't be read. A row sealed meanwhile may be
    in both.
    """

    bursts: Sequence[Sealed]
    rows: Sequence[Row]
    aside: frozenset[int]


@dataclass(frozen=True, slots=True)
class Tail:
    """What came to a document: each update with the person whose it is, what it leans on before it.

    `head` is the log position of the last burst among them (or the one that was asked from), `rows`
    has the last row id of each node.
    """

    updates: Sequence[tuple[UUID | None, bytes]]
    head: int
    rows: Mapping[UUID, int]


@dataclass(frozen=True, slots=True)
class Ends:
    """How far documents are in the store, as of log position `position`.

    `bursts`: where the last burst stands, of the documents that got one; `rows`: the last unsealed
    row of each node.
    """

    position: int
    bursts: Mapping[UUID, int]
    rows: Mapping[UUID, Mapping[UUID, int]]


class Moved(Exception):
    """Journal rows to be sealed are not there any more: another process sealed them."""


class Rejected(Exception):
    """The store can't hold these entries, now or ever; nothing was stored."""


class DocumentStore(Protocol):
    """Keeps what people write. Any exception other than those named means: not now, try again."""

    async def load(self, document: UUID, *, snapshot: bool = True) -> Stored:
        """Everything committed of a document; an unknown one is empty.

        Without `snapshot`, from its first burst on: a snapshot is a cache, and may be bad.
        """
        ...

    async def past(self, document: UUID, *, after: int = 0) -> Past:
        """What was delivered to a document after a log position, and is not sealed yet."""
        ...

    def bursts(self, document: UUID, *, after: int, through: int) -> AsyncIterator[Sequence[Sealed]]:
        """The bursts after a log position up to another, ascending, in pages, but what is set aside."""
        ...

    async def append(self, origin: UUID, sequence: int, entries: Sequence[Entry]) -> Sequence[int | None]:
        """Commit entries durably, all or none; returns their row ids, ascending.

        None stands for an entry refused because a client id it claims is another person's, or because
        it came after such a one in the same document.
        (origin, sequence + i) names entry i: appending the same again stores nothing twice.
        Raises Rejected.
        """
        ...

    def sealing(
        self, document: UUID, through: Mapping[UUID, int] | None
    ) -> AbstractAsyncContextManager[Sequence[Row] | None]:
        """Unsealed rows, ascending, under a lock on the document's sealing; None: another holds it.

        Of each person in `through` those up to the given id; None: all rows of the document.
        """
        ...

    async def seal(self, document: UUID, bursts: Sequence[Burst]) -> None:
        """Turn rows into `document.edited` events, each with its rows' removal in one transaction.

        Repeating it after a lost acknowledgement stores nothing twice. Raises Moved.
        """
        ...

    async def save_snapshot(
        self, document: UUID, through: int, state: bytes, vector: bytes, *, epoch: int = 0
    ) -> None:
        """Keep `state`, which holds exactly the bursts up to position `through`, with its state vector.

        Made of what was loaded in this epoch: if text was redacted since, nothing is kept.
        """
        ...

    async def since(self, document: UUID, head: int, rows: Mapping[UUID, int], *, but: UUID) -> Tail:
        """What was sealed after a log position, and unsealed rows after those given of each node.

        Without the unsealed rows of one node (`but`): it knows them.
        """
        ...

    async def ends(self, documents: Collection[UUID], after: int, *, but: UUID) -> Ends:
        """How far documents are, by bursts after a log position, and rows of all nodes but one."""
        ...

    async def unsealed(self, before: datetime) -> Collection[UUID]:
        """Documents with rows received before a moment."""
        ...

    async def close(self) -> None:
        """Give back what it holds on to."""
        ...


class Bus(Protocol):
    """Carries hints between nodes; may lose, double and reorder them, and be away.

    `node` names this process among all; the journal's rows from here bear it as their origin.
    """

    node: UUID

    @property
    def up(self) -> bool:
        """Whether messages get through, as far as is known."""
        ...

    def publish(self, document: UUID, data: bytes) -> None:
        """Tell the other nodes. Never waits, never raises."""
        ...

    def subscribe(
        self, document: UUID, heard: Callable[[UUID, bytes], None], subscribed: Callable[[], None]
    ) -> None:
        """Call `heard` with a node and what it publishes about a document; replaces an earlier one.

        `subscribed` is called each time when that has begun: what was published before may be missed.
        """
        ...

    def unsubscribe(self, document: UUID) -> None:
        """Stop calling."""
        ...
