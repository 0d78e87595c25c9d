"""How people prove who they are: sessions, personal access tokens, live tickets.

A session cookie or access token is an id and a 256-bit random secret. Only the secret's SHA-256
is stored, and compared in constant time. What a session needs besides (its CSRF token) is derived
from the secret, so that the database alone lets nobody act. A ticket is signed and not stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID, uuid4

from asyncpg import ForeignKeyViolationError, Record

from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.shared_reads import SharedReads
from domain import text
from domain.errors import Conflict, Invalid, NotFound

COOKIE = "interlink_session"
SESSION_LIFE = timedelta(days=30)
TICKET_LIFE = timedelta(hours=1)
_TICKET = 90  # bytes
_NO_CREDENTIAL = UUID(int=0)
TOKEN_PREFIX = "ilk_"
TOKENS_PER_PERSON = 100

Scope = Literal["read", "write", "live"]
SCOPES: frozenset[str] = frozenset(get_args(Scope))

_OPEN = """
INSERT INTO sessions (id, secret_hash, person, expires_at) VALUES ($1, $2, $3, now() + $4)
"""
_FORGET_EXPIRED = "DELETE FROM sessions WHERE person = $1 AND expires_at <= now()"
_SESSION = """
SELECT person, secret_hash, last_seen_at < now() - interval '1 minute' AS stale
FROM sessions WHERE id = $1 AND expires_at > now()
"""
_SEEN = "UPDATE sessions SET last_seen_at = now(), expires_at = now() + $2 WHERE id = $1"
_CLOSE = "DELETE FROM sessions WHERE id = $1"
_CREATE_TOKEN = """
INSERT INTO access_tokens (id, secret_hash, person, name, scopes, expires_at)
SELECT $1, $2, $3, $4, $5, $6
WHERE (SELECT count(*) FROM access_tokens WHERE person = $3 AND revoked_at IS NULL) < $7
RETURNING id
"""
_TOKENS = """
SELECT id, name, scopes, created_at, expires_at, last_used_at
FROM access_tokens WHERE person = $1 AND revoked_at IS NULL ORDER BY created_at DESC, id
"""
_REVOKE = """
UPDATE access_tokens SET revoked_at = now() WHERE id = $1 AND person = $2 AND revoked_at IS NULL
RETURNING id
"""
_BEARER = """
SELECT person, secret_hash, scopes, expires_at,
       last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS stale
