"""Reads documents from the log and the journal piece by piece, and sets aside what can't be read.

Nothing is deleted: a piece set aside stays where it is and is passed over by loading and sealing, so
that the rest of the document works again, until it is released.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.database.postgres import Pool
from app.documents.postgres import EDITED, ROWS, SET_ASIDE, SNAPSHOT, snapshot_digest
from domain.document import Document
from domain.errors import NotFound
from domain.ports import EventFilter, EventLog, RecordedEvent
from realtime import crdt
from realtime.crdt import EngineError
from realtime.ids import IdSet
from realtime.replay import replay
from realtime.update import walk
from realtime.wire import Malformed

ASIDE = "SELECT count(*) FROM document_set_aside WHERE document_id = $1"
PUT_ASIDE = """
INSERT INTO document_set_aside (document_id, row_id, position, reason) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
RELEASE = "DELETE FROM document_set_aside WHERE document_id = $1"
DROP_SNAPSHOTS = "DELETE FROM document_snapshots WHERE document_id = $1"
CREATED = EventFilter(types=(Document.Created.TOPIC,))
_PAGE = 500  # events
_TRIES = 50  # pieces that the engine fails on though each is well-formed


@dataclass(frozen=True, slots=True)
class Piece:
    """One update of a document: a row of the journal, or the event at a position of the log."""

    update: bytes
    row: int | None = None
    position: int | None = None

    def __str__(self) -> str:
        return f"journal row {self.row}" if self.row is not None else f"event {self.position}"


@dataclass(slots=True)
class Report:
    """What was found of a document. `bad`: pieces that can't be read, and why; `aside`: set aside already.

    `snapshot` says what is wrong with it, if anything; `whole`: nothing leans on what is not there.
    """

    document: UUID
    events: int = 0
    rows: int = 0
    size: int = 0
    aside: int = 0
    bad: list[tuple[Piece, str]] = field(default_factory=list)
    snapshot: str | None = None
    whole: bool = True

    @property
    def ok(self) -> bool:
        """Whether the document loads, with all that is not set aside."""
        return not self.bad and self.snapshot is None and self.whole

    def lines(self) -> list[str]:
        """For people: a line for the document, and one for each thing wrong."""
        counts = f"{self.events:,} events, {self.rows:,} unsealed updates, {self.size:,} bytes"
        aside = f", {self.aside} set aside" if self.aside else ""
        lines = [f"{self.document} {'ok' if self.ok else 'BAD'}  {counts}{aside}"]
        lines += [f"  {piece}: {reason}" for piece, reason in self.bad]
        if self.snapshot:
            lines.append(f"  snapshot: {self.snapshot}")
        if not self.whole:
            lines.append("  some updates lean on others that are not there; their text is left out")
        return lines


class Checkup:
    """Checks documents on a database. Works with the server running or not."""

    def __init__(self, pool: Pool, log: EventLog) -> None:
        self._pool = pool
        self._log = log

    async def documents(self) -> AsyncIterator[UUID]:
        """All documents, oldest first."""
        after = 0
        while events := await self._log.read(after=after, where=CREATED, limit=_PAGE):
            for event in events:
                yield event.stream
            after = events[-1].position

    async def check(self, document: UUID) -> Report:
        """Read all of a document, each piece by itself and then together; raises NotFound."""
        report = Report(document, aside=await self._pool.fetchval(ASIDE, document))
        rows = [
            Piece(record["update"], row=record["id"]) for record in await self._pool.fetch(ROWS, document)
        ]
        if not rows and not await self._log.read_stream(document, limit=1):
            raise NotFound(f"there is no document {document}")
        sealed = await self._sealed(report)
        report.events, report.rows = len(sealed), len(rows)
        pieces = [piece for piece in (*sealed, *rows) if self._readable(piece, report)]
        await self._together(pieces, report)
        await self._snapshot(pieces, report)
        return report

    async def quarantine(self, document: UUID) -> Report:
        """Check a document, and set aside what can't be read; its snapshots are made again."""
        report = await self.check(document)
        async with self._pool.acquire() as connection, connection.transaction():
            if report.bad or report.snapshot:  # first, as in a redaction, so that neither waits for the other
                await connection.execute(DROP_SNAPSHOTS, document)
            for piece, reason in report.bad:
                await connection.execute(PUT_ASIDE, document, piece.row, piece.position, reason)
        return report

    async def release(self, document: UUID) -> int:
        """Use again what was set aside; returns how many pieces that were."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(DROP_SNAPSHOTS, document)
            status: str = await connection.execute(RELEASE, document)
        return int(status.removeprefix("DELETE "))

    async def _sealed(self, report: Report) -> list[Piece]:
        """The bursts of a document that are not set aside; those whose bytes changed are noted as bad."""
        aside = {record["position"] for record in await self._pool.fetch(SET_ASIDE, report.document)}
        pieces: list[Piece] = []
        version = 0
        while events := await self._log.read_stream(report.document, after=version, limit=_PAGE):
            for event in events:
                if event.type == EDITED and event.position not in aside:
                    piece = Piece(event.attachment or b"", position=event.position)
                    pieces.append(piece)
                    if not _as_recorded(event):
                        report.bad.append((piece, "not the bytes that its digest names"))
            version = events[-1].version
        return pieces

    @staticmethod
    def _readable(piece: Piece, report: Report) -> bool:
        if report.bad and any(piece is bad for bad, _ in report.bad):
            return False
        try:
            walk(piece.update)
            crdt.check(piece.update)
        except (Malformed, EngineError) as error:
            report.bad.append((piece, f"unreadable: {error}"))
            return False
        report.size += len(piece.update)
        return True

    async def _together(self, pieces: list[Piece], report: Report) -> None:
        """Replay the pieces; one that the engine fails on is taken out, and all is tried again."""
        for _ in range(_TRIES):
            reached = _Reached(pieces)
            try:
                _, report.whole = await replay(None, reached)
                return
            except (EngineError, Malformed) as error:
                if reached.ended:  # on what was waiting for others: nobody can say which
                    report.whole = False
                    return
                bad = pieces.pop(reached.count - 1)
                report.bad.append((bad, f"the engine fails: {error}"))

    async def _snapshot(self, pieces: Sequence[Piece], report: Report) -> None:
        record = await self._pool.fetchrow(SNAPSHOT, report.document)
        if record is None:
            return
        if await snapshot_digest(record["vector"], record["state"]) != record["digest"]:
            report.snapshot = "not what was written"
            return
        through = record["through_position"]
        sealed = [
            piece.update for piece in pieces if piece.position is not None and piece.position <= through
        ]
        try:
            kept, _ = await replay(record["state"], ())
            built, _ = await replay(None, sealed)
            deleted = [list(IdSet(replica.deleted()).runs()) for replica in (kept, built)]
            if kept.clocks() != built.clocks() or deleted[0] != deleted[1]:
                report.snapshot = "not what the events before it give"
        except (EngineError, Malformed) as error:
            report.snapshot = f"unreadable: {error}"


class _Reached:
    """Updates in turn; `count` tells how many were taken, `ended` that all were and more was asked for."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self.count = 0
        self.ended = False

    def __iter__(self) -> _Reached:
        return self

    def __next__(self) -> bytes:
        if self.count == len(self._pieces):
            self.ended = True
            raise StopIteration
        self.count += 1
        return self._pieces[self.count - 1].update


def _as_recorded(event: RecordedEvent) -> bool:
    named = json.loads(event.payload)["update"]["sha256"]
    return bool(hashlib.sha256(event.attachment or b"").hexdigest() == named)
