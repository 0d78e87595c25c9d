"""What the manifest of an archive says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.audit import export
from app.audit.archive import NotAnArchive
from app.audit.archive_writing import MANIFEST
from app.audit.lines import bytes_of


@dataclass(frozen=True, slots=True)
class Facts:
    """The numbers of a whole export (`process` None) or of one process, and the root it is proven against."""

    process: UUID | None
    size: int
    root: bytes
    events: int
    first: int
    last: int
    documents: int


def read_facts(manifest: dict[str, Any]) -> Facts:
    """The facts of a manifest; raises NotAnArchive."""
    try:
        if manifest["format"] != export.FORMAT:
            raise NotAnArchive(f"this interlink reads {export.FORMAT}, not {str(manifest['format'])[:50]!r}")
        numbers = {name: manifest[name] for name in ("size", "events", "first", "last", "documents")}
        if not all(type(number) is int and number >= 0 for number in numbers.values()):
            raise ValueError
        if manifest.keys() != {"format", "process", "root", "members", *numbers}:
            raise ValueError
        process = None if manifest["process"] is None else UUID(manifest["process"])
        return Facts(process=process, root=bytes_of(manifest["root"]), **numbers)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotAnArchive(f"{MANIFEST} does not say what it has to") from None
