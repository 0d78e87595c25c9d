"""Reads an archive that a log, or one process of it, left the house in.

Archives come from anywhere: whatever a name, a size or a compressed stream claims is checked before
it is believed, nothing is ever unpacked to disk, and no more than a line is held of a large member.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from app.audit.archive_writing import MANIFEST, SIGNATURE, plain_entry
from domain.errors import Invalid

LARGEST_NUMBER = 2**63 - 1
LARGEST_LINE = 256 * 2**20
LARGEST_WHOLE = 64 * 2**20
"""Bytes that a line, or a member read at once, may have."""

_MEMBERS = 200_000
_UNPACKED, _RATIO = 2**30, 100  # an archive may unpack to 1 GiB, or to a hundred times its size
_NAME = re.compile(r"(?:documents/)?[a-z0-9][a-z0-9-]{0,63}\.[a-z]{2,6}")
_CHUNK = 2**20
_END = 22  # bytes of what ends a zip archive without a comment
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


class NotAnArchive(Invalid):
    """The file is no export, or is made to do harm."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="archive_invalid")


class Archive:
    """An archive to read. Opening raises NotAnArchive unless its structure is that of an export."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except _BROKEN as error:
            raise NotAnArchive(f"{path.name} can't be read as a zip archive: {_reason(error)}") from None
        try:
            self._entries = _checked(self._zip, path.stat().st_size)
            self.manifest_bytes = self.whole(MANIFEST)
            self.manifest = strict_json(self.manifest_bytes)
            self.members = _listed(self.manifest)
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> set[str]:
        """What is in it, but the manifest and its signature."""
        return set(self._entries) - {MANIFEST, SIGNATURE}

    def digest(self, name: str) -> tuple[int, str]:
        """Size and SHA-256 (hex) of a member; raises NotAnArchive if it can't be unpacked."""
        found, size = sha256(), 0
        with self.open(name) as member, _as_refusal(name):
            while chunk := member.read(_CHUNK):
                found.update(chunk)
                size += len(chunk)
        return size, found.hexdigest()

    def whole(self, name: str) -> bytes:
        """A small member; raises NotAnArchive if it is missing, damaged or over 64 MiB."""
        with self.open(name) as member, _as_refusal(name):
            data = member.read(LARGEST_WHOLE + 1)
        if len(data) > LARGEST_WHOLE:
            raise NotAnArchive(f"{name} is larger than such a member may be")
        return data

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a member, each without its newline; raises NotAnArchive."""
        with self.open(name) as member:
            while True:
                with _as_refusal(name):
                    line = member.readline(LARGEST_LINE)
                if not line:
                    return
                if not line.endswith(b"\n"):
                    raise NotAnArchive(f"{name} has a line without an end, or longer than one may be")
                yield line[:-1]

    def open(self, name: str) -> io.BufferedReader:
        """A member's bytes, unpacked as they are read."""
        if name not in self._entries:
            raise NotAnArchive(f"{name} is missing")
        with _as_refusal(name):
            return io.BufferedReader(_Unpacking(name, self._zip.open(self._entries[name])), _CHUNK)


class _Unpacking(io.RawIOBase):
    """A member being unpacked; raises NotAnArchive where that is not possible."""

    def __init__(self, name: str, member: IO[bytes]) -> None:
        self._name = name
        self._member = member

    def readable(self) -> bool:
        return True

    def readinto(self, to: Any) -> int:
        with _as_refusal(self._name):
            data = self._member.read(len(to))
        to[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._member.close()
        super().close()


def strict_json(data: bytes) -> dict[str, Any]:
    """A JSON object without repeated keys, NaN or numbers out of range; raises NotAnArchive."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands there twice")
        return found

    try:
        value = json.loads(
            data,
            object_pairs_hook=unique,
            parse_int=_number,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise NotAnArchive(f"this is no JSON of an export: {_reason(error)}") from None
    if not isinstance(value, dict):
        raise NotAnArchive("this is no JSON object")
    return value


def _number(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > LARGEST_NUMBER:
        raise ValueError("a number is out of range")
    return int(digits)


def _no_number(text: str) -> float:
    raise ValueError("only whole numbers are used")


def _checked(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The entries by name, once none of them is dangerous."""
    entries = archive.infolist()
    if len(entries) > _MEMBERS:
        raise NotAnArchive("the archive has too many members")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        if not _NAME.fullmatch(entry.filename) or entry.filename != entry.orig_filename:
            raise NotAnArchive(f"no member of an export is called {entry.filename[:80]!r}")
        if entry.filename in found:
            raise NotAnArchive(f"{entry.filename} is in the archive twice")
        if entry.flag_bits & 0x1 or entry.compress_type != zipfile.ZIP_DEFLATED:
            raise NotAnArchive(f"{entry.filename} is encrypted or packed in an unknown way")
        found[entry.filename] = entry
    _check_layout(archive, entries, size)
    if sum(entry.file_size for entry in entries) > max(_UNPACKED, _RATIO * size):
        raise NotAnArchive("the archive would unpack to far more than its size allows")
    return found


def _check_layout(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], size: int) -> None:
    """That the file is made of these members alone, as they are written here.

    So none overlaps another, and nothing is hidden before, between or behind them.
    """
    at, file = 0, archive.fp
    assert file is not None  # it is open
    for entry in entries:
        expected = plain_entry(entry.filename)
        expected.CRC, expected.file_size, expected.compress_size = (
            entry.CRC,
            entry.file_size,
            entry.compress_size,
        )
        header = expected.FileHeader(zip64=True)
        file.seek(at)
        if entry.header_offset != at or file.read(len(header)) != header or not _is_plain(entry):
            raise NotAnArchive(f"{entry.filename} does not lie in the archive as an export puts it there")
        at += len(header) + entry.compress_size
    file.seek(max(size - _END, 0))
    if at != archive.start_dir or archive.comment or file.read(4) != b"PK\5\6":
        raise NotAnArchive("the archive holds more than its members")


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    plain = plain_entry(entry.filename)
    told = (
        "date_time",
        "external_attr",
        "internal_attr",
        "create_system",
        "comment",
        "compress_type",
        "volume",
    )
    return all(getattr(entry, name) == getattr(plain, name, 0) for name in told)


def _listed(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    members = manifest.get("members")
    if not isinstance(members, dict) or not all(isinstance(member, dict) for member in members.values()):
        raise NotAnArchive("the manifest names no members")
    return members


@contextmanager
def _as_refusal(name: str) -> Iterator[None]:
    try:
        yield
    except NotAnArchive:
        raise
    except _BROKEN as error:
        raise NotAnArchive(f"{name} can't be unpacked: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:200] if text else type(error).__name__
