"""The key that the log signs with. Derived from the installation's secret, so there is nothing to keep."""

from __future__ import annotations

from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.audit.note import Signer
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.settings import Settings

_PURPOSE = b"interlink log checkpoints, Ed25519, 1"


def log_signer(settings: Settings) -> Signer:
    """Signs checkpoints; its name, which is the log's origin, is host and port of the public address.

    The key is HKDF-SHA-256 (RFC 5869) of SECRET_KEY: all nodes of one installation have the same.
    """
    seed = HKDF(SHA256(), 32, None, _PURPOSE).derive(settings.signing_key())
    return Signer(urlsplit(settings.address).netloc, Ed25519PrivateKey.from_private_bytes(seed))


async def known_keys(pool: Pool) -> list[str]:
    """The verifier keys that this log ever signed with, oldest first; raises Unavailable."""
    with unavailable_when_away():
        rows = await pool.fetch("SELECT vkey FROM log_keys ORDER BY since, vkey")
    return [row["vkey"] for row in rows]
