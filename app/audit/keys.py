"""The keys of the log and of the witness, derived from the installation's secret: nothing to keep."""

from __future__ import annotations

from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.audit.note import COSIGNATURE, Signer
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.settings import Settings

WITNESS_PATH = "/audit/witness"
"""What is behind the public address where other logs ask for cosignatures."""

_LOG = b"interlink log checkpoints, Ed25519, 1"
_WITNESS = b"interlink witness cosignatures, Ed25519, 1"


def log_signer(settings: Settings) -> Signer:
    """Signs checkpoints; its name, which is the log's origin, is host and port of the public address.

    The key is HKDF-SHA-256 (RFC 5869) of SECRET_KEY: all nodes of one installation have the same.
    """
    return Signer(_host(settings), _key(settings, _LOG))


def witness_signer(settings: Settings) -> Signer:
    """Cosigns the checkpoints of other logs. A key of its own: what a witness signs names no signer."""
    return Signer(_host(settings) + WITNESS_PATH, _key(settings, _WITNESS), COSIGNATURE)


async def known_keys(pool: Pool) -> list[str]:
    """The verifier keys that this log ever signed with, oldest first; raises Unavailable."""
    with unavailable_when_away():
        rows = await pool.fetch("SELECT vkey FROM log_keys ORDER BY since, vkey")
    return [row["vkey"] for row in rows]


def _host(settings: Settings) -> str:
    return urlsplit(settings.address).netloc.rpartition("@")[2]


def _key(settings: Settings, purpose: bytes) -> Ed25519PrivateKey:
    seed = HKDF(SHA256(), 32, None, purpose).derive(settings.signing_key())
    return Ed25519PrivateKey.from_private_bytes(seed)
