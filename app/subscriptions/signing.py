"""Standard Webhooks signatures (standardwebhooks.com, specification 1.0), and how their secrets are kept.

What is signed is `{webhook-id}.{webhook-timestamp}.{body}`. `v1` is HMAC-SHA256 with a shared secret
(`whsec_…`), `v1a` Ed25519 with a private key (`whsk_…`) whose public half (`whpk_…`) receivers hold.
While a secret is being rotated each message carries a signature of both, so that no receiver has to
change at an exact moment.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHARED = "whsec_"
PRIVATE = "whsk_"
PUBLIC = "whpk_"
_SHARED_SIZES = range(24, 65)  # bytes; the specification's bounds
_NONCE = 12  # bytes; NIST SP 800-38D, 8.2.2


class BadSecret(ValueError):
    """Not a secret of this kind, or not one that this installation's key opens."""


def new_shared_secret() -> str:
    """A random `whsec_…` of 32 bytes."""
    return SHARED + _encode(secrets.token_bytes(32))


def new_private_key() -> str:
    """A random `whsk_…`: the Ed25519 seed followed by the public key, 64 bytes."""
    key = Ed25519PrivateKey.generate()
    return PRIVATE + _encode(key.private_bytes_raw() + key.public_key().public_bytes_raw())


def public_key(private: str) -> str:
    """The `whpk_…` that verifies what `private` signs; raises BadSecret."""
    return PUBLIC + _encode(_ed25519(private).public_key().public_bytes_raw())


class Signer:
    """Signs with some keys (`whsec_` and `whsk_` alike), each of them; raises BadSecret."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise BadSecret("a message is signed with one key at least")
        self._sign = [_signs(key) for key in keys]

    def headers(self, id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The three headers of a message.

        `timestamp` is in seconds since 1970 and that of this attempt, `id` the same at each. Raises
        BadSecret.
        """
        if "." in id:
            raise BadSecret("a message's id has no dot")
        signed = f"{id}.{timestamp}.".encode() + body
        return {
            "webhook-id": id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(sign(signed) for sign in self._sign),
        }


def _signs(key: str) -> Callable[[bytes], str]:
    """What makes a key's signature of some bytes."""
    if key.startswith(PRIVATE):
        private = _ed25519(key)
        return lambda signed: "v1a," + _encode(private.sign(signed))
    shared = _shared(key)
    return lambda signed: "v1," + _encode(hmac.digest(shared, signed, "sha256"))


def _shared(secret: str) -> bytes:
    key = _decode(SHARED, secret)
    if len(key) not in _SHARED_SIZES:
        raise BadSecret("a shared secret has 24 to 64 bytes")
    return key


def _ed25519(private: str) -> Ed25519PrivateKey:
    key = _decode(PRIVATE, private)
    if len(key) != 64:
        raise BadSecret("a private key has 64 bytes")
    return Ed25519PrivateKey.from_private_bytes(key[:32])


def _encode(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _decode(prefix: str, text: str) -> bytes:
    if not text.startswith(prefix):
        raise BadSecret(f"this starts with {prefix}")
    try:
        return base64.b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret(f"what follows {prefix} is base64") from None


class SecretCipher:
    """AES-256-GCM under a key derived (HKDF, RFC 5869) from the installation's secret.

    What is sealed for one subscription does not open for another.
    """

    def __init__(self, installation_key: bytes) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=b"interlink webhook secrets v1")
        self._cipher = AESGCM(derived.derive(installation_key))

    def seal(self, secret: str, subscription: UUID) -> bytes:
        """The bytes to store: nonce, ciphertext, tag."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), subscription.bytes)

    def open(self, sealed: bytes, subscription: UUID) -> str:
        """What was sealed; raises BadSecret, for instance after SECRET_KEY was changed."""
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], subscription.bytes)
        except (InvalidTag, ValueError):
            raise BadSecret("sealed with another key, or for another subscription") from None
        return plain.decode()
