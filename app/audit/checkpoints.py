"""Signs the log's head, and keeps what was signed.

Each node does it. That is harmless: the signature of a size is the same on every node, and the head
comes from the row that appends move under a lock, so no two signed heads can contradict each other.
"""

from __future__ import annotations

import asyncio

import structlog

from app.audit import note
from app.audit.keys import log_signer
from app.audit.note import Checkpoint, Note, Signer
from app.audit.tree import MissingHashes, Tree
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.eventlog.merkle import Frontier
from app.system import System
from domain.errors import Unavailable

PAUSE = 0.5  # seconds between two checkpoints, at least
_WAIT = 30.0  # seconds to wait for an event before looking at the head anyway

THIN_EVERY = 3600.0  # seconds
_THIN_AT_ONCE = 20_000

_KEY = "INSERT INTO log_keys (vkey) VALUES ($1) ON CONFLICT DO NOTHING"
_STORE = """
INSERT INTO checkpoints (size, vkey, root, note) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_LATEST = "SELECT size, note, cosignatures FROM checkpoints WHERE vkey = $1 ORDER BY size DESC LIMIT 1"
_COSIGNED = """
SELECT size, note, cosignatures FROM checkpoints
WHERE vkey = $1 AND cosignatures <> '' ORDER BY size DESC LIMIT 1
"""

log = structlog.get_logger(__name__)


class Checkpoints:
    """The signed heads of one log. Holds no state of its own."""

    def __init__(self, pool: Pool, signer: Signer) -> None:
        self._pool = pool
        self._signer = signer

    @classmethod
    def of(cls, system: System) -> Checkpoints:
        """Those of this installation."""
        return cls(system.pool, log_signer(system.settings))

    def sign(self, size: int, root: bytes) -> Note:
        """A note for a tree. Only for one that the log had: a wrong one could never be taken back."""
        return note.sign(Checkpoint(self._signer.name, size, root).text, self._signer)

    async def sign_head(self) -> int:
        """Sign and keep the head as it is now, if it is not yet; its size. Raises Unavailable.

        Hashes that proofs under it need are kept first.
        """
        with unavailable_when_away():
            row = await self._pool.fetchrow("SELECT position, frontier FROM log_head")
        assert row is not None  # the head row is made with its table, and stays
        frontier = Frontier.from_bytes(row["position"], row["frontier"])
        latest = await self.latest()
        if latest is not None and latest[0] >= frontier.size:
            return latest[0]
        await Tree(self._pool).grow(frontier.size)
        root, vkey = frontier.root(), self._signer.verifier.vkey
        text = bytes(self.sign(frontier.size, root)).decode()
        with unavailable_when_away():
            await self._pool.execute(_KEY, vkey)
            await self._pool.execute(_STORE, frontier.size, vkey, root, text)
        return frontier.size

    async def latest(self, *, cosigned: bool = False) -> tuple[int, str] | None:
        """Size and note, cosignatures included, of the last head signed; raises Unavailable.

        `cosigned`: of the last one that has cosignatures.
        """
        with unavailable_when_away():
            statement = _COSIGNED if cosigned else _LATEST
            row = await self._pool.fetchrow(statement, self._signer.verifier.vkey)
        return None if row is None else (row["size"], row["note"] + row["cosignatures"])

    async def covering(self, size: int) -> tuple[int, str]:
        """The last head signed, after signing the present one if `size` leaves are not under it yet."""
        latest = await self.latest()
        if latest is None or latest[0] < size:
            await self.sign_head()
            latest = await self.latest()
        assert latest is not None  # it was just signed, and checkpoints stay
        return latest


async def sign_heads(system: System) -> None:
    """Sign the head for ever, within a second of every event; a database that is away is waited for."""
    checkpoints = Checkpoints.of(system)
    while True:
        size = 0
        try:
            size = await checkpoints.sign_head()
        except Unavailable:
            log.warning("the log's head cannot be signed while the database is away")
        except MissingHashes as error:
            log.error("the log's head cannot be signed", reason=str(error))
        await asyncio.sleep(PAUSE)
        try:
            await system.log.wait(size + 1, _WAIT)
        except (TimeoutError, Unavailable):
            continue


async def thin(pool: Pool) -> int:
    """Leave out old checkpoints that newer ones vouch for; how many. Raises Unavailable.

    The rule (docs/audit.md) is in the database, which lets nothing else be deleted.
    """
    done, now = 0, _THIN_AT_ONCE
    while now == _THIN_AT_ONCE:
        with unavailable_when_away():
            now = await pool.fetchval("SELECT thin_checkpoints($1)", _THIN_AT_ONCE)
        done += now
    return done


async def thin_hourly(system: System) -> None:
    """Thin them out for ever; a database that is away is asked again later."""
    while True:
        await asyncio.sleep(THIN_EVERY)
        try:
            await thin(system.pool)
        except Unavailable:
            log.warning("checkpoints are not thinned out while the database is away")
