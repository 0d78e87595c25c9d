"""Writes the file in which a log, or one process of it, leaves the house: a zip archive with a manifest.

The same content always gives the same bytes: members carry no time of their own.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from uuid import uuid4

from domain.registry import dump

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"

_CHUNK = 2**20
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ArchiveWriter:
    """Writes one archive; it appears under its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.{uuid4().hex}.part")
        self._zip = zipfile.ZipFile(self._part, "x", allowZip64=True)
        self.members: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._zip.close()
            if kind is None:
                with self._part.open("rb") as written:
                    os.fsync(written.fileno())
                self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)

    @contextmanager
    def member(self, name: str) -> Iterator[Member]:
        """A member to write to, one at a time; its size and digest go to the manifest."""
        with self._zip.open(plain_entry(name), "w", force_zip64=True) as to:
            member = Member(to)
            yield member
        self.members[name] = {"size": member.size, "sha256": member.digest()}

    def add(self, name: str, data: bytes) -> None:
        """A member at once."""
        with self.member(name) as to:
            to.write(data)

    def copy(self, name: str, data: IO[bytes]) -> None:
        """A member of what is in a file, from its beginning."""
        data.seek(0)
        with self.member(name) as to:
            while chunk := data.read(_CHUNK):
                to.write(chunk)

    def manifest(self, facts: dict[str, Any]) -> bytes:
        """Write the manifest, which names all other members; returns its bytes."""
        data = dump(facts | {"members": self.members})
        self._put(MANIFEST, data)
        return data

    def signature(self, note: str) -> None:
        """Write the signed note over the manifest."""
        self._put(SIGNATURE, note.encode())

    def _put(self, name: str, data: bytes) -> None:
        with self._zip.open(plain_entry(name), "w", force_zip64=True) as to:
            to.write(data)


class Member:
    """A member being written."""

    def __init__(self, to: IO[bytes]) -> None:
        self._to = to
        self._hash = sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._to.write(data)
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> str:
        """SHA-256 of all so far, hex."""
        return self._hash.hexdigest()


def plain_entry(name: str) -> zipfile.ZipInfo:
    """How a member stands in an archive: packed, and without a time, owner or remark."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info
