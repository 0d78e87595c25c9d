"""What vouches for this installation's own log: its key, checkpoints, time stamps, witnesses' keys."""

from __future__ import annotations

from app.audit.checkpoints import Checkpoints
from app.audit.export import Evidence, SignedCheckpoint
from app.audit.keys import log_signer
from app.audit.note import sign
from app.audit.timestamps import Stamp
from app.audit.vouching import manifest_text
from app.audit.witness_settings import parse_witnesses
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.settings import Settings

NEWEST = 10_000
"""Checkpoints that are looked at, besides those with time stamps; each vouches for everything before it."""
STAMPS = 1_000
"""Time stamps that are looked at, the newest."""

_CHECKPOINTS = """
SELECT size, note || cosignatures AS note FROM checkpoints
WHERE vkey = $1 AND (
    size >= (SELECT coalesce(min(size), 0) FROM
        (SELECT size FROM checkpoints WHERE vkey = $1 ORDER BY size DESC LIMIT $2) AS newest)
    OR size = ANY ($3)
) ORDER BY size
"""
_STAMPS = "SELECT size, response FROM time_stamps WHERE vkey = $1 ORDER BY size DESC, made_at DESC LIMIT $2"


async def evidence(settings: Settings, pool: Pool) -> Evidence:
    """The newest checkpoints under the key of these settings, and what signs with it; raises Unavailable.

    A key that only the database names is not trusted: who can change events could add one.
    """
    signer = log_signer(settings)
    checkpoints = Checkpoints(pool, signer)
    vkey = signer.verifier.vkey
    with unavailable_when_away():
        stamps = [Stamp(row["size"], row["response"]) for row in await pool.fetch(_STAMPS, vkey, STAMPS)]
        rows = await pool.fetch(_CHECKPOINTS, vkey, NEWEST, [stamp.size for stamp in stamps])
    return Evidence(
        checkpoints=[SignedCheckpoint(row["size"], row["note"]) for row in rows],
        keys=[vkey, *(found.verifier.vkey for found in parse_witnesses(settings.witnesses))],
        checkpoint=lambda size, root: bytes(checkpoints.sign(size, root)).decode(),
        sign=lambda manifest: bytes(sign(manifest_text(manifest), signer)).decode(),
        stamps=stamps[::-1],
    )
