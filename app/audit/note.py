"""Signed notes, checkpoints and cosignatures, as C2SP defines them. Pure.

A checkpoint is a text of an origin, a tree size and a root hash, a line each, then an empty line
and one line for each signature (c2sp.org/signed-note, c2sp.org/tlog-checkpoint):

    — <key name> base64(key id ‖ signature)

The log signs the text (type 0x01, Ed25519); a witness signs a time and the text (type 0x04,
c2sp.org/tlog-cosignature), and so tells that it saw no other tree of that log.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.eventlog.merkle import HASH_SIZE

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_BYTES = 64 * 1024
MAX_SIGNATURES = 64
MAX_SIZE = 2**63 - 1  # of a tree, and of a cosignature's time

_DASH = "— "
_KEY_SIZE = 32
_SIGNATURE_SIZE = 64
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class MalformedNote(ValueError):
    """These bytes are no signed note, no checkpoint, or no key; the message says why."""


class UntrustedNote(ValueError):
    """No signature of a known key is there, or one is wrong."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who, the key's id (4 bytes), and what the algorithm made."""

    name: str
    key_id: bytes
    data: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, ended by a newline, and its signatures; nothing of it is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __bytes__(self) -> bytes:
        return f"{self.text}\n{''.join(signature.line for signature in self.signatures)}".encode()

    def with_signatures(self, signatures: Iterable[Signature]) -> Note:
        """The same with more signatures behind; each only once."""
        return Note(self.text, tuple(dict.fromkeys([*self.signatures, *signatures])))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint's text says: whose log, how many leaves, and the tree's hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note text, without extension lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key (Ed25519, 32 bytes) under a name, for one type of signature."""

    name: str
    public_key: bytes
    type: int = ED25519

    @property
    def key_id(self) -> bytes:
        """What signatures name the key by, 4 bytes."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public_key).digest()[:4]

    @property
    def vkey(self) -> str:
        """The verifier key as one line of text: name+id in hexadecimal+base64(type ‖ key)."""
        key = base64.b64encode(bytes([self.type]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def from_vkey(cls, vkey: str) -> Verifier:
        """What `vkey` gives; raises MalformedNote."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        key = _base64(encoded)
        if not _is_name(name) or len(key) != 1 + _KEY_SIZE or key[0] not in (ED25519, COSIGNATURE):
            raise MalformedNote("a verifier key is <name>+<id>+<base64> of an Ed25519 key, type 1 or 4")
        found = cls(name, key[1:], key[0])
        if found.key_id.hex() != key_id:
            raise MalformedNote("the verifier key's id is not that of its name and key")
        return found

    def time(self, text: str, signature: Signature) -> int | None:
        """Verify one signature by this key; when a cosignature was made, in seconds since 1970.

        None for a log's own, which tells no time. Raises UntrustedNote if the signature is wrong.
        """
        data, message, when = signature.data, text.encode(), None
        if self.type == COSIGNATURE:
            when, data = int.from_bytes(data[:8], "big"), data[8:]
            message = _cosigned(text, when)
        if len(data) != _SIGNATURE_SIZE or (when or 0) > MAX_SIZE:
            raise UntrustedNote(f"a signature of {self.name} has a wrong form")
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(data, message)
        except (InvalidSignature, ValueError):
            raise UntrustedNote(f"a signature of {self.name} is wrong") from None
        return when


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key under a name, for one type of signature."""

    name: str
    key: Ed25519PrivateKey
    type: int = ED25519

    @property
    def verifier(self) -> Verifier:
        """Its public side."""
        return Verifier(self.name, self.key.public_key().public_bytes_raw(), self.type)

    def sign(self, text: str, at: int = 0) -> Signature:
        """A signature of the text; a cosignature as of `at`, in seconds since 1970."""
        if self.type == COSIGNATURE:
            data = at.to_bytes(8, "big") + self.key.sign(_cosigned(text, at))
        else:
            data = self.key.sign(text.encode())
        return Signature(self.name, self.verifier.key_id, data)


def sign(text: str, *signers: Signer) -> Note:
    """A note of the text, signed by the log's keys; raises MalformedNote if the text cannot be one's."""
    return parse(bytes(Note(text, tuple(signer.sign(text) for signer in signers))))


def parse(data: bytes) -> Note:
    """The note that these bytes are; raises MalformedNote. Trust nothing in it before `verify`."""
    if len(data) > MAX_BYTES:
        raise MalformedNote(f"a note has {MAX_BYTES} bytes at most")
    try:
        content = data.decode()
    except UnicodeDecodeError:
        raise MalformedNote("a note is UTF-8") from None
    if any(character < " " and character != "\n" for character in content):
        raise MalformedNote("a note holds no control characters but newlines")
    text, separator, lines = content.rpartition("\n\n")
    if not text or not separator or not lines.endswith("\n"):
        raise MalformedNote("a note is a text, an empty line, and signature lines")
    return Note(f"{text}\n", parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Signature lines, each ended by a newline, as a witness answers them; raises MalformedNote."""
    if not lines.endswith("\n") or lines.count("\n") > MAX_SIGNATURES:
        raise MalformedNote(f"there are 1 to {MAX_SIGNATURES} signature lines, each ended by a newline")
    return tuple(_signature(line) for line in lines[:-1].split("\n"))


def parse_checkpoint(note: Note) -> Checkpoint:
    """What the note's text says of a tree; raises MalformedNote. Extension lines are left out."""
    origin, *rest = note.text[:-1].split("\n")
    if len(rest) < 2 or not origin or not all(rest):
        raise MalformedNote("a checkpoint is an origin, a size, a root hash, and no empty line")
    if not _DECIMAL.fullmatch(rest[0]) or int(rest[0]) > MAX_SIZE:
        raise MalformedNote("a checkpoint's size is a decimal number")
    root = _base64(rest[1])
    if len(root) != HASH_SIZE:
        raise MalformedNote(f"a checkpoint's root hash has {HASH_SIZE} bytes")
    return Checkpoint(origin, int(rest[0]), root)


def verify(note: Note, verifiers: Iterable[Verifier]) -> list[tuple[Verifier, int | None]]:
    """Who of the verifiers signed, and for cosignatures when (seconds since 1970).

    Signatures of other keys are left out. Raises UntrustedNote if none is there or one is wrong.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    found: dict[Verifier, int | None] = {}
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is not None:
            found[verifier] = verifier.time(note.text, signature)
    if not found:
        raise UntrustedNote("no known key signed this note")
    return list(found.items())


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    data = _base64(encoded)
    if not line.startswith(_DASH) or not space or not _is_name(name) or len(data) <= 4:
        raise MalformedNote("a signature line is a dash, a key name, and base64 of key id and signature")
    return Signature(name, data[:4], data[4:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(map(str.isspace, name)) and name.isprintable()


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedNote("this is no base64") from None
    if base64.b64encode(data).decode() != text:
        raise MalformedNote("this is no canonical base64")
    return data
