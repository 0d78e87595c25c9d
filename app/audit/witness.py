"""Witnesses other logs: cosigns a head only if it continues the one cosigned before (C2SP tlog-witness).

Whoever shows two people two histories of one log then has to show one of them without our cosignature.
What was cosigned last is kept in the database and moves by compare-and-set, before anything is signed:
two nodes, or two requests at once, never cosign heads of which one does not continue the other.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from asyncpg import Record
from prometheus_client import Counter

from app.audit.keys import witness_signer
from app.audit.note import (
    MAX_SIZE,
    Checkpoint,
    MalformedNote,
    Note,
    Signer,
    UntrustedNote,
    Verifier,
    parse,
    parse_checkpoint,
    verify,
)
from app.audit.proof import verify_consistency
from app.audit.witness_settings import parse_logs
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog.merkle import EMPTY_ROOT, HASH_SIZE
from app.system import System

MOST_HASHES = 63
EVIDENCE = 100  # refused heads of one log that are kept

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_LATEST = "SELECT size, root, note FROM witnessed_heads WHERE origin = $1"
_FIRST = """
INSERT INTO witnessed_heads (origin, size, root, note) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
RETURNING true
"""
_NEXT = """
UPDATE witnessed_heads SET size = $2, root = $3, note = $4, cosigned_at = now()
WHERE origin = $1 AND size = $5 AND root = $6 RETURNING true
"""
_EVIDENCE = """
INSERT INTO refused_heads (origin, size, root, note, cosigned_size, cosigned_note)
SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM refused_heads WHERE origin = $1) < $7
ON CONFLICT DO NOTHING
"""

asked = Counter(
    "interlink_witness_requests", "Heads that other logs asked to cosign", ["outcome"], registry=None
)

log = structlog.get_logger(__name__)


class MalformedRequest(ValueError):
    """This is no request to cosign; the message says why."""


class UnknownLog(LookupError):
    """We do not witness the log of that origin."""


class NotSigned(ValueError):
    """No key that we know for this log signed the head."""


class NotTheLatest(ValueError):
    """We cosigned another head than the one that the request starts from."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the head cosigned last has {size} entries")
        self.size = size


class NotConsistent(ValueError):
    """Nothing shows that the head continues the one we cosigned."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a log sends: the size cosigned last, the proof from there (32 bytes each), and its head."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """What the body of `add-checkpoint` says; raises MalformedRequest."""
        head, _, rest = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
            note = parse(rest)
            checkpoint = parse_checkpoint(note)
        except (UnicodeDecodeError, MalformedNote) as error:
            reason = str(error) if isinstance(error, MalformedNote) else "proof lines are ASCII"
            raise MalformedRequest(reason) from None
        found = _OLD.fullmatch(first)
        if found is None or int(found[1]) > MAX_SIZE:
            raise MalformedRequest("the first line is the word old and a size")
        if len(lines) > MOST_HASHES:
            raise MalformedRequest(f"a proof has {MOST_HASHES} hashes at most")
        if int(found[1]) > checkpoint.size:
            raise MalformedRequest("the old size is larger than that of the checkpoint")
        return cls(int(found[1]), tuple(map(_hash, lines)), note, checkpoint)

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old}", *(base64.b64encode(part).decode() for part in self.proof), "", ""]
        return "\n".join(lines).encode() + bytes(self.note)


class Witness:
    """Cosigns heads of some logs. Holds no state of its own."""

    def __init__(self, pool: Pool, signer: Signer, logs: Mapping[str, Sequence[Verifier]]) -> None:
        """`logs`: the keys of each log that is witnessed, by origin."""
        self._pool = pool
        self._signer = signer
        self._logs = logs

    @classmethod
    def of(cls, system: System) -> Witness:
        """That of this installation."""
        return cls(system.pool, witness_signer(system.settings), parse_logs(system.settings.witness_logs))

    async def cosign(self, body: bytes) -> str:
        """Cosign the head in a request; the signature line.

        Raises MalformedRequest, UnknownLog, NotSigned, NotTheLatest, NotConsistent, Unavailable.
        """
        outcome = "refused"
        try:
            submission = Submission.parse(body)
            self._check_signed(submission)
            await self._advance(submission)
            outcome = "cosigned"
        except NotTheLatest:
            outcome = "not the latest"
            raise
        except NotConsistent:
            outcome = "not consistent"
            raise
        finally:
            asked.labels(outcome).inc()
        return self._signer.sign(submission.note.text, int(time.time())).line

    def _check_signed(self, submission: Submission) -> None:
        keys = self._logs.get(submission.checkpoint.origin)
        if keys is None:
            raise UnknownLog("the log of this origin is not witnessed here")
        try:
            verify(submission.note, keys)
        except UntrustedNote as error:
            raise NotSigned(str(error)) from None

    async def _advance(self, submission: Submission) -> None:
        """Check the head against the one cosigned last, and put it in its place."""
        told, text = submission.checkpoint, bytes(submission.note).decode()
        with unavailable_when_away():
            row = await self._pool.fetchrow(_LATEST, told.origin)
        size, root = (0, EMPTY_ROOT) if row is None else (row["size"], row["root"])
        if submission.old != size:
            raise NotTheLatest(size)
        if told.size == size and told.root != root:
            await self._keep_evidence(submission, row)
            raise NotTheLatest(size)
        if not verify_consistency(size, told.size, root, told.root, submission.proof):
            await self._keep_evidence(submission, row)
            raise NotConsistent("the proof does not lead from the head cosigned last to this one")
        new = (told.origin, told.size, told.root, text)
        with unavailable_when_away():
            if row is None:
                moved = await self._pool.fetchval(_FIRST, *new)
            else:
                moved = await self._pool.fetchval(_NEXT, *new, size, root)
            if not moved:  # another request was faster
                row = await self._pool.fetchrow(_LATEST, told.origin)
                raise NotTheLatest(row["size"] if row is not None else 0)

    async def _keep_evidence(self, submission: Submission, cosigned: Record | None) -> None:
        """Keep a signed head beside the one cosigned before: together they may show two histories.

        They do if the sizes are equal. Else a wrong proof, which anybody may send, looks the same.
        """
        if cosigned is None:
            return
        told, text = submission.checkpoint, bytes(submission.note).decode()
        log.error("another_log_does_not_continue", origin=told.origin, size=told.size, after=cosigned["size"])
        row = (told.origin, told.size, told.root, text, cosigned["size"], cosigned["note"])
        with unavailable_when_away():
            await self._pool.execute(_EVIDENCE, *row, EVIDENCE)


def _hash(line: str) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRequest("a proof line is base64") from None
    if len(found) != HASH_SIZE:
        raise MalformedRequest(f"a hash has {HASH_SIZE} bytes")
    return found
