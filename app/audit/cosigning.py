"""Asks witnesses to cosign this log's heads (the client of C2SP tlog-witness), and keeps what they sign.

Every node does it for all witnesses; who asks is decided in the database, so that each witness is asked
once a second at most, and rarer while it does not answer. What a witness says is believed only if it is
signed with the key that the operator gave.
"""

from __future__ import annotations

import asyncio
import re

import httpx
import structlog

from app.audit.checkpoints import Checkpoints
from app.audit.keys import log_signer
from app.audit.note import (
    MAX_BYTES,
    MalformedNote,
    Note,
    Signature,
    UntrustedNote,
    parse,
    parse_checkpoint,
    parse_signatures,
)
from app.audit.proof import consistency
from app.audit.tree import MissingHashes, Tree
from app.audit.witness import Submission
from app.audit.witness_settings import WitnessAddress, parse_witnesses
from app.database.failures import unavailable_when_away
from app.subscriptions.address_guard import GuardedTransport, guarded_client, read_bounded
from app.system import System
from domain.errors import Unavailable

EVERY = 1.0  # seconds between two questions to one witness, at least
SLOWEST = 300.0  # seconds between two questions to one that does not answer
WITHIN = 5.0  # seconds for an answer
_WAIT = 30.0  # seconds to wait for an event before looking for a new head anyway

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_KNOW = "INSERT INTO witnesses (log, vkey) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_DUE = """
SELECT cosigned_at IS NULL OR size < $3 OR failures > 0 AS due FROM witnesses WHERE log = $1 AND vkey = $2
"""
_CLAIM = """
UPDATE witnesses SET asked_at = now() WHERE log = $1 AND vkey = $2
    AND asked_at <= now() - make_interval(secs => least($3 * power(2, least(failures, 20)), $4))
RETURNING size
"""
_FAILED = """
UPDATE witnesses SET failures = failures + 1, failure = $3, refused = $4 WHERE log = $1 AND vkey = $2
RETURNING failures
"""
_DONE = """
UPDATE witnesses SET size = greatest(size, $3), cosigned_at = now(), failures = 0, failure = NULL,
    refused = false
