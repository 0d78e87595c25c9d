"""Notes keep to C2SP's texts: what others signed is verified, what we sign is verified by others."""

from __future__ import annotations

import base64
import contextlib
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from app.audit import note
from app.audit.note import Checkpoint, MalformedNote, Note, Signer, UntrustedNote, Verifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
LOG = Signer("log.example/events", KEY)
WITNESS = Signer("witness.example", OTHER, note.COSIGNATURE)
CHECKPOINT = Checkpoint("log.example/events", 20852163, sha256(b"root").digest())
SIGNED = note.sign(CHECKPOINT.text, LOG)

# From the tests of golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def independently_verified(data: bytes, vkey: str) -> bool:
    """A verifier of log signatures and cosignatures written from C2SP's texts alone."""
    name, key_id, key = vkey.split("+", 2)
    kind, public = base64.b64decode(key)[0], base64.b64decode(key)[1:]
    assert sha256(name.encode() + b"\x0a" + bytes([kind]) + public).hexdigest()[:8] == key_id
    at = data.rindex(b"\n\n")
    text, lines = data[: at + 1], data[at + 2 :].decode().splitlines()
    for line in lines:
        dash, signer, encoded = line.split(" ")
        raw = base64.b64decode(encoded)
        if dash == "\u2014" and signer == name and raw[:4].hex() == key_id:
            signature, message = raw[4:], text
            if kind == 4:
                seconds = int.from_bytes(signature[:8], "big")
                signature, message = signature[8:], b"cosignature/v1\ntime %d\n" % seconds + text
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
            except InvalidSignature:
                return False
            return True
    return False


def test_a_note_of_another_implementation_is_verified() -> None:
    peter = Verifier.from_vkey(PETER)
    assert peter.vkey == PETER
    found = note.parse(PETERS_NOTE.encode())
    assert note.verify(found, [peter]) == [(peter, None)]
    assert bytes(found) == PETERS_NOTE.encode()


def test_our_notes_are_verified_by_another_implementation() -> None:
    cosigned = SIGNED.with_signatures([WITNESS.sign(SIGNED.text, 1679315147)])
    for signer in (LOG, WITNESS):
        assert independently_verified(bytes(cosigned), signer.verifier.vkey)
        assert not independently_verified(
            bytes(cosigned).replace(b"20852163", b"20852164"), signer.verifier.vkey
        )


def test_a_checkpoint_says_what_was_signed() -> None:
    cosigned = SIGNED.with_signatures([WITNESS.sign(SIGNED.text, 1679315147)])
    found = note.parse(bytes(cosigned))
    assert found == cosigned
    assert note.parse_checkpoint(found) == CHECKPOINT
    assert dict(note.verify(found, [LOG.verifier, WITNESS.verifier])) == {
        LOG.verifier: None,
        WITNESS.verifier: 1679315147,
    }
    assert cosigned.with_signatures(cosigned.signatures) == cosigned


def test_the_form_is_the_specifications() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    data = (
        f"{text}\n— example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    found = note.parse(data.encode())
    checkpoint = note.parse_checkpoint(found)
    assert checkpoint.text == found.text == text
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)


@given(st.data())
def test_a_changed_byte_is_never_trusted(data: st.DataObject) -> None:
    whole = bytearray(bytes(SIGNED))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((MalformedNote, UntrustedNote)):
        note.verify(note.parse(bytes(whole)), [LOG.verifier])


def test_unknown_keys_count_for_nothing() -> None:
    with pytest.raises(UntrustedNote, match="no known key"):
        note.verify(SIGNED, [Signer(LOG.name, OTHER).verifier])
    with pytest.raises(UntrustedNote, match="no known key"):
        note.verify(SIGNED, [Signer("other.example", KEY).verifier])
    with pytest.raises(UntrustedNote, match="no known key"):
        note.verify(SIGNED, [Verifier(LOG.name, LOG.verifier.public_key, note.COSIGNATURE)])


def test_a_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    wrong = SIGNED.with_signatures([WITNESS.sign("something else\n", 1)])
    with pytest.raises(UntrustedNote, match="wrong"):
        note.verify(wrong, [LOG.verifier, WITNESS.verifier])


def test_a_cosignature_holds_for_its_time_only() -> None:
    signature = WITNESS.sign(SIGNED.text, 1679315147)
    moved = note.Signature(signature.name, signature.key_id, (9).to_bytes(8, "big") + signature.data[8:])
    with pytest.raises(UntrustedNote, match="wrong"):
        note.verify(SIGNED.with_signatures([moved]), [WITNESS.verifier])
    short = note.Signature(signature.name, signature.key_id, signature.data[:7])
    with pytest.raises(UntrustedNote, match="form"):
        note.verify(SIGNED.with_signatures([short]), [WITNESS.verifier])


LINE = SIGNED.signatures[0].line
HOSTILE = {
    "nothing": b"",
    "no signature": SIGNED.text.encode(),
    "no text": f"\n\n{LINE}".encode(),
    "no newline at the end": bytes(SIGNED)[:-1],
    "no UTF-8": b"\xff" + bytes(SIGNED),
    "carriage returns": bytes(SIGNED).replace(b"\n", b"\r\n"),
    "a NUL": b"\x00" + bytes(SIGNED),
    "a hyphen for a dash": bytes(SIGNED).replace("—".encode(), b"-"),
    "a name with a plus": f"{SIGNED.text}\n— log+example AAAAAAAA\n".encode(),
    "base64 that is none": bytes(SIGNED)[:-3] + b"!=\n",
    "text behind the signatures": bytes(SIGNED) + b"more\n",
    "too many signatures": bytes(SIGNED) + LINE.encode() * note.MAX_SIGNATURES,
    "too long": b"x" * note.MAX_BYTES + bytes(SIGNED),
    "a key id alone": f"{SIGNED.text}\n— log.example AAAAAA==\n".encode(),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=list(HOSTILE))
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedNote):
        note.parse(data)


ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


@pytest.mark.parametrize(
    "text",
    [
        "origin\n1\n",
        f"\n1\n{ROOT}\n",
        f"origin\n01\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n١\n{ROOT}\n",
        f"origin\n{2**63}\n{ROOT}\n",
        f"origin\n{'9' * 5000}\n{ROOT}\n",
        f"origin\n1\n{ROOT[4:]}\n",
        f"origin\n1\n{ROOT}\n\nextension\n",
    ],
    ids=["no root", "no origin", "zeroes", "negative", "digits", "large", "long", "short root", "empty line"],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedNote):
        note.parse_checkpoint(Note(text, ()))


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        PETER[:-4],
        PETER.replace("c74f", "c74e"),
        PETER.replace("Peter", "Pet er"),
    ],
    ids=["nothing", "name alone", "no key", "short", "another id", "a space"],
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(MalformedNote):
        Verifier.from_vkey(vkey)


@given(st.binary(max_size=300))
def test_bytes_are_a_note_or_refused(data: bytes) -> None:
    with contextlib.suppress(MalformedNote):
        assert bytes(note.parse(data)) == data
