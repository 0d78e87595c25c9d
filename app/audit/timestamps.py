"""Time stamps of others on our checkpoints (RFC 3161): that a head existed at a time, whoever holds our key.

What is stamped is the SHA-256 of a checkpoint's note text, so that `openssl ts -verify -data` can check it
too. An authority's answer is kept as it came, and believed only if its certificates lead to a root that
the operator trusts.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import httpx
import structlog
from cryptography.x509 import (
    Certificate,
    ObjectIdentifier,
    load_der_x509_certificate,
    load_pem_x509_certificates,
)
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerifierBuilder,
    decode_timestamp_response,
)

from app.audit.checkpoints import Checkpoints
from app.audit.checks import Check
from app.audit.der import certificates_in_order
from app.audit.keys import log_signer
from app.audit.note import parse
from app.audit.tree import MissingHashes
from app.database.failures import unavailable_when_away
from app.database.postgres import Pool
from app.settings import ConfigurationError, Settings
from app.subscriptions.address_guard import GuardedTransport, guarded_client, read_bounded
from app.system import System
from domain.errors import Unavailable

EVERY = 24 * 3600.0  # seconds between two time stamps
LOOK = 900.0  # seconds between two looks whether one is due; a failure is tried again after that
WITHIN = 30.0  # seconds for an answer
LARGEST = 64 * 1024  # bytes of an answer
SHA256 = ObjectIdentifier("2.16.840.1.101.3.4.2.1")

_LOCK = "SELECT pg_try_advisory_xact_lock(7035991006)"
_DUE = """
SELECT coalesce(max(made_at), 'epoch') <= now() - make_interval(secs => $2) FROM time_stamps WHERE vkey = $1
"""
_HAS = "SELECT EXISTS (SELECT FROM time_stamps WHERE vkey = $1 AND size = $2)"
_STORE = """
INSERT INTO time_stamps (vkey, size, made_at, response) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""

log = structlog.get_logger(__name__)


class BadTimeStamp(ValueError):
    """This is no time stamp of that text by somebody trusted; the message says why."""


class NotStamped(Exception):
    """The authority gave no time stamp; the message says why."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp on the checkpoint of a size: the authority's answer (DER, TimeStampResp)."""

    size: int
    response: bytes


def read(response: bytes) -> TimeStampResponse:
    """What an authority answered; raises BadTimeStamp. Nothing of it is verified yet."""
    if len(response) > LARGEST:
        raise BadTimeStamp(f"it has more than {LARGEST} bytes")
    try:
        found = decode_timestamp_response(certificates_in_order(response))
        found.tst_info.gen_time  # noqa: B018 a refusal has none
    except Exception as error:  # the reader documents none
        raise BadTimeStamp(f"it can't be read: {str(error)[:200]}") from None
    return found


def verify(response: bytes, text: str, roots: Sequence[Certificate], *, nonce: int | None = None) -> datetime:
    """When that text was there, as somebody trusted says; raises BadTimeStamp.

    `text` is the note text of a checkpoint. Without `roots` it is only checked that the stamp is of it.
    """
    found = read(response)
    try:
        if not roots:
            return _unverified(found, text)
        VerifierBuilder(roots=list(roots), nonce=nonce).build().verify_message(found, text.encode())
    except BadTimeStamp:
        raise
    except Exception as error:  # its readers of certificates raise whatever they like
        raise BadTimeStamp(str(error)[:200]) from None
    return found.tst_info.gen_time


def _unverified(found: TimeStampResponse, text: str) -> datetime:
    imprint = found.tst_info.message_imprint
    if imprint.hash_algorithm != SHA256 or imprint.message != sha256(text.encode()).digest():
        raise BadTimeStamp("it is of another text")
    return found.tst_info.gen_time


