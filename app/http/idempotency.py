"""A write with an `Idempotency-Key` is carried out once, however often it is sent.

After draft-ietf-httpapi-idempotency-key-header. The key leads to the command id, and the log does
a command id once and answers a repetition with the first result. This table only tells when a key
comes again with another request, for three days. Since the command id follows from the request
too, a key that is forgotten here can never bring back the answer to something else.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4, uuid5

from app.database.postgres import Pool
from app.http.problems import Problem

HEADER = "Idempotency-Key"
KEPT = timedelta(days=3)

_NAMESPACE = UUID("6f1c3f0a-6a53-4d0e-9f0b-5d8c1f2a7e44")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_USE = """
WITH forgotten AS (
    DELETE FROM idempotency_keys WHERE key_hash IN (
        SELECT key_hash FROM idempotency_keys
        WHERE used_at < now() - $3::interval AND key_hash <> $1
        ORDER BY used_at LIMIT 10 FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO idempotency_keys AS known (key_hash, fingerprint) VALUES ($1, $2)
ON CONFLICT (key_hash) DO UPDATE
SET fingerprint = CASE WHEN known.used_at < now() - $3::interval THEN $2 ELSE known.fingerprint END,
    used_at = CASE WHEN known.used_at < now() - $3::interval THEN now() ELSE known.used_at END
RETURNING fingerprint, xmax <> 0 AS known
"""


@dataclass(frozen=True, slots=True)
class Command:
    """The id under which a request is carried out, and whether it was sent before with the same key."""

    id: UUID
    repeated: bool = False


async def command(pool: Pool, person: UUID, keys: list[str], *request: bytes) -> Command:
    """As which command to carry out a person's request; a new one without a key.

    `keys` are the values of the header; `request` is what makes it the same request: method, path
    and canonical body. Raises a Problem (422): `idempotency_key_invalid`, `idempotency_key_reused`.
    """
    if not keys:
        return Command(uuid4())
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Problem(422, "idempotency_key_invalid", "one key of 1 to 255 visible ASCII characters")
    key_hash = hashlib.sha256(person.bytes + keys[0].encode()).digest()
    fingerprint = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in request)).digest()
    row = await pool.fetchrow(_USE, key_hash, fingerprint, KEPT)
    assert row is not None  # an upsert always returns its row
    if row["fingerprint"] != fingerprint:
        raise Problem(422, "idempotency_key_reused", "this key was used for another request")
    return Command(uuid5(_NAMESPACE, (key_hash + fingerprint).hex()), row["known"])
