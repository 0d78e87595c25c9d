"""A log's key made for a test, and what it signs."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit import note
from app.audit.export import Evidence, SignedCheckpoint
from app.audit.vouching import manifest_text


class LogKey:
    """An Ed25519 key from a seed byte."""

    def __init__(self, seed: int = 7, name: str = "example.org/interlink") -> None:
        self.name = name
        self._signer = note.Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))
        self.vkey = self._signer.verifier.vkey

    def sign(self, text: str) -> str:
        """A signed note."""
        return bytes(note.sign(text, self._signer)).decode()

    def checkpoint(self, size: int, root: bytes) -> str:
        """A signed checkpoint."""
        return self.sign(note.Checkpoint(self.name, size, root).text)

    def manifest(self, data: bytes) -> str:
        """The signature of a manifest."""
        return self.sign(manifest_text(data))

    def evidence(self, checkpoints: Sequence[SignedCheckpoint] = ()) -> Evidence:
        """What an export needs."""
        return Evidence(checkpoints, [self.vkey], self.checkpoint, self.manifest)
