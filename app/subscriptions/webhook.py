"""A webhook as the database knows it: where it goes, what signs it, and whether it may still be sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from asyncpg import Record

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.subscriptions.address_guard import AddressRefused, check_url
from app.subscriptions.signing import SecretCipher, new_private_key, new_shared_secret, public_key
from domain.errors import Invalid

ROTATION = timedelta(hours=24)  # for which the old secret goes on signing beside the new one
BATCH = 100  # events in one message at most

WEBHOOK = "SELECT id, owner, credential, settings, state FROM subscriptions"
_FIND = f"{WEBHOOK} WHERE id = $1 AND kind = 'webhook' AND ($2::uuid IS NULL OR owner = $2)"
_LOCK = "SELECT id FROM subscriptions WHERE id = $1 FOR UPDATE"
_KEYS = """
SELECT kind, sealed FROM webhook_keys
WHERE subscription = $1 AND (retires_at IS NULL OR retires_at > now())
ORDER BY kind DESC, retires_at DESC NULLS FIRST, id DESC
"""
_NEW_KEY = "INSERT INTO webhook_keys (subscription, kind, sealed) VALUES ($1, $2, $3)"
_FORGET_OLD = "DELETE FROM webhook_keys WHERE subscription = $1 AND retires_at IS NOT NULL"
_RETIRE = """
UPDATE webhook_keys SET retires_at = now() + $2::interval WHERE subscription = $1 AND retires_at IS NULL
"""


def checked_url(url: str, *, allow_private: bool) -> str:
    """A URL that messages may be sent to, for whoever makes or changes a webhook; raises Invalid.

    What a name resolves to is looked at when something is sent.
    """
    try:
        check_url(url, allow_private=allow_private)
    except AddressRefused as refused:
        raise Invalid(str(refused), code="url_refused", field="url") from None
    return url


@dataclass(frozen=True, slots=True)
class Webhook:
    """`batch` events at most go in one message; `thin` ones without their data."""

    id: UUID
    owner: UUID
    url: str
    state: Literal["active", "paused", "failing", "disabled"]
    batch: int = 1
    thin: bool = False
    credential: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewKeys:
    """What receivers verify with from now on: the shared secret, shown once, and the public key.

    Until `old_sign_until` messages carry signatures of the previous keys too.
    """

    secret: str
    public_key: str
    old_sign_until: datetime


class Webhooks:
    """All webhooks. What asks the database raises Unavailable when that is away."""

    def __init__(self, pool: Pool, installation_key: bytes) -> None:
        self._pool = pool
        self._cipher = SecretCipher(installation_key)

    async def find(self, id: UUID, *, owner: UUID | None = None) -> Webhook | None:
        """The webhook, if there is one (of this owner)."""
        with unavailable_when_away():
            row = await self._pool.fetchrow(_FIND, id, owner)
        return None if row is None else webhook(row)

    async def keys(self, id: UUID) -> list[str]:
        """What signs now, newest first; made on first use. Raises BadSecret."""
        with unavailable_when_away():
            rows = await self._pool.fetch(_KEYS, id)
            if not rows:
                await self._make(id, retire=False)
                rows = await self._pool.fetch(_KEYS, id)
        return [self._cipher.open(row["sealed"], id) for row in rows]

    async def rotate(self, id: UUID) -> NewKeys:
        """New keys; the previous ones sign for another day, those before them no longer."""
        with unavailable_when_away():
            secret, private = await self._make(id, retire=True)
        return NewKeys(secret, public_key(private), datetime.now(UTC) + ROTATION)

    async def _make(self, id: UUID, *, retire: bool) -> tuple[str, str]:
        """New keys; unless `retire`, only if there are none meanwhile."""
        secret, private = new_shared_secret(), new_private_key()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK, id)
            if not retire and await connection.fetchrow(_KEYS, id) is not None:
                return secret, private
            await connection.execute(_FORGET_OLD, id)
            await connection.execute(_RETIRE, id, ROTATION)
            await connection.execute(_NEW_KEY, id, "shared", self._cipher.seal(secret, id))
            await connection.execute(_NEW_KEY, id, "private", self._cipher.seal(private, id))
        return secret, private


def webhook(row: Record) -> Webhook:
    """A row that WEBHOOK selects."""
    settings: dict[str, Any] = _json(row["settings"])
    return Webhook(
        row["id"],
        row["owner"],
        str(settings.get("url", "")),
        row["state"],
        batch=max(1, min(BATCH, int(settings.get("batch") or 1))),
        thin=settings.get("thin") is True,
        credential=row["credential"],
    )


def _json(stored: Any) -> dict[str, Any]:
    found = json.loads(stored) if isinstance(stored, str) else stored
    return found if isinstance(found, dict) else {}