WHERE log = $1 AND vkey = $2
"""
_STORE = """
UPDATE checkpoints SET cosignatures = cosignatures || $3
WHERE vkey = $1 AND size = $2 AND position($4 IN cosignatures) = 0
"""

log = structlog.get_logger(__name__)


class NotCosigned(Exception):
    """No cosignature came; the message says why. `refused`: the witness saw another log under this name."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class _Elsewhere(Exception):
    """The witness cosigned another size last than we thought."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class Cosigning:
    """Asks one witness to cosign, and keeps what it signs."""

    def __init__(
        self, system: System, witness: WitnessAddress, client: httpx.AsyncClient, *, every: float = EVERY
    ) -> None:
        """`every`: seconds between two questions, at least."""
        self._pool = system.pool
        self._log = system.log
        self._witness = witness
        self._client = client
        self._every = every
        self._checkpoints = Checkpoints.of(system)
        own = log_signer(system.settings).verifier.vkey
        self._names = (own, witness.verifier.vkey)

    async def run(self) -> None:
        """Have every new head cosigned, for ever."""
        while True:
            size = 0
            try:
                size = await self.ask_if_due()
            except Unavailable:
                log.warning("no cosignatures are asked for while the database is away")
            await asyncio.sleep(self._every)
            try:
                await self._log.wait(size + 1, _WAIT)
            except (TimeoutError, Unavailable):
                continue

    async def ask_if_due(self) -> int:
        """Ask for the newest head unless it is cosigned, or the witness was asked just now.

        Returns the size that is cosigned; raises Unavailable. What goes wrong with the witness is noted.
        """
        head = await self._checkpoints.latest()
        if head is None or not head[0] or not await self._claim_needed(head[0]):
            return head[0] if head else 0
        with unavailable_when_away():
            old = await self._pool.fetchval(_CLAIM, *self._names, self._every, SLOWEST)
        if old is None:
            return 0
        try:
            return await self._ask(old)
        except NotCosigned as error:
            await self._failed(error)
            return 0

    async def _claim_needed(self, size: int) -> bool:
        with unavailable_when_away():
            await self._pool.execute(_KNOW, *self._names)
            return bool(await self._pool.fetchval(_DUE, *self._names, size))

    async def _failed(self, error: NotCosigned) -> None:
        with unavailable_when_away():
            row = (*self._names, str(error), error.refused)
            failures = await self._pool.fetchval(_FAILED, *row)
        told = {"witness": self._witness.verifier.name, "reason": str(error)}
        if error.refused:
            log.error("A WITNESS SAW ANOTHER LOG", **told)
        elif failures == 1:
            log.warning("a witness does not cosign", **told)

    async def _ask(self, old: int) -> int:
        """Ask, and once more from the size that the witness names; the size cosigned."""
        try:
            return await self._cosign(old)
        except _Elsewhere as told:
            actual = told.size
        await asyncio.sleep(self._every)
        try:
            return await self._cosign(actual)
        except _Elsewhere as told:
            if told.size != actual:
                raise NotCosigned("it names another size each time") from None
            raise NotCosigned(f"it cosigned another head of {actual} events", refused=True) from None

    async def _cosign(self, old: int) -> int:
        """One exchange; raises NotCosigned, _Elsewhere, Unavailable."""
        head = await self._checkpoints.latest()
        assert head is not None  # it was there before, and the newest stays
        note = Note(parse(head[1].encode()).text, parse(head[1].encode()).signatures[:1])
        checkpoint = parse_checkpoint(note)
        if old > checkpoint.size:
            raise NotCosigned(f"it cosigned {old} events; {checkpoint.size} are here", refused=True)
        try:
            proof = await Tree(self._pool).prove(lambda of: consistency(old, checkpoint.size, of))
        except MissingHashes as error:
            raise NotCosigned(f"no proof can be made for it: {error}") from None
        signature = await self._exchange(Submission(old, tuple(proof), note, checkpoint))
        line = signature.line
        mark = line[: line.rindex(" ") + 6]  # name, and 30 of the 32 bits of the key's id
        with unavailable_when_away():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_STORE, self._names[0], checkpoint.size, line, mark)
                await connection.execute(_DONE, *self._names, checkpoint.size)
        return checkpoint.size

    async def _exchange(self, submission: Submission) -> Signature:
        status, content = await self._post(bytes(submission))
        if status == 409 and (told := _SIZE.fullmatch(content)):
            raise _Elsewhere(int(told[1]))
        if status == 422:
            raise NotCosigned("it says that this log does not continue what it cosigned", refused=True)
        if status != 200:
            raise NotCosigned(f"it answered {status}")
        verifier = self._witness.verifier
        try:
            for signature in parse_signatures(content.decode()):
                if (signature.name, signature.key_id) == (verifier.name, verifier.key_id):
                    verifier.time(submission.note.text, signature)
                    return signature
        except (UnicodeDecodeError, MalformedNote, UntrustedNote):
            raise NotCosigned("its cosignature is wrong") from None
        raise NotCosigned("it signed with another key")

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        """Status and content of its answer, both as they came; raises NotCosigned."""
        url = f"{self._witness.url}/add-checkpoint"
        headers = {"Content-Type": "text/plain; charset=utf-8", "Accept-Encoding": "identity"}
        try:
            async with (
                asyncio.timeout(WITHIN),
                self._client.stream("POST", url, content=body, headers=headers) as response,
            ):
                return response.status_code, await read_bounded(response, MAX_BYTES)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotCosigned(f"it does not answer ({type(error).__name__})") from None


async def cosign_heads(system: System) -> None:
    """Have all witnesses cosign every new head, for ever; returns at once if there are none."""
    witnesses = parse_witnesses(system.settings.witnesses)
    if not witnesses:
        return
    # the operator chose these addresses, so they may be on this machine or in its network
    async with guarded_client(GuardedTransport(allow_private=True)) as client, asyncio.TaskGroup() as group:
        for witness in witnesses:
            group.create_task(Cosigning(system, witness, client).run())
