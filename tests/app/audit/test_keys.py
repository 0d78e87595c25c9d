"""The keys of an installation follow from its secret and address, and stay what they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.audit.keys import known_keys, log_signer, witness_signer
from app.audit.note import COSIGNATURE, ED25519, sign, verify
from app.database.postgres import Pool
from app.settings import Settings


def settings(**values: Any) -> Settings:
    told = {"secret_key": "a key for tests alone", "public_url": "https://log.example", **values}
    return Settings.model_validate(told)


def test_an_update_changes_no_key() -> None:
    """Whoever trusts the log holds these lines; another derivation would be another log."""
    assert (
        log_signer(settings()).verifier.vkey
        == "log.example+52f7c32c+AX4AOh2ojDeUwZw8q7MCoVRbNIGscIY/zzwFXPLZjX89"
    )
    assert (
        witness_signer(settings()).verifier.vkey
        == "log.example/audit/witness+1d8fbb25+BIDhwL/EnOW0qV5DJ52aiE2CrkvQZtQtc++tojyfdCgN"
    )


def test_each_secret_has_keys_of_its_own_and_so_has_each_purpose() -> None:
    keys = [
        signer.verifier.public_key
        for told in (settings(), settings(secret_key="another key for tests"))
        for signer in (log_signer(told), witness_signer(told))
    ]
    assert len(set(keys)) == 4
    moved = settings(public_url="https://new.example")
    assert log_signer(moved).verifier.public_key == keys[0], "the address is in the name, not in the key"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "log.example"),
        ({"public_url": "https://log.example:8443/"}, "log.example:8443"),
        ({"public_url": "https://log.example/below"}, "log.example"),
        ({"public_url": "https://user:secret@log.example"}, "log.example"),
        ({"public_url": None, "host": "127.0.0.1", "port": 8001}, "127.0.0.1:8001"),
        ({"public_url": None, "host": "::1"}, "[::1]:8000"),
    ],
)
def test_a_log_is_named_by_host_and_port(values: dict[str, Any], name: str) -> None:
    told = settings(**values)
    assert log_signer(told).name == name
    assert witness_signer(told).name == f"{name}/audit/witness"


def test_what_is_signed_is_of_its_kind() -> None:
    log, witness = log_signer(settings()), witness_signer(settings())
    assert (log.type, witness.type) == (ED25519, COSIGNATURE)
    note = sign("a\n1\nb\n", log)
    assert verify(note, [log.verifier, witness.verifier]) == [(log.verifier, None)]
    note = note.with_signatures([witness.sign(note.text, at=5)])
    assert dict(verify(note, [log.verifier, witness.verifier]))[witness.verifier] == 5


async def test_known_keys_are_told_oldest_first(pool: Pool) -> None:
    assert await known_keys(pool) == []
    for key, year in (("c", 2025), ("b", 2026), ("a", 2026)):
        since = datetime(year, 1, 1, tzinfo=UTC)
        await pool.execute("INSERT INTO log_keys (vkey, since) VALUES ($1, $2)", key, since)
    assert await known_keys(pool) == ["c", "a", "b"]