FROM access_tokens
WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""
_ENDED = """
SELECT id FROM unnest($1::uuid[]) AS given (id)
WHERE NOT EXISTS (SELECT FROM sessions WHERE sessions.id = given.id AND expires_at > now())
AND NOT EXISTS (
    SELECT FROM access_tokens
    WHERE access_tokens.id = given.id
    AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
)
"""
_USED = "UPDATE access_tokens SET last_used_at = now() WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody proven, and how. `csrf` and `session` are given for sessions only, `token` (its id) and
    `expires` (None: never) for access tokens only.
    """

    person: UUID
    kind: Literal["session", "token", "ticket"]
    scopes: frozenset[str]
    csrf: str | None = None
    session: UUID | None = None
    token: UUID | None = None
    expires: datetime | None = None

    @property
    def credential(self) -> UUID | None:
        """The id of what was shown, as `SignIn.ended` knows it."""
        return self.token or self.session


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What its owner sees of an access token. Times are UTC; `expires_at` None: never."""

    id: UUID
    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a live ticket says. `credential`: the session or access token that it was got with, if any."""

    person: UUID
    expires: datetime
    credential: UUID | None
    may_write: bool


class SignIn:
    """Opens and recognises sessions, access tokens and tickets.

    `key` signs tickets; `clock` tells their time. What asks the database raises Unavailable when
    that is away.
    """

    def __init__(
        self, pool: Pool, key: bytes, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._pool = pool
        self._ticket_key = hmac.digest(key, b"interlink live ticket", "sha256")
        self._clock = clock
        self._reads = SharedReads()

    async def open_session(self, person: UUID) -> tuple[str, Principal]:
        """A new session and its cookie's value, good for 30 days after it was last used.

        Raises NotFound if there is no such person.
        """
        session, secret = uuid4(), secrets.token_bytes(32)
        await self._one(_FORGET_EXPIRED, person)
        try:
            await self._one(_OPEN, session, _digest(secret), person, SESSION_LIFE)
        except ForeignKeyViolationError:
            raise NotFound("no such person") from None
        return _encode(session.bytes + secret), _of_session(person, session, secret)

    async def session(self, cookie: str) -> Principal | None:
        """Whose cookie this is; None if it is no (longer a) session's."""
        data = _decode(cookie, 48)
        if data is None:
            return None
        session, secret = UUID(bytes=data[:16]), data[16:]
        row = await self._read(_SESSION, session)
        if row is None or not hmac.compare_digest(row["secret_hash"], _digest(secret)):
            return None
        if row["stale"]:
            await self._one(_SEEN, session, SESSION_LIFE)
        return _of_session(row["person"], session, secret)

    async def close_session(self, cookie: str) -> None:
        """End the session; nothing happens if the cookie is not one's."""
        principal = await self.session(cookie)
        if principal is not None:
            await self._one(_CLOSE, principal.session)

    async def create_token(
        self, person: UUID, *, name: str, scopes: Iterable[str], expires: datetime | None
    ) -> tuple[UUID, str]:
        """A new access token's id and secret, which is shown this once.

        Raises Invalid, NotFound (no such person) and Conflict (100 tokens are in use).
        """
        wanted = frozenset(scopes)
        if not wanted or not wanted <= SCOPES:
            raise Invalid(
                f"scopes are some of {', '.join(sorted(SCOPES))}", code="scopes_unknown", field="scopes"
            )
        if expires is not None and (expires.tzinfo is None or expires <= self._clock()):
            raise Invalid("a token expires in the future", code="expiry_past", field="expires")
        token, secret = uuid4(), secrets.token_bytes(32)
        values = (token, _digest(secret), person, text.name(name), sorted(wanted), expires)
        try:
            created = await self._one(_CREATE_TOKEN, *values, TOKENS_PER_PERSON)
        except ForeignKeyViolationError:
            raise NotFound("no such person") from None
        if created is None:
            raise Conflict("revoke a token first", code="too_many_tokens")
        return token, TOKEN_PREFIX + _encode(token.bytes + secret)

    async def tokens(self, person: UUID) -> list[TokenInfo]:
        """The person's access tokens that are not revoked, newest first."""
        rows = await self._all(_TOKENS, person)
        return [TokenInfo(**{**row, "scopes": frozenset(row["scopes"])}) for row in rows]

    async def revoke_token(self, person: UUID, token_id: UUID) -> None:
        """End one of the person's access tokens; raises NotFound."""
        if await self._one(_REVOKE, token_id, person) is None:
            raise NotFound("no such token")

    async def bearer(self, secret: str) -> Principal | None:
        """Whose access token this is; None if it is none, expired or revoked."""
        data = _decode(secret.removeprefix(TOKEN_PREFIX), 48)
        if data is None or not secret.startswith(TOKEN_PREFIX):
            return None
        token, key = UUID(bytes=data[:16]), data[16:]
        row = await self._read(_BEARER, token)
        if row is None or not hmac.compare_digest(row["secret_hash"], _digest(key)):
            return None
        if row["stale"]:
            await self._one(_USED, token)
        scopes = frozenset(row["scopes"])
        return Principal(row["person"], "token", scopes, token=token, expires=row["expires_at"])

    async def ended(self, credentials: Collection[UUID]) -> list[UUID]:
        """Which of these sessions and access tokens (by id) are closed, revoked or expired."""
        return [row["id"] for row in await self._all(_ENDED, list(credentials))]

    def ticket(
        self, person: UUID, document: UUID, *, credential: UUID | None = None, may_write: bool = True
    ) -> tuple[str, datetime]:
        """A token that opens one document for one person, and when it ends: in an hour.

        It tells who asks, and by what (`credential`: the id of a session or access token, which may not
        let them write). What they may do in the document is checked at each connection.
        """
        expires = self._clock().replace(microsecond=0) + TICKET_LIFE
        payload = (
            person.bytes
            + document.bytes
            + (credential or _NO_CREDENTIAL).bytes
            + int(expires.timestamp()).to_bytes(8, "big")
            + int(may_write).to_bytes(2, "big")
        )
        return _encode(payload + self._signature(payload)), expires

    def read_ticket(self, token: str, document: UUID) -> Ticket | None:
        """The ticket to this document that this is; None if it is none or over."""
        data = _decode(token, _TICKET)
        if data is None:
            return None
        payload, signature = data[:-32], data[-32:]
        if not hmac.compare_digest(signature, self._signature(payload)):
            return None
        if payload[16:32] != document.bytes:
            return None
        expires = datetime.fromtimestamp(int.from_bytes(payload[48:56], "big"), UTC)
        if expires <= self._clock():
            return None
        credential = UUID(bytes=payload[32:48])
        return Ticket(
            person=UUID(bytes=payload[:16]),
            expires=expires,
            credential=None if credential == _NO_CREDENTIAL else credential,
            may_write=bool(payload[57]),
        )

    async def _read(self, statement: str, id: UUID) -> Record | None:
        return await self._reads.read((statement, id), lambda: self._one(statement, id))

    async def _one(self, statement: str, *values: object) -> Record | None:
        with unavailable_when_away():
            return await self._pool.fetchrow(statement, *values)

    async def _all(self, statement: str, *values: object) -> list[Record]:
        with unavailable_when_away():
            return await self._pool.fetch(statement, *values)

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._ticket_key, payload, "sha256")


def _of_session(person: UUID, session: UUID, secret: bytes) -> Principal:
    csrf = hmac.digest(secret, b"interlink csrf", "sha256").hex()
    return Principal(person, "session", SCOPES, csrf, session)


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _encode(data: bytes) -> str:
    """URL-safe base64; the lengths used here are multiples of three, so there is one way to write each."""
    return base64.urlsafe_b64encode(data).decode()


def _decode(value: str, size: int) -> bytes | None:
    """Back from `_encode`; None for anything that is not `size` bytes, however hostile."""
    if len(value) != size * 4 // 3:
        return None
    try:
        return base64.b64decode(value, altchars=b"-_", validate=True)
    except ValueError:
        return None
