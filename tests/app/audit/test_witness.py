"""A witness cosigns what continues what it cosigned, and nothing else, whoever asks at once."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit import note
from app.audit.note import COSIGNATURE, Signer, Verifier
from app.audit.witness import (
    EVIDENCE,
    MalformedRequest,
    NotConsistent,
    NotSigned,
    NotTheLatest,
    Submission,
    UnknownLog,
    Witness,
)
from app.database.postgres import Pool
from tests.app.audit.heads import leaves, submission
from tests.app.audit.signing import LogKey

KEY = LogKey()
SIGNER = Signer("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32), COSIGNATURE)
TREE = leaves(300)
FORKED = [*TREE[:40], *leaves(260, "forked")]


@pytest.fixture
def witness(pool: Pool) -> Witness:
    """Of the log with that key."""
    return Witness(pool, SIGNER, {KEY.name: [Verifier.from_vkey(KEY.vkey)]})


async def cosigned(witness: Witness, old: int, size: int, tree: list[bytes] = TREE) -> None:
    """Ask, and check the cosignature."""
    asked = submission(KEY, tree, old, size)
    (signature,) = note.parse_signatures(await witness.cosign(bytes(asked)))
    when = SIGNER.verifier.time(asked.note.text, signature)
    assert when is not None
    assert abs(when - time.time()) < 60


async def test_heads_that_continue_each_other_are_cosigned(witness: Witness) -> None:
    for old, size in ((0, 0), (0, 7), (7, 7), (7, 8), (8, 255), (255, 300)):
        await cosigned(witness, old, size)


async def test_a_request_from_another_head_is_told_the_size(witness: Witness) -> None:
    await cosigned(witness, 0, 100)
    for old, size in ((0, 100), (0, 200), (99, 200), (101, 200), (50, 60)):
        with pytest.raises(NotTheLatest) as refusal:
            await witness.cosign(bytes(submission(KEY, TREE, old, size)))
        assert refusal.value.size == 100


async def test_another_history_is_refused_and_kept(witness: Witness, pool: Pool) -> None:
    await cosigned(witness, 0, 100)
    with pytest.raises(NotConsistent):
        await witness.cosign(bytes(submission(KEY, FORKED, 100, 200)))
    with pytest.raises(NotTheLatest) as refusal:
        await witness.cosign(bytes(submission(KEY, FORKED, 100, 100)))
    assert refusal.value.size == 100
    kept = await pool.fetch("SELECT size, note, cosigned_size FROM refused_heads ORDER BY size")
    assert [(row["size"], row["cosigned_size"]) for row in kept] == [(100, 100), (200, 100)]
    for row in kept:
        note.verify(note.parse(row["note"].encode()), [Verifier.from_vkey(KEY.vkey)])
    await cosigned(witness, 100, 300)


async def test_evidence_is_bounded(witness: Witness, pool: Pool) -> None:
    await cosigned(witness, 0, 5)
    for size in range(41, 41 + EVIDENCE + 3):
        with pytest.raises(NotConsistent):
            await witness.cosign(bytes(replace(submission(KEY, FORKED, 5, size), proof=())))
    assert await pool.fetchval("SELECT count(*) FROM refused_heads") == EVIDENCE


async def test_a_wrong_proof_is_refused(witness: Witness) -> None:
    await cosigned(witness, 0, 100)
    right = submission(KEY, TREE, 100, 200)
    parts = right.proof
    wrong = [(), parts[:-1], (*parts, parts[0]), parts[::-1], (bytes(32), *parts[1:])]
    for proof in wrong:
        with pytest.raises(NotConsistent):
            await witness.cosign(bytes(replace(right, proof=proof)))
    with pytest.raises(NotConsistent):
        await witness.cosign(bytes(replace(submission(KEY, TREE, 100, 100), proof=parts)))
    await cosigned(witness, 100, 200)


async def test_a_first_head_has_no_proof(witness: Witness) -> None:
    with pytest.raises(NotConsistent):
        await witness.cosign(bytes(replace(submission(KEY, TREE, 0, 9), proof=(bytes(32),))))
    await cosigned(witness, 0, 9)


async def test_only_logs_that_it_knows_by_keys_that_it_knows(witness: Witness) -> None:
    with pytest.raises(UnknownLog):
        await witness.cosign(bytes(submission(LogKey(name="other.example"), TREE, 0, 9)))
    with pytest.raises(NotSigned):
        await witness.cosign(bytes(submission(LogKey(seed=8), TREE, 0, 9)))
    signed = submission(KEY, TREE, 0, 9)
    moved = submission(KEY, TREE, 0, 10)
    with pytest.raises(NotSigned):
        await witness.cosign(bytes(signed).replace(signed.note.text.encode(), moved.note.text.encode()))


async def test_of_requests_at_once_those_win_that_do_not_contradict(pool: Pool) -> None:
    witnesses = [Witness(pool, SIGNER, {KEY.name: [Verifier.from_vkey(KEY.vkey)]}) for _ in range(2)]
    await cosigned(witnesses[0], 0, 40)
    chance = random.Random(3)
    at, histories = 40, set()
    while at < 250:
        asked = [(tree, chance.randint(at + 1, at + 20)) for tree in (TREE, FORKED) for _ in range(4)]
        chance.shuffle(asked)
        answers = await asyncio.gather(
            *(
                witnesses[turn % 2].cosign(bytes(submission(KEY, tree, at, size)))
                for turn, (tree, size) in enumerate(asked)
            ),
            return_exceptions=True,
        )
        won = [pair for pair, answer in zip(asked, answers, strict=True) if isinstance(answer, str)]
        assert len(won) == 1
        assert all(isinstance(answer, str | NotTheLatest | NotConsistent) for answer in answers)
        histories.add(won[0][0] is TREE)
        at = await pool.fetchval("SELECT size FROM witnessed_heads")
        assert at == won[0][1]
    assert len(histories) == 1


async def test_the_database_itself_goes_forward_only(witness: Witness, pool: Pool) -> None:
    await cosigned(witness, 0, 100)
    for change in (
        "UPDATE witnessed_heads SET size = 99",
        "UPDATE witnessed_heads SET root = sha256(root)",
        "UPDATE witnessed_heads SET origin = 'other'",
        "DELETE FROM witnessed_heads",
        "TRUNCATE witnessed_heads",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await pool.execute(change)


def _changed(body: bytes, old: bytes, new: bytes) -> bytes:
    assert old in body
    return body.replace(old, new, 1)


RIGHT = bytes(submission(KEY, TREE, 100, 200))
MALFORMED = {
    "nothing": b"",
    "no proof": RIGHT.partition(b"\n\n")[2],
    "no note": RIGHT.partition(b"\n\n")[0],
    "zero before the size": _changed(RIGHT, b"old 100", b"old 0100"),
    "no size": _changed(RIGHT, b"old 100", b"old "),
    "sign": _changed(RIGHT, b"old 100", b"old +100"),
    "digits of another script": _changed(RIGHT, b"old 100", "old ١٠٠".encode()),
    "too large a size": _changed(RIGHT, b"old 100", b"old 9999999999999999999"),
    "larger than the head": _changed(RIGHT, b"old 100", b"old 201"),
    "two spaces": _changed(RIGHT, b"old 100", b"old  100"),
    "carriage return": _changed(RIGHT, b"old 100", b"old 100\r"),
    "no base64": _changed(RIGHT, b"old 100\n", b"old 100\n!\n"),
    "short hash": _changed(RIGHT, b"old 100\n", b"old 100\nAAAA\n"),
    "64 hashes": _changed(RIGHT, b"old 100\n", b"old 100\n" + (b"A" * 43 + b"=\n") * 64),
    "unsigned": _changed(RIGHT, "— ".encode(), b""),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        Submission.parse(body)


def test_bytes_changed_anywhere_never_make_another_error() -> None:
    chance = random.Random(5)
    for _ in range(500):
        body = bytearray(RIGHT)
        for _ in range(chance.randint(1, 3)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            Submission.parse(bytes(body))
        except MalformedRequest:
            continue
