"""Whom a verification trusts, and what those have signed: checkpoints of the log, manifests of exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from app.audit.archive import NotAnArchive
from app.audit.checks import Check
from app.audit.note import (
    COSIGNATURE,
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
LATE = timedelta(hours=1)
"""How long before the last event a required witness may have cosigned for the last time."""

_LAST = 253_402_300_799  # the end of the year 9999


def manifest_text(manifest: bytes) -> str:
    """What is signed of a manifest: its SHA-256."""
    return f"{MANIFEST_TITLE}\n{sha256(manifest).hexdigest()}\n"


class Vouching:
    """Some trusted keys, and what they signed."""

    def __init__(self, keys: Sequence[str], witnesses: Sequence[str] = ()) -> None:
        """`keys`: verifier keys, the log's and witnesses'; `witnesses` those that must have cosigned.

        Raises Invalid for a key that is none.
        """
        try:
            self._keys = [Verifier.from_vkey(key) for key in keys]
            self._required = [Verifier.from_vkey(key) for key in witnesses]
        except MalformedNote as error:
            raise Invalid(str(error), code="key_invalid") from None
        if not all(key.type == COSIGNATURE for key in self._required):
            raise Invalid("that is a log's key, not a witness's", code="key_invalid")
        self._keys += self._required
        self._cosigned: dict[Verifier, list[tuple[int, int]]] = {
            key: [] for key in self._keys if key.type == COSIGNATURE
        }
        self.texts: dict[int, str] = {}
        """The note texts of all checkpoints seen so far, by size."""
        self.roots: Mapping[int, bytes] = {}
        """The roots that the events themselves make, by size, as far as they are known."""

    def told(self, *, own: bool) -> str:
        """For people: whom the verdict trusts. `own`: the keys come with what they vouch for."""
        if not self._keys:
            return "trusted: no key"
        names = " ".join(dict.fromkeys(key.vkey for key in self._keys))
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
        if not any(key.type == ED25519 and key.name == found.origin for key, _ in signers):
            raise NotAnArchive("the checkpoint is not signed by the log that it names")
        self.texts[found.size] = note.text
        for key, when in signers:
            if when is not None:
                self._cosigned[key].append((found.size, when))
        return found

    def witnesses(self, size: int, last: datetime | None) -> list[Check]:
        """What each known witness cosigned of a log of `size`, whose `last` event here is of that time.

        One that is required must have cosigned all, or have done so an hour before the last event at
        most: what it does not vouch for is then no older than that.
        """
        return [self._witness(key, size, last) for key in self._cosigned]

    def _witness(self, key: Verifier, size: int, last: datetime | None) -> Check:
        cosigned = self._cosigned[key]
        check = Check(f"witness {key.name}", seen=len(cosigned))
        upto, when = max(cosigned, default=(0, 0))
        at = _moment(when)
        check.note = f"(up to {upto:,} of {size:,} events, at {at:%Y-%m-%dT%H:%M:%SZ})" if cosigned else ""
        if key in self._required and size and not cosigned:
            check.fail("it cosigned nothing of this")
        elif key in self._required and upto < size and last is not None and at < last - LATE:
            check.fail(f"it cosigned nothing beyond {upto:,} of {size:,} events", upto + 1)
        return check

    def sizes(self, told: Iterable[Mapping[str, Any]]) -> set[int]:
        """The sizes for which roots are wanted."""
        return {found["size"] for found in told if type(found.get("size")) is int}

    def contradicts(self, checkpoint: Checkpoint) -> bool:
        """Whether the events make another root at that size."""
        return self.roots.get(checkpoint.size, checkpoint.root) != checkpoint.root

    def _opened(self, data: bytes) -> tuple[Note, list[tuple[Verifier, int | None]]]:
        """A note, and who of the known signed it (witnesses: when); cosignatures alone are not enough."""
        try:
            note = parse(data)
            signers = verify(note, self._keys)
        except (MalformedNote, UntrustedNote) as error:
            raise NotAnArchive(str(error)) from None
        if not any(key.type == ED25519 for key, _ in signers):
            raise NotAnArchive("no known log's key signed this note")
        return note, signers


def _moment(seconds: int) -> datetime:
    """That time; the last one there is, if it is later."""
    return datetime.fromtimestamp(min(seconds, _LAST), UTC)
