"""Whom a verification trusts, and what those have signed: checkpoints of the log, manifests of exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from app.audit.archive import NotAnArchive
from app.audit.note import (
    ED25519,
    Checkpoint,
    MalformedNote,
    Note,
    UntrustedNote,
    Verifier,
    parse,
    parse_checkpoint,
    verify,
)
from domain.errors import Invalid

MANIFEST_TITLE = "interlink.export/v1"


def manifest_text(manifest: bytes) -> str:
    """What is signed of a manifest: its SHA-256."""
    return f"{MANIFEST_TITLE}\n{sha256(manifest).hexdigest()}\n"


class Vouching:
    """Some trusted keys, and what they signed."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: verifier keys, the log's and witnesses'; raises Invalid for one that is none."""
        try:
            self._keys = [Verifier.from_vkey(key) for key in keys]
        except MalformedNote as error:
            raise Invalid(str(error), code="key_invalid") from None
        self.roots: Mapping[int, bytes] = {}
        """The roots that the events themselves make, by size, as far as they are known."""

    def told(self, *, own: bool) -> str:
        """For people: whom the verdict trusts. `own`: the keys come with what they vouch for."""
        if not self._keys:
            return "trusted: no key"
        names = " ".join(key.vkey for key in self._keys)
        return f"trusted: {names} ({'its own: compare with the key you know' if own else 'as given'})"

    def manifest(self, data: bytes, manifest: bytes) -> None:
        """Check that a log's key signed this manifest; raises NotAnArchive."""
        note, _ = self._opened(data)
        if note.text != manifest_text(manifest):
            raise NotAnArchive("the signed manifest is another one")

    def checkpoint(self, data: bytes) -> Checkpoint:
        """What a checkpoint says, signed by the log that it names; raises NotAnArchive."""
        note, signers = self._opened(data)
        try:
            found = parse_checkpoint(note)
        except MalformedNote as error:
            raise NotAnArchive(str(error)) from None
        if found.origin not in signers:
            raise NotAnArchive("the checkpoint is not signed by the log that it names")
        return found

    def sizes(self, told: Iterable[Mapping[str, Any]]) -> set[int]:
        """The sizes for which roots are wanted."""
        return {found["size"] for found in told if type(found.get("size")) is int}

    def contradicts(self, checkpoint: Checkpoint) -> bool:
        """Whether the events make another root at that size."""
        return self.roots.get(checkpoint.size, checkpoint.root) != checkpoint.root

    def _opened(self, data: bytes) -> tuple[Note, set[str]]:
        """A note, and the names of the logs that signed it; cosignatures alone are not enough."""
        try:
            note = parse(data)
            signers = {found.name for found, _ in verify(note, self._keys) if found.type == ED25519}
        except (MalformedNote, UntrustedNote) as error:
            raise NotAnArchive(str(error)) from None
        if not signers:
            raise NotAnArchive("no known log's key signed this note")
        return note, signers
