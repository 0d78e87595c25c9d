"""Writes the log, or one process of it, with all that is needed to verify it elsewhere.

The members of the archive:

    manifest.json       what this is, and size and SHA-256 of every other member; manifest.sig signs it
    events.ndjson       every column of every event, see app/audit/lines.py
    leaves.bin          the exact bytes under their leaves, see app/audit/leafdata.py
    proofs.ndjson       of a process only: for each event the path from its leaf to the root
    checkpoints.ndjson  signed checkpoints as the log gave them out, cosignatures included
    timestamps.ndjson   time stamps on them (RFC 3161), if there are any
    keys.txt            the keys of the log and its witnesses, as C2SP verifier keys
    states.ndjson       what the events say when replayed: the state of every stream
    read-models.ndjson  the rows of the live views, and up to where they go, see app/audit/read_models.py
    documents/ID.txt    the text of every document
    provenance.jsonld   of a process only: who did what to what, because of what, as PROV-O

The whole log needs no proofs: the root is computed from all its leaves. A process carries a path for
each event instead of the leaf hashes of all other processes: 32 bytes for each doubling of the log
and event, so that the archive grows with the process and not with the log. Erasures that replaced a
payload of the process are in it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, cast
from uuid import UUID

from app.audit import leafdata
from app.audit.archive_writing import ArchiveWriter
from app.audit.checks import REWRITE_SIZE
from app.audit.leafdata import Levels
from app.audit.lines import base64_of, line
from app.audit.proof import consistency, inclusion, tree_root
from app.audit.provenance import CLOSING, OPENING, Provenance
from app.audit.read_models import Replayed, live_lines
from app.audit.rebuilding import Rebuilding
from app.audit.records import LogRecord, read_records
from app.audit.timestamps import Stamp
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog.merkle import HASH_SIZE
from domain.catalogue import REWRITING
from domain.errors import NotFound
from domain.ports import RecordedEvent
from domain.registry import dump

FORMAT = "interlink-export/1"
EVENTS, LEAVES, PROOFS = "events.ndjson", "leaves.bin", "proofs.ndjson"
CHECKPOINTS, KEYS, STATES = "checkpoints.ndjson", "keys.txt", "states.ndjson"
TIME_STAMPS, PROVENANCE, READ_MODELS = "timestamps.ndjson", "provenance.jsonld", "read-models.ndjson"

_IN_MEMORY = 8 * 2**20  # bytes of a member that is not yet put down; what is more goes to a file
_HEAD = "SELECT position FROM log_head"
_LEAVES = "SELECT leaf_hash FROM events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT 50000"
_REWRITING = "SELECT position FROM events WHERE type = ANY ($1) AND position <= $2 ORDER BY position"
_REPLACED = "SELECT position FROM events WHERE process = $1 AND position <= $2 AND commitment IS NOT NULL"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A signed checkpoint (C2SP tlog-checkpoint): the size it is of, and the note as it was given out."""

    size: int
    note: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What vouches for the log: checkpoints (sizes ascending), the keys they are signed with, time stamps.

    `checkpoint` signs one for a size and root, `sign` a manifest; both give the note.
    """

    checkpoints: Sequence[SignedCheckpoint]
    keys: Sequence[str]
    checkpoint: Callable[[int, bytes], str]
    sign: Callable[[bytes], str]
    stamps: Sequence[Stamp] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """What went into an archive. `size` is that of the tree that it is proven against."""

    events: int
    documents: int
    size: int


@asynccontextmanager
async def still(pool: Pool) -> AsyncIterator[Pool]:
    """The log as it is now, whatever is written meanwhile: what is read belongs together."""
    with unavailable_when_away():
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield cast(Pool, connection)  # has the reading methods that a pool has


Given = Callable[[Iterable[RecordedEvent]], None]
"""Is told which events go into an archive."""


def _nobody(events: Iterable[RecordedEvent]) -> None:
    pass


async def export(
    pool: Pool,
    path: Path,
    evidence: Evidence,
    *,
    process: UUID | None = None,
    given: Given = _nobody,
) -> Exported:
    """Write the archive, up to the log's end as it is now; raises NotFound, Unavailable, OSError.

    What takes long runs in threads: a server goes on serving meanwhile.
    """
    async with still(pool) as log:
        size: int = await log.fetchval(_HEAD)
        with ArchiveWriter(path) as archive:
            writing = Writing(archive, size, process)
            with writing.events() as feed:
                async for page in _records(log, size, process):
                    given(record.event for record in page)
                    await asyncio.to_thread(_feed, feed, page)
            leaf_hashes = await _leaf_hashes(log, size)
            live = await live_lines(log, process, await asyncio.to_thread(writing.replayed))
            return await asyncio.to_thread(writing.finish, leaf_hashes, evidence, live)


def _feed(feed: Callable[[LogRecord], None], page: Iterable[LogRecord]) -> None:
    for record in page:
        feed(record)


class Writing:
    """One archive on its way: the records are fed in their order, then it is finished."""

    def __init__(self, archive: ArchiveWriter, size: int, process: UUID | None = None) -> None:
        """`size`: of the tree that the events are proven against."""
        self._archive = archive
        self._size = size
        self._process = process
        self._rebuilding = Rebuilding()
        self._provenance = Provenance()
        self._models = Replayed()
        self._positions: list[int] = []
        self._documents = 0

    @contextmanager
    def events(self) -> Iterator[Callable[[LogRecord], None]]:
        """What takes the records; what goes to other members is put down when they are through."""
        with SpooledTemporaryFile(_IN_MEMORY) as leaves, SpooledTemporaryFile(_IN_MEMORY) as told:
            told.write(OPENING)
            with self._archive.member(EVENTS) as member:

                def feed(record: LogRecord) -> None:
                    member.write(line(record) + b"\n")
                    leaves.write(leafdata.packed(record.header + record.commitment))
                    self._positions.append(record.event.position)
                    if self._process in (None, record.event.process):
                        self._rebuilding.feed(record.event)
                        self._models.feed(record.event)
                        told.write(self._provenance.piece(record.event) if self._process else b"")

                yield feed
            self._archive.copy(LEAVES, leaves)
            if self._process is not None:
                told.write(CLOSING)
                self._archive.copy(PROVENANCE, told)

    def replayed(self) -> Replayed:
        """What the events make of the read models."""
        self._models.flush()
        return self._models

    def finish(self, leaf_hashes: bytes, evidence: Evidence, models: Sequence[bytes]) -> Exported:
        """The rest; raises NotFound.

        `leaf_hashes` are all those of the tree, 32 bytes each, `models` the lines of the read models.
        """
        self._models.close()
        if self._process is not None and not self._positions:
            raise NotFound("there is no such process in the log")
        root = self._proofs(Levels(leaf_hashes), evidence)
        self._archive.add(KEYS, "".join(f"{key}\n" for key in evidence.keys).encode())
        self._rebuilt(models)
        self._archive.signature(evidence.sign(self._archive.manifest(self._facts(root))))
        return Exported(len(self._positions), self._documents, self._size)

    def _proofs(self, levels: Levels, evidence: Evidence) -> bytes:
        """Paths and checkpoints, the last of them for all that is here; returns the root."""
        root = tree_root(self._size, levels.hash_of)
        checkpoints = [found for found in evidence.checkpoints if found.size <= self._size]
        if not checkpoints or checkpoints[-1].size < self._size:
            checkpoints.append(SignedCheckpoint(self._size, evidence.checkpoint(self._size, root)))
        if self._process is not None:
            with self._archive.member(PROOFS) as member:
                for position in self._positions:
                    path = inclusion(position - 1, self._size, levels.hash_of)
                    member.write(dump({"position": position, "path": [*map(base64_of, path)]}) + b"\n")
        with self._archive.member(CHECKPOINTS) as member:
            before = 0
            for found in checkpoints:
                path = consistency(before, found.size, levels.hash_of)
                facts = {"size": found.size, "note": found.note, "path": [*map(base64_of, path)]}
                member.write(dump(facts) + b"\n")
                before = found.size
        self._stamps([stamp for stamp in evidence.stamps if stamp.size <= self._size])
        return root

    def _stamps(self, stamps: Sequence[Stamp]) -> None:
        if not stamps:
            return
        with self._archive.member(TIME_STAMPS) as member:
            for stamp in stamps:
                facts = {"size": stamp.size, "response": base64_of(stamp.response)}
                member.write(dump(facts) + b"\n")

    def _rebuilt(self, models: Sequence[bytes]) -> None:
        with self._archive.member(STATES) as member:
            for state in self._rebuilding.states():
                member.write(state + b"\n")
        with self._archive.member(READ_MODELS) as member:
            for row in models:
                member.write(row + b"\n")
        for name, text in self._rebuilding.documents():
            self._archive.add(name, text)
            self._documents += 1

    def _facts(self, root: bytes) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "process": self._process,
            "size": self._size,
            "root": base64_of(root),
            "events": len(self._positions),
            "first": self._positions[0] if self._positions else 0,
            "last": self._positions[-1] if self._positions else 0,
            "documents": self._documents,
        }


async def _records(log: Pool, size: int, process: UUID | None) -> AsyncIterator[list[LogRecord]]:
    """Pages of the export's records in the order of the log, erasures among those of a process."""
    erasures = [] if process is None else await _erasures(log, size, process)
    async for page in read_records(log, through=size, process=process):
        last = page[-1].event.position
        among = [record for record in erasures if record.event.position < last]
        erasures = erasures[len(among) :]
        yield sorted([*page, *among], key=lambda record: record.event.position) if among else page
    if erasures:
        yield erasures


async def _erasures(log: Pool, size: int, process: UUID) -> list[LogRecord]:
    """The erasures, ascending, that replaced a payload of the process."""
    replaced = {row["position"] for row in await log.fetch(_REPLACED, process, size)}
    found: list[LogRecord] = []
    for row in await log.fetch(_REWRITING, [*REWRITING], size) if replaced else ():
        at: int = row["position"]
        async for page in read_records(log, after=at - 1, through=at):
            found += [record for record in page if _names(record.event.attachment or b"", replaced)]
    return found


async def _leaf_hashes(log: Pool, size: int) -> bytes:
    found = bytearray()
    while rows := await log.fetch(_LEAVES, len(found) // HASH_SIZE, size):
        found += b"".join(row["leaf_hash"] for row in rows)
    return bytes(found)


def _names(data: bytes, positions: set[int]) -> bool:
    starts = range(0, len(data), REWRITE_SIZE)
    return any(int.from_bytes(data[at : at + 8], "big") in positions for at in starts)
