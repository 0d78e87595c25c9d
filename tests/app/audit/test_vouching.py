"""What cosignatures of known witnesses say of a log, and when that is not enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit import note
from app.audit.archive import NotAnArchive
from app.audit.note import COSIGNATURE, Signer
from app.audit.vouching import LATE, Vouching
from domain.errors import Invalid
from tests.app.audit.signing import LogKey

KEY = LogKey()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def witness(seed: int) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Signer(f"witness{seed}.example", key, COSIGNATURE)


FIRST, SECOND = witness(1), witness(2)


def head(size: int, *witnesses: Signer, at: datetime = NOW) -> bytes:
    signed = note.parse(KEY.checkpoint(size, bytes(32)).encode())
    lines = [found.sign(signed.text, int(at.timestamp())) for found in witnesses]
    return bytes(signed.with_signatures(lines))


def told(vouching: Vouching, size: int, last: datetime) -> list[str]:
    return list(map(str, vouching.witnesses(size, last)))


def test_each_known_witness_has_a_line() -> None:
    vouching = Vouching([KEY.vkey, FIRST.verifier.vkey, SECOND.verifier.vkey])
    for size in (10, 20, 30):
        vouching.checkpoint(head(size, *([FIRST] if size < 30 else [])))
    assert told(vouching, 30, NOW) == [
        "ok      witness witness1.example: 2 (up to 20 of 30 events, at 2026-03-01T12:00:00Z)",
        "ok      witness witness2.example: 0",
    ]


def test_a_required_witness_must_have_cosigned() -> None:
    vouching = Vouching([KEY.vkey], [FIRST.verifier.vkey])
    vouching.checkpoint(head(10, SECOND))
    assert told(vouching, 10, NOW) == ["FAILED  witness witness1.example: it cosigned nothing of this"]
    assert told(vouching, 0, NOW) == ["ok      witness witness1.example: 0"]


def test_a_required_witness_must_not_have_stopped() -> None:
    vouching = Vouching([KEY.vkey], [FIRST.verifier.vkey])
    vouching.checkpoint(head(1_000, FIRST))
    vouching.checkpoint(head(1_200))
    assert [check.ok for check in vouching.witnesses(1_200, NOW + LATE)] == [True]
    (check,) = vouching.witnesses(1_200, NOW + LATE + timedelta(seconds=1))
    assert (check.ok, check.position) == (False, 1_001)
    assert check.failure == "it cosigned nothing beyond 1,000 of 1,200 events"
    assert [check.ok for check in vouching.witnesses(1_000, NOW + timedelta(days=9))] == [True]


def test_a_wrong_cosignature_of_a_known_witness_is_named_and_others_are_passed_over() -> None:
    data = head(10, FIRST)
    forged = data.replace(FIRST.sign(note.parse(data).text, int(NOW.timestamp())).line.encode(), b"")
    forged += FIRST.sign("something else\n", 1).line.encode()
    Vouching([KEY.vkey, SECOND.verifier.vkey]).checkpoint(forged)
    with pytest.raises(NotAnArchive, match=r"witness1\.example is wrong"):
        Vouching([KEY.vkey, FIRST.verifier.vkey]).checkpoint(forged)


def test_a_witness_alone_vouches_for_nothing() -> None:
    with pytest.raises(NotAnArchive):
        Vouching([FIRST.verifier.vkey]).checkpoint(head(10, FIRST))


def test_a_time_beyond_all_calendars_is_no_accident() -> None:
    vouching = Vouching([KEY.vkey, FIRST.verifier.vkey])
    signed = note.parse(KEY.checkpoint(10, bytes(32)).encode())
    vouching.checkpoint(bytes(signed.with_signatures([FIRST.sign(signed.text, 2**63 - 1)])))
    assert "9999" in told(vouching, 10, NOW)[0]


@pytest.mark.parametrize("key", ["nobody", KEY.vkey], ids=["no key", "a log's key"])
def test_what_is_no_witness(key: str) -> None:
    with pytest.raises(Invalid):
        Vouching([KEY.vkey], [key])
