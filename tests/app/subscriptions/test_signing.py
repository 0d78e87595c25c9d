"""Signatures that the reference libraries accept, and secrets that only their own key opens."""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.subscriptions.signing import (
    BadSecret,
    SecretCipher,
    Signer,
    new_private_key,
    new_shared_secret,
    public_key,
)
from app.subscriptions.webhook import NewKeys, Webhooks
from app.system import System
from tests.app.api.conftest import Somebody
from tests.app.subscriptions.hooks import a_webhook, system
from tests.nodejs import Node

__all__ = ["system"]

BODY = '{"type":"plan.node_added","data":{"title":"Žuvis – ēdiens"}}'.encode()


def now() -> int:
    return int(time.time())


def test_the_reference_library_verifies_ours() -> None:
    secret = new_shared_secret()
    headers = Signer([secret]).headers("evt-1", now(), BODY)
    assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)


@given(st.text(), st.uuids(), st.binary(min_size=24, max_size=64))
def test_ours_is_what_the_reference_library_signs(body: str, id: object, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    at = now()
    ours = Signer([secret]).headers(str(id), at, body.encode())["webhook-signature"]
    assert ours == Webhook(secret).sign(str(id), datetime.fromtimestamp(at, UTC), body)


def test_a_changed_byte_is_not_verified() -> None:
    secret = new_shared_secret()
    headers = Signer([secret]).headers("evt-1", now(), BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.replace(b"data", b"dato"), headers)


def test_the_libraries_of_both_languages_verify_while_a_secret_is_rotated() -> None:
    old, new, key = new_shared_secret(), new_shared_secret(), new_private_key()
    headers = Signer([new, old, key]).headers(str(uuid4()), now(), BODY)
    asked = {"body": BODY.decode(), "headers": headers, "secrets": [old, new, new_shared_secret()]}
    answer = json.loads(Node().run("verify_webhook.mjs", stdin=json.dumps(asked), timeout=250))
    assert answer == [True, True, False]
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers)


def test_the_public_key_verifies_the_asymmetric_signature() -> None:
    private = new_private_key()
    at = now()
    [version, signature] = Signer([private]).headers("evt-1", at, BODY)["webhook-signature"].split(",")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(private).removeprefix("whpk_")))
    public.verify(base64.b64decode(signature), b"evt-1.%d." % at + BODY)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature), b"evt-2.%d." % at + BODY)
    assert version == "v1a"


def verified(secret_or_public: str, headers: dict[str, str], body: bytes) -> bool:
    """What the specification says, and nothing of ours: whether any signature of the key's kind is right."""
    kind, _, encoded = secret_or_public.partition("_")
    key = base64.b64decode(encoded)
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    for one in headers["webhook-signature"].split(" "):
        version, _, signature = one.partition(",")
        given = base64.b64decode(signature)
        if (kind, version) == ("whsec", "v1"):
            inner = hashlib.sha256(bytes(b ^ 0x36 for b in key.ljust(64, b"\0")) + content).digest()
            if hashlib.sha256(bytes(b ^ 0x5C for b in key.ljust(64, b"\0")) + inner).digest() == given:
                return True  # RFC 2104
        elif (kind, version) == ("whpk", "v1a"):
            with suppress(InvalidSignature):
                Ed25519PublicKey.from_public_bytes(key).verify(given, content)
                return True
    return False


def from_the_documentation() -> Callable[[str, dict[str, str], bytes], bool]:
    """What docs/streams.md tells receivers to do."""
    page = (Path(__file__).parents[3] / "docs" / "streams.md").read_text()
    [recipe] = re.findall(r"```python\n(import base64.*?)```", page, re.DOTALL)
    found: dict[str, Any] = {}
    exec(recipe, found)
    return cast(Callable[[str, dict[str, str], bytes], bool], found["is_genuine"])


async def test_others_verify_both_kinds_before_while_and_after_keys_are_rotated(
    system: System, ana: Somebody
) -> None:
    """Two verifiers that share nothing with us, over the keys as they are stored and rotated."""
    webhooks = Webhooks(system.pool, system.settings.signing_key())
    webhook = await a_webhook(system, ana.person, "http://127.0.0.1/")
    documented = from_the_documentation()

    async def accepts(*keys: NewKeys) -> list[tuple[bool, bool, bool]]:
        headers = Signer(await webhooks.keys(webhook)).headers("evt-1", now(), BODY)
        changed = headers | {"webhook-timestamp": str(now() - 1000)}
        assert not any(documented(one.public_key, changed, BODY) for one in keys)
        assert not any(verified(one.secret, headers, BODY + b" ") for one in keys)
        return [
            (
                verified(one.secret, headers, BODY),
                verified(one.public_key, headers, BODY),
                documented(one.public_key, headers, BODY),
            )
            for one in keys
        ]

    yes, no = (True, True, True), (False, False, False)
    first = await webhooks.rotate(webhook)
    assert await accepts(first) == [yes]
    second = await webhooks.rotate(webhook)
    assert await accepts(first, second) == [yes, yes]
    third = await webhooks.rotate(webhook)
    assert await accepts(first, second, third) == [no, yes, yes]
    await system.pool.execute("UPDATE webhook_keys SET retires_at = now() WHERE retires_at IS NOT NULL")
    assert await accepts(first, second, third) == [no, no, yes]


@pytest.mark.parametrize(
    "key",
    ["", "whsec_", "whsec_AAAA", "whsec_!!!!", "whsk_AAAA", "secret", "whpk_" + "A" * 44],
    ids=["empty", "no key", "short", "not base64", "short private", "no prefix", "public"],
)
def test_what_is_no_key_signs_nothing(key: str) -> None:
    with pytest.raises(BadSecret):
        Signer([key]).headers("evt-1", now(), BODY)


def test_nothing_goes_out_unsigned() -> None:
    with pytest.raises(BadSecret):
        Signer([]).headers("evt-1", now(), BODY)
    with pytest.raises(BadSecret):
        Signer([new_shared_secret()]).headers("evt.1", now(), BODY)


def test_a_sealed_secret_opens_with_its_key_and_for_its_subscription_only() -> None:
    cipher, subscription, secret = SecretCipher(b"installation"), uuid4(), new_shared_secret()
    sealed = cipher.seal(secret, subscription)
    assert cipher.open(sealed, subscription) == secret
    assert secret.encode() not in sealed
    assert cipher.seal(secret, subscription) != sealed
    for other, where, what in (
        (SecretCipher(b"another"), subscription, sealed),
        (cipher, uuid4(), sealed),
        (cipher, subscription, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (cipher, subscription, sealed[:5]),
    ):
        with pytest.raises(BadSecret):
            other.open(what, where)