def check_stamps(
    stamps: Iterable[Stamp], texts: Mapping[int, str], size: int, *, roots: Sequence[Certificate]
) -> Check:
    """Whether each stamp is of the checkpoint of its size, and (given `roots`) of somebody trusted.

    `texts` are note texts of checkpoints by size; `size` is that of the whole log.
    """
    found = Check("time stamps")
    newest, at = 0, None
    for stamp in stamps:
        found.seen += 1
        if stamp.size not in texts:
            found.fail("there is no checkpoint that it is of", stamp.size)
            continue
        try:
            made_at = verify(stamp.response, texts[stamp.size], roots)
        except BadTimeStamp as error:
            found.fail(str(error), stamp.size)
            continue
        if stamp.size >= newest:
            newest, at = stamp.size, made_at
    if at is not None:
        by = "" if roots else ", by whom is not checked: no roots are given"
        found.note = f"(up to {newest:,} of {size:,} events, at {at:%Y-%m-%dT%H:%M:%SZ}{by})"
    return found


def trusted_roots(path: Path | None) -> list[Certificate]:
    """The certificates in a PEM file, or those that this system trusts; raises ConfigurationError."""
    if path is None:
        return [load_der_x509_certificate(der) for der in ssl.create_default_context().get_ca_certs(True)]
    try:
        return load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no PEM certificates"
        raise ConfigurationError(f"certificates of time stamps, {path}: {reason}") from None


async def stamp(pool: Pool, settings: Settings) -> int | None:
    """Have the newest head stamped now; its size, or None if it is stamped already.

    Raises NotStamped, BadTimeStamp, MissingHashes, ConfigurationError, Unavailable.
    """
    roots = await asyncio.to_thread(trusted_roots, settings.tsa_certificates)
    if not roots:
        raise ConfigurationError("TSA_CERTIFICATES: this system trusts nobody, name a file of roots")
    checkpoints, vkey = Checkpoints(pool, log_signer(settings)), log_signer(settings).verifier.vkey
    size, note = await checkpoints.covering(await checkpoints.sign_head())
    with unavailable_when_away():
        if await pool.fetchval(_HAS, vkey, size):
            return None
    text = parse(note.encode()).text
    request = TimestampRequestBuilder(text.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    response = await _post(str(settings.tsa_url), request.as_bytes())
    made_at = await asyncio.to_thread(verify, response, text, roots, nonce=request.nonce)
    with unavailable_when_away():
        await pool.execute(_STORE, vkey, size, made_at, response)
    log.info("the log's head is time-stamped", size=size)
    return size


async def stamp_if_due(system: System) -> int | None:
    """Have the newest head stamped if a day has passed since the last one, on one node; as `stamp`."""
    with unavailable_when_away():
        async with system.pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(_LOCK):
                return None
            vkey = log_signer(system.settings).verifier.vkey
            if not await connection.fetchval(_DUE, vkey, EVERY):
                return None
            return await stamp(system.pool, system.settings)


async def stamp_daily(system: System) -> None:
    """Have heads stamped for ever; returns at once without an authority."""
    if system.settings.tsa_url is None:
        return
    while True:
        try:
            await stamp_if_due(system)
        except (NotStamped, BadTimeStamp, MissingHashes, ConfigurationError, Unavailable) as error:
            log.warning("the log's head is not time-stamped", reason=str(error))
        await asyncio.sleep(LOOK * random.uniform(0.9, 1.1))


async def _post(url: str, request: bytes) -> bytes:
    """What the authority answers; raises NotStamped."""
    headers = {"Content-Type": "application/timestamp-query", "Accept-Encoding": "identity"}
    try:
        async with (
            asyncio.timeout(WITHIN),
            # the operator chose this address, so it may be on this machine or in its network
            guarded_client(GuardedTransport(allow_private=True)) as client,
            client.stream("POST", url, content=request, headers=headers) as response,
        ):
            content = await read_bounded(response, LARGEST + 1)
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NotStamped(f"the authority does not answer ({type(error).__name__})") from None
    if response.status_code != 200:
        raise NotStamped(f"the authority answered {response.status_code}")
    return content
