"""What vouches for the own log: the newest checkpoints under its own key, and those with time stamps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit import own
from app.audit.export import SignedCheckpoint
from app.audit.keys import log_signer
from app.audit.note import COSIGNATURE, Checkpoint, Signer, parse, parse_checkpoint, verify
from app.audit.own import evidence
from app.audit.timestamps import Stamp
from app.audit.vouching import Vouching
from app.database.postgres import Pool
from app.settings import Settings

WITNESS = Signer("w.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32), COSIGNATURE).verifier.vkey
SETTINGS = Settings.model_validate(
    {
        "secret_key": "a key for tests alone",
        "public_url": "https://log.example",
        "witnesses": f"{WITNESS} https://w.example",
    }
)
OWN = log_signer(SETTINGS).verifier.vkey


async def signed(pool: Pool, vkey: str, sizes: range) -> None:
    """Checkpoints under a key, the even ones cosigned."""
    await pool.execute("INSERT INTO log_keys (vkey) VALUES ($1)", vkey)
    rows = [(size, vkey, f"note {size}\n", "" if size % 2 else "cosigned\n") for size in sizes]
    await pool.executemany(
        "INSERT INTO checkpoints (size, vkey, root, note, cosignatures) VALUES ($1, $2, '', $3, $4)", rows
    )


async def stamped(pool: Pool, vkey: str, size: int, day: int) -> None:
    at = datetime(2026, 1, day, tzinfo=UTC)
    response = f"{size} on {day}".encode()
    await pool.execute("INSERT INTO time_stamps VALUES ($1, $2, $3, $4)", vkey, size, at, response)


async def test_the_newest_checkpoints_and_those_with_time_stamps(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "NEWEST", 3)
    monkeypatch.setattr(own, "STAMPS", 3)
    await signed(pool, OWN, range(1, 9))
    await signed(pool, "somebody else's", range(5, 20))
    for size, day in ((1, 1), (3, 2), (7, 4), (7, 3)):
        await stamped(pool, OWN, size, day)
    await stamped(pool, "somebody else's", 19, 5)
    found = await evidence(SETTINGS, pool)
    assert list(found.checkpoints) == [
        SignedCheckpoint(3, "note 3\n"),
        SignedCheckpoint(6, "note 6\ncosigned\n"),
        SignedCheckpoint(7, "note 7\n"),
        SignedCheckpoint(8, "note 8\ncosigned\n"),
    ]
    assert list(found.stamps) == [Stamp(3, b"3 on 2"), Stamp(7, b"7 on 3"), Stamp(7, b"7 on 4")]
    assert list(found.keys) == [OWN, WITNESS], "a key that only the database names is not trusted"


async def test_a_log_without_checkpoints_signs_what_it_gives_away(pool: Pool) -> None:
    found: Any = await evidence(SETTINGS, pool)
    assert (list(found.checkpoints), list(found.stamps)) == ([], [])
    note = parse(found.checkpoint(5, bytes(32)).encode())
    assert verify(note, [log_signer(SETTINGS).verifier])
    assert parse_checkpoint(note) == Checkpoint("log.example", 5, bytes(32))
    Vouching([OWN]).manifest(found.sign(b"{}").encode(), b"{}")
